// A TCP connection, plain or TLS, driven by callbacks and made for a proxy: an idle connection owns no buffer, a write
// that the kernel takes at once costs one system call and no allocation. Used on its event loop's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "sluice/base/result.hpp"
#include "sluice/transport/event_loop.hpp"
#include "sluice/transport/tls.hpp"

namespace sluice::transport {

using endpoint = boost::asio::ip::tcp::endpoint;

// Told by the event loop, never from inside a call of the stream. A listener may close or destroy the stream in any of
// these.
class stream_listener {
 public:
  // The connection stands and, over TLS, the peer is verified.
  virtual void on_connected() = 0;
  // `bytes` are lent for this call.
  virtual void on_bytes(std::string_view bytes) = 0;
  // The peer will send nothing more; writing may still work. Reading is off.
  virtual void on_eof() = 0;
  // What write() had to queue is with the kernel.
  virtual void on_drained() = 0;
  // The connection is of no more use: reset, TLS failure, connect failure. Codes: closed, unavailable, integrity (TLS).
  virtual void on_failed(const error& why) = 0;

 protected:
  ~stream_listener() = default;
};

class stream {
 public:
  // `listener` must outlive the stream or its close().
  stream(event_loop& loop, stream_listener& listener);
  ~stream();
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  // Takes over an accepted, non-blocking socket; closes it when that fails. With `tls` the handshake is started, and
  // on_connected follows; without, the stream is ready at once and on_connected is not called.
  [[nodiscard]] bool adopt(int descriptor, std::shared_ptr<const tls_context> tls);
  // Tries the endpoints in turn; on_connected or on_failed follows. `host` is the name to verify when there is `tls`. `within` is the
  // caller's deadline for all of it, which the caller keeps: here it only makes an endpoint that does not answer leave its share of
  // the time to those behind it.
  void connect(std::vector<endpoint> where, std::shared_ptr<const tls_context> tls, std::string host, milliseconds within);

  // Reading is off at first. Off means: no more on_bytes, the kernel's buffer fills, the peer is slowed down.
  void read_on();
  void read_off();
  // After on_eof: have on_failed called when the peer resets, although nothing is read any more.
  void watch_reset();

  // Sends what the kernel takes now and queues a copy of the rest. False: the connection is broken; close it.
  // (on_failed is not called for that.)
  [[nodiscard]] bool write(std::string_view bytes);
  [[nodiscard]] std::size_t queued_bytes() const;
  // Bytes of the caller that the kernel has taken since the stream began.
  [[nodiscard]] std::uint64_t sent_bytes() const;
  // Bytes, those of TLS among them, of which the peer's machine has said that it has them; none: the system does not tell. Also once the peer
  // has ended its direction: what was not with it then, nobody there had read.
  [[nodiscard]] std::optional<std::uint64_t> acknowledged_bytes() const;

  // Ends our direction (TLS close_notify, then FIN); the peer may still send. What is queued is lost: wait for
  // on_drained.
  void shutdown_send();
  // Ends the connection; no listener call follows.
  void close();
  [[nodiscard]] bool is_open() const;
  // "203.0.113.9"; empty when the peer is already gone.
  [[nodiscard]] std::string peer_address() const;

  class core;

 private:
  std::shared_ptr<core> core_;  // pending operations hold it too
};

}  // namespace sluice::transport
