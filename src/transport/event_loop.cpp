// See event_loop.hpp.
#include "sluice/transport/event_loop.hpp"

namespace sluice::transport {

// UNSAFE_IO: the reactor's own locks are left out because one thread runs the loop; posting from other threads stays
// safe.
event_loop::event_loop()
    : io_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      wheel_(io_),
      sockets_(io_),
      buffer_(std::make_unique_for_overwrite<char[]>(read_buffer_bytes)) {}

}  // namespace sluice::transport
