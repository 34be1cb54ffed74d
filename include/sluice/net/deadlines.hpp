// How long the data plane waits for what. From what to what each runs: docs/threading.md, "Timers".
#pragma once

#include "sluice/base/clock.hpp"

namespace sluice::net {

// The configuration's defaults are these; pool_idle it cannot change.
struct deadlines {
  milliseconds connect{5000};
  milliseconds first_byte{600'000};    // of an answer's whole head, since the request was handed to the socket
  milliseconds idle{600'000};          // between pieces of an answer
  milliseconds whole{1'800'000};
  milliseconds client_head{10'000};    // from the first byte of a head to its end; also of a client's TLS handshake
  milliseconds client_body{60'000};    // between pieces of a request body, and between those that a slow client takes of its answer
  milliseconds client_idle{75'000};    // between requests
  milliseconds keep_alive{15'000};     // after which a client that waits for held text gets a sign of life
  milliseconds pool_idle{55'000};      // of a kept upstream connection: others close theirs after a minute or more, and going first avoids stale ones
};

}  // namespace sluice::net
