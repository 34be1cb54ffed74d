// Waits until what a bundle's folder says has changed, or somebody wants to end.
#pragma once

#include <csignal>
#include <string>

#include "sluice/store/directory_watch.hpp"

namespace sluice::app {

class bundle_watch {
 public:
  explicit bundle_watch(std::string folder);
  ~bundle_watch();
  bundle_watch(const bundle_watch&) = delete;
  bundle_watch& operator=(const bundle_watch&) = delete;

  // Returns after a change of the files that count, once the folder is quiet; files of an editor are none. False: SIGINT or SIGTERM, which
  // outside of this call end the process as they always do.
  [[nodiscard]] bool wait_for_change();

 private:
  [[nodiscard]] std::string state() const;
  [[nodiscard]] bool asked_to_end() const;
  [[nodiscard]] bool changed();
  std::string folder_, seen_;
  sigset_t ends_ = {};
  int signals_ = -1;
  store::directory_watch watch_;
};

}  // namespace sluice::app
