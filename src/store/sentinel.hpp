// Where the master is, by Redis Sentinel (https://redis.io/docs/latest/develop/reference/sentinel-clients/). One thread.
#pragma once

#include "sluice/base/clock.hpp"
#include "sluice/base/result.hpp"
#include "sluice/store/redis_url.hpp"

namespace sluice::store {

// `to` with the host and port of the master, and no sentinels. The first Sentinel that knows it is believed: signatures, not addresses, say whose
// activations count. errc::unavailable: none of them knows.
[[nodiscard]] result<redis_endpoint> find_master(const redis_endpoint& to, milliseconds timeout);

}  // namespace sluice::store
