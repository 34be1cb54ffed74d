// Packs and reads the decision log's closed files with Zstandard, and tidies them in the background.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "sluice/audit/retention.hpp"
#include "sluice/audit/text_keys.hpp"

namespace sluice::app {

// Before any log is read or written.
void install_log_packing();

// Looks over a node's files now and then, on a thread of its own: packing one takes a second of a processor.
class log_tidying {
 public:
  // `key_directory`: of kept text; the log is told what becomes of its keys.
  log_tidying(audit::log& to, std::string directory, std::string node, audit::retention rules, std::string key_directory);
  ~log_tidying();
  log_tidying(const log_tidying&) = delete;
  log_tidying& operator=(const log_tidying&) = delete;

 private:
  void run();
  void look();
  void tell_erasures();
  audit::log& to_;
  std::string directory_, node_, told_;
  audit::retention rules_;
  audit::retention_memory memory_;  // thread_'s
  audit::erasure_watch erasures_;   // thread_'s
  std::mutex lock_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace sluice::app
