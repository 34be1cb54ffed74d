// A folder as the source of versions. Its activations are epoch 1, counted by this node.
#pragma once

#include "sluice/store/directory_watch.hpp"
#include "node.hpp"
#include "retry.hpp"
#include "source.hpp"

namespace sluice::store {

class directory_source final : public source {
 public:
  directory_source(const agent_config& config, store::node& node) : config_(config), node_(node), watch_(config.directory), again_(config.again_after) {}
  void look() override;
  void wait(int wake_fd) override;

 private:
  [[nodiscard]] bool settle(int wake_fd);
  [[nodiscard]] bool being_edited();
  void take(bool may_wait);
  const agent_config& config_;
  store::node& node_;
  directory_watch watch_;
  bool edited_ = false;  // an edit is going on, or has not been quiet for long enough
  std::string refused_version_;
  retry again_;
  std::string last_problem_;
};

}  // namespace sluice::store
