// sluice explain --lines: a JSON line for each text on standard input. What measures detection, and what a pipe wants.
#pragma once

#include <istream>
#include <memory>
#include <ostream>

#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/explain.hpp"
#include "sluice/policy/snapshot.hpp"

namespace sluice::app {

// Holds each line's {"text": …}, or {"messages": [{"role", "content", "part"}]}, against the rules for asked.who; asked.text is not
// used, its role and part are those of what does not say. An answer with "stream": true comes in single code points. Returns the exit
// code; a line that is no such object is complained about and ends the run.
[[nodiscard]] int explain_lines(const std::shared_ptr<const policy::snapshot>& compiled, const policy::explain_request& asked,
                                std::istream& in, std::ostream& out);

}  // namespace sluice::app
