// The state of a stream. Operations in flight hold it by shared_ptr, so the stream may go while one is pending.
#pragma once

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <vector>

#include "sluice/transport/stream.hpp"

namespace sluice::transport {

using boost::asio::ip::tcp;
using boost::system::error_code;
namespace ssl = boost::asio::ssl;

struct stream::impl : std::enable_shared_from_this<stream::impl> {
  impl(boost::asio::io_context& io, std::span<char> buffer) : context(io), socket(io), shared(buffer) {}

  boost::asio::io_context& context;
  tcp::socket socket;
  std::span<char> shared;
  stream_events* events = nullptr;

  // TLS only: its own buffers, because the engine keeps records between calls.
  std::optional<ssl::stream<tcp::socket&>> secure;
  std::vector<char> secure_buffer;
  std::string sending;  // bytes that an operation in flight refers to

  endpoints addresses;
  std::size_t next_address = 0;
  tls_context* tls = nullptr;
  std::string name;

  std::string queue;
  std::size_t queue_begin = 0;
  bool open = false, closed = false, ended = false;
  bool want_read = false, reading = false;
  bool writing = false, write_failed = false, finishing = false, finished = false;

  void connect_next(std::string last_error);
  void handshake(ssl::stream_base::handshake_type side);
  void opened();
  void end(end_reason why, std::string detail);
  void end_later(end_reason why, std::string detail);
  void shut();

  void arm_read();
  void read_plain();
  void read_secure();

  void write(std::string_view bytes);
  void write_lost(const std::string& why);
  void flush_plain();
  void flush_secure();
  void drained();
  void finish();
  [[nodiscard]] std::size_t queued() const { return queue.size() - queue_begin + sending.size(); }
};

}  // namespace sluice::transport
