// What a gate saw, in files: for machines, for people, for a CI system; and, of a gate that did not pass, all that it takes to come to the same again.
#pragma once

#include <string>

#include "gate_run.hpp"

namespace sluice::app {

// Where reports go; "" for none.
struct report_files {
  std::string json, html, junit;
};
[[nodiscard]] std::string report_json(const bundle_input& input, const gate_run& run);
// Those that were named. False: one cannot be written, which was complained about.
[[nodiscard]] bool write_reports(const report_files& files, const bundle_input& input, const gate_run& run);

// Of a gate that did not pass: keeps its report, and the bundle that it was held against (null: none), in a new folder for temporary files. What it says
// is where that is, and the command that comes to the same.
[[nodiscard]] std::string keep_refused(const bundle_input& input, const bundle_input* active, const gate_request& asked, const gate_run& run);

}  // namespace sluice::app
