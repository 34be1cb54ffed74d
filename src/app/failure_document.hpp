// What a command that failed says to machines. With --json, one that ends with an exit code other than 0 and has printed nothing gives one
// document of what it complained about on standard output; people read the same on stderr. One for the process, made before any command
// runs, and its thread's alone: what other threads complain about is not how a command ends.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sluice::app {

struct complaint {
  std::string what, advice;
};

// {"ok": false, "error", "advice"} of the last complaint, which is how the command ended; with "complaints", all in their order, where there were
// several. `more`: complaints that were too many to keep.
[[nodiscard]] std::string failure_json(const std::vector<complaint>& all, std::size_t more, int exit_code);

class failure_document {
 public:
  // Not `wanted`: it keeps nothing and says nothing. Otherwise it watches std::cout while it lives.
  explicit failure_document(bool wanted);
  ~failure_document();
  failure_document(const failure_document&) = delete;
  failure_document& operator=(const failure_document&) = delete;

  // On another thread it keeps nothing.
  void keep(const std::string& what, const std::string& advice);
  // At the end: prints the document where the command failed and has printed nothing.
  void tell(int exit_code);

 private:
  class watched_output;
  std::unique_ptr<watched_output> output_;
  const std::thread::id thread_ = std::this_thread::get_id();
  std::vector<complaint> complaints_;
  std::size_t more_ = 0;
};

// What people have read already, or read otherwise: it stands in the document of this process, if there is one. complain() calls it.
void keep_complaint(const std::string& what, const std::string& advice = {});

}  // namespace sluice::app
