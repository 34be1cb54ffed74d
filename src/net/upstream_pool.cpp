// See upstream_pool.hpp.
#include "upstream_pool.hpp"

#include <algorithm>

#include "upstream_connection.hpp"
#include "worker.hpp"

namespace sluice::net {

upstream_pool::upstream_pool(worker& o, const upstream_endpoint& where,
                             std::shared_ptr<const transport::tls_context> tls)
    : owner(o), where_(where), tls_(std::move(tls)), addresses_(o.loop, where.host, where.port) {}

upstream_pool::~upstream_pool() = default;

upstream_connection& upstream_pool::ask(upstream_user& user, std::string_view request, bool is_head, bool fresh) {
  while (!fresh && !idle_.empty()) {
    auto& c = *idle_.back();
    idle_.pop_back();
    if (c.reuse(user, request, is_head)) return c;
    remove(c);
  }
  all_.push_back(std::make_unique<upstream_connection>(*this, all_.size()));
  owner.services.counters().upstream_connections.add(1);
  auto& made = *all_.back();
  made.open(user, request, is_head);
  return made;
}

void upstream_pool::connect(upstream_connection& c) {
  // The connection may be gone when a lookup ends: ask by what it was called, not by where it lay.
  addresses_.get([this, who = &c, serial = c.serial](const transport::address_cache::answer& found) {
    const auto at =
        std::ranges::find_if(all_, [&](const auto& one) { return one.get() == who && one->serial == serial; });
    if (at != all_.end()) (*at)->resolved(found, tls_, where_.host);
  });
}

void upstream_pool::put_idle(upstream_connection& c) {
  if (owner.stopping() || idle_.size() >= owner.config.pool_idle_max) return remove(c);
  idle_.push_back(&c);
}

void upstream_pool::remove(upstream_connection& c) {
  std::erase(idle_, &c);
  c.shut();
  const auto at = c.index;
  auto dead = std::move(all_[at]);
  if (at + 1 != all_.size()) {
    all_[at] = std::move(all_.back());
    all_[at]->index = at;
  }
  all_.pop_back();
  owner.services.counters().upstream_connections.add(-1);
  owner.bury(std::move(dead));
}

}  // namespace sluice::net
