// A web server as the source of versions: one archive behind a URL, asked for again and again with the ETag of what is known. Where the server can wait
// (Prefer: wait, RFC 7240), a change arrives at once.
#pragma once

#include "node.hpp"
#include "retry.hpp"
#include "ring_layout.hpp"
#include "sluice/store/archive.hpp"
#include "source.hpp"

namespace sluice::store {

class https_source final : public source {
 public:
  https_source(const agent_config& config, store::node& node) : config_(config), node_(node), again_(config.again_after) {}
  // For a few seconds: a gateway that starts serves what its disk has, and goes on asking beside.
  void look() override;
  void wait(int wake_fd) override;
  void trust_changed() override {
    etag_.clear();
    refused_.clear();
  }

 private:
  void ask(milliseconds wait, int wake_fd);
  [[nodiscard]] result<downloaded> download(milliseconds wait, int wake_fd);
  void refuse(const std::string& what, policy::activation as = {}, const std::string& version = {});
  void take(const std::string& bytes);
  void answers_the_same();
  [[nodiscard]] placing placing_of(const manifest& of) const;
  [[nodiscard]] result<manifest> checked_manifest(const bundle_archive& from, wall_time t) const;
  [[nodiscard]] bool runs_record(const activation_record& record) const;
  void settle();
  [[nodiscard]] bool follows(const activation_record& record);
  const agent_config& config_;
  store::node& node_;
  std::string etag_;
  std::string digest_;   // SHA-256 of the archive that is looked at
  std::string refused_;  // SHA-256 of the archive that was refused last: a server without ETags hands it out again and again
  std::string behind_;   // how the archive that is served is behind this node; "": it is not
  bool settled_ = false;
  retry again_;  // what is tried again: the archive
  mono_time next_{};
  milliseconds back_off_{0};
};

}  // namespace sluice::store
