// The connections of one worker to one upstream: those that carry an exchange, and idle ones kept for the next.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/net/server.hpp"
#include "sluice/transport/resolver.hpp"
#include "sluice/transport/tls.hpp"

namespace sluice::net {

class worker;
class upstream_connection;
class upstream_user;

class upstream_pool {
 public:
  upstream_pool(worker& owner, const upstream_endpoint& where, std::shared_ptr<const transport::tls_context> tls);
  ~upstream_pool();
  upstream_pool(const upstream_pool&) = delete;
  upstream_pool& operator=(const upstream_pool&) = delete;

  // Sends `request` (which must stay as it is until the answer begins or fails) on an idle connection or a new one.
  // `fresh`: always a new one.
  upstream_connection& ask(upstream_user& user, std::string_view request, bool is_head, bool fresh);

  void put_idle(upstream_connection& c);
  void remove(upstream_connection& c);
  void connect(upstream_connection& c);
  void distrust_addresses() { addresses_.distrust(); }

  worker& owner;

 private:
  const upstream_endpoint& where_;
  std::shared_ptr<const transport::tls_context> tls_;
  transport::address_cache addresses_;
  std::vector<std::unique_ptr<upstream_connection>> all_;
  std::vector<upstream_connection*> idle_;  // the last used is taken first: the others may age out
};

}  // namespace sluice::net
