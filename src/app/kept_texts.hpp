// Records of decision logs and, where the log keeps it sealed, their text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sluice/audit/replay.hpp"

namespace sluice::app {

// The record with the whole of a decision: what closed a stream, or the one there is. errc::not_found: these logs do not have it.
[[nodiscard]] result<std::string> record_of_decision(const std::vector<std::string>& log_folders, const std::string& id);

// The gateway's master secret in the file that --secret names; "" where none was named. Nothing: it cannot be read, which was complained about.
[[nodiscard]] std::optional<std::string> read_master(const std::string& file);

// Opens kept texts with a gateway's master secret ("": none was given, and nothing opens) and the folders of its text keys. One thread.
class kept_texts {
 public:
  // `states`: state directories, each of which holds such a folder.
  kept_texts(std::string master, std::vector<std::string> key_folders, const std::vector<std::string>& states);
  // errc::not_found: not kept, erased, or no secret; any other: it is kept, and does not open with what was given. The message says why.
  [[nodiscard]] result<audit::kept_exchange> open(const std::string& line) const;

 private:
  std::string master_;
  std::vector<std::string> folders_;
};

}  // namespace sluice::app
