// One TCP connection, plain or TLS, client or server side, driven by callbacks on one io_context thread.
//
// Reads lend bytes: a plain connection waits for readability and then reads into a buffer that all connections of the worker
// share, so an idle connection owns none. Writes go to the socket at once; only what it does not take is queued.
// No member calls back from inside itself: events come from the io_context. The one who handles an event may destroy the stream.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "sluice/transport/resolver.hpp"
#include "sluice/transport/tls.hpp"

namespace sluice::transport {

enum class end_reason : std::uint8_t {
  eof,      // the peer closed its sending side in order
  reset,    // reset, or a read or write failed
  refused,  // connect(): no address answered
  tls,      // the handshake failed; `detail` says why (an expired certificate, another name, …)
};

class stream_events {
 public:
  virtual ~stream_events() = default;
  virtual void on_open() {}                                            // connected, handshake included
  virtual void on_data(std::string_view bytes) = 0;                    // valid during the call
  virtual void on_end(end_reason why, std::string_view detail) = 0;    // at most once
  virtual void on_drained() {}                                         // the queue became empty after it was not
};

class stream {
 public:
  // `shared` is the worker's read buffer; it must outlive the stream.
  stream(boost::asio::io_context& context, std::span<char> shared);
  ~stream();  // closes; no event comes afterwards
  stream(const stream&) = delete;
  stream& operator=(const stream&) = delete;

  // Who hears events from now on (null: nobody; events are lost).
  void listen(stream_events* to);
  // Connects to the addresses in their order. `tls` null: plain. `name` is sent as SNI and must be in the certificate.
  void connect(endpoints to, tls_context* tls, const std::string& name);
  // Takes an accepted socket; with `tls` the handshake runs first. on_open follows when it is done; plain sockets are open at once and send none.
  void adopt(boost::asio::ip::tcp::socket accepted, tls_context* tls);

  // Reading is off until asked for. Turning it off keeps bytes in the kernel: that is the back-pressure.
  void read(bool on);
  // Sends, or queues what the socket does not take now.
  void write(std::string_view bytes);
  [[nodiscard]] std::size_t queued() const;
  // FIN after what is queued (TLS: close_notify first, as far as it can be sent).
  void finish_writing();
  void close();
  [[nodiscard]] bool is_open() const;

 private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

}  // namespace sluice::transport
