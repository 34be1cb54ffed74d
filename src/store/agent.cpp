// The agent's thread: one of two loops over the node.
#include "sluice/store/agent.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "directory_source.hpp"
#include "https_source.hpp"
#include "node.hpp"
#include "redis_source.hpp"
#include "sluice/base/threads.hpp"

namespace sluice::store {

struct agent::impl {
  agent_config config;
  agent::callbacks calls;
  store::node node;
  std::unique_ptr<source> from;
  std::atomic<bool> stopping{false}, look{false};
  int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::thread thread;
  std::mutex lock;                        // of new_trust
  std::optional<store::trust> new_trust;  // becomes config.trust on the agent's thread, which alone reads that
  std::mutex asked_lock;  // of what others asked for
  std::vector<rule_demotion> to_demote;
  std::vector<std::string> to_rearm;

  void do_what_was_asked() {
    std::vector<rule_demotion> demote;
    std::vector<std::string> rearm;
    {
      const std::scoped_lock hold(asked_lock);
      demote.swap(to_demote);
      rearm.swap(to_rearm);
    }
    for (const auto& rule : rearm) node.rearm(rule);
    if (demote.empty() && rearm.empty()) return;
    if (!demote.empty()) node.demote(demote);
    from->tell_soon();
  }

  impl(agent_config c, agent::callbacks k) : config(std::move(c)), calls(std::move(k)), node(config, calls) {
    if (config.redis) {
      from = std::make_unique<redis_source>(config, node);
    } else if (config.download) {
      from = std::make_unique<https_source>(config, node);
    } else {
      from = std::make_unique<directory_source>(config, node);
    }
  }

  void run() {
    node.set_meanwhile([this] {
      do_what_was_asked();
      from->meanwhile();
    });
    while (!stopping.load()) {
      if (take_trust()) from->trust_changed();
      if (look.exchange(false)) from->look();
      from->wait(wake);
      std::uint64_t ignored = 0;
      (void)!::read(wake, &ignored, sizeof ignored);
      do_what_was_asked();
      node.tick();
    }
    from->leave();
  }

  bool take_trust() {
    const std::scoped_lock hold(lock);
    if (!new_trust) return false;
    config.trust = std::move(*new_trust);
    new_trust.reset();
    return true;
  }

  void rouse() const {
    const std::uint64_t one = 1;
    (void)!::write(wake, &one, sizeof one);
  }
};

agent::agent(agent_config config, callbacks calls) : impl_(std::make_unique<impl>(std::move(config), std::move(calls))) {}

agent::~agent() {
  impl_->stopping.store(true);
  impl_->rouse();
  if (impl_->thread.joinable()) impl_->thread.join();
  ::close(impl_->wake);
}

void agent::start() {
  impl_->node.restore();
  impl_->from->look();
  impl_->node.tick();
  impl_->thread = start_thread([x = impl_.get()] { x->run(); });
}

void agent::reload() {
  impl_->look.store(true);
  impl_->rouse();
}

void agent::set_trust(store::trust whom) {
  {
    const std::scoped_lock hold(impl_->lock);
    impl_->new_trust = std::move(whom);
  }
  reload();
}

void agent::demote(std::vector<rule_demotion> what) {
  {
    const std::scoped_lock hold(impl_->asked_lock);
    impl_->to_demote.insert(impl_->to_demote.end(), std::make_move_iterator(what.begin()), std::make_move_iterator(what.end()));
  }
  impl_->rouse();
}

void agent::rearm(std::string rule) {
  {
    const std::scoped_lock hold(impl_->asked_lock);
    impl_->to_rearm.push_back(std::move(rule));
  }
  impl_->rouse();
}

agent_status agent::status() const { return impl_->node.status(); }

}  // namespace sluice::store
