// Asio underneath, so that TLS and timeouts are the same as everywhere: an asynchronous call, and a private loop run until it ends.
#include "sluice/transport/blocking.hpp"

#include <unistd.h>

#include <array>
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <optional>

namespace sluice::transport {
namespace asio = boost::asio;
using boost::system::error_code;
using tcp = asio::ip::tcp;

struct blocking_stream::impl {
  asio::io_context loop{1};
  asio::ssl::context tls{asio::ssl::context::tls_client};
  std::optional<tcp::socket> plain;
  std::optional<asio::ssl::stream<tcp::socket>> secure;
  std::array<char, 16384> buffer;

  tcp::socket& socket() { return secure ? secure->next_layer() : *plain; }

  enum class at_end : std::uint8_t { cancel, close };

  // Runs the loop until `done`, or until the time is up: then the socket's calls are ended and waited for, because their handlers
  // hold references into the caller's frame. A connect is ended by closing: cancelled, it would go on with the next address.
  bool run(const bool& done, milliseconds timeout, at_end how = at_end::cancel) {
    loop.restart();
    const auto end = mono_now() + timeout;
    while (!done && mono_now() < end) {
      if (loop.run_one_until(end) == 0) break;
    }
    if (done) return true;
    error_code ignored;
    how == at_end::close ? socket().close(ignored) : socket().cancel(ignored);
    loop.restart();
    while (!done && loop.run_one() != 0) {
    }
    return false;
  }
};

namespace {

std::unexpected<error> failed(const std::string& what, const error_code& why) {
  if (why == asio::error::eof || why == asio::error::connection_reset || why == asio::ssl::error::stream_truncated) {
    return fail(errc::closed, what + ": the peer closed the connection");
  }
  return fail(errc::io, what + ": " + why.message());
}

}  // namespace

blocking_stream::blocking_stream(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
blocking_stream::~blocking_stream() = default;
blocking_stream::blocking_stream(blocking_stream&&) noexcept = default;
blocking_stream& blocking_stream::operator=(blocking_stream&&) noexcept = default;

result<blocking_stream> blocking_stream::connect(const blocking_target& to, milliseconds timeout) {
  auto made = std::make_unique<impl>();
  auto& x = *made;
  const auto where = to.host + ":" + std::to_string(to.port);
  error_code why;
  const auto end = mono_now() + timeout;
  x.plain.emplace(x.loop);
  tcp::resolver resolver(x.loop);
  const auto found = resolver.resolve(to.host, std::to_string(to.port), why);
  if (why) return failed("resolving " + where, why);
  bool done = false;
  asio::async_connect(*x.plain, found, [&](const error_code& e, const tcp::endpoint&) { why = e, done = true; });
  if (!x.run(done, timeout, impl::at_end::close)) return fail(errc::timeout, "connecting to " + where + " took too long");
  if (why) return failed("connecting to " + where, why);
  x.plain->set_option(tcp::no_delay(true), why);
  if (!to.tls) return blocking_stream(std::move(made));
  to.ca_file.empty() ? x.tls.set_default_verify_paths(why) : x.tls.load_verify_file(to.ca_file, why);
  if (why) return failed("reading the certificates for " + where, why);
  x.tls.set_verify_mode(asio::ssl::verify_peer, why);
  x.secure.emplace(std::move(*x.plain), x.tls);
  x.secure->set_verify_callback(asio::ssl::host_name_verification(to.host), why);
  SSL_set_tlsext_host_name(x.secure->native_handle(), to.host.c_str());
  done = false;
  x.secure->async_handshake(asio::ssl::stream_base::client, [&](const error_code& e) { why = e, done = true; });
  const auto left = std::chrono::duration_cast<milliseconds>(end - mono_now());
  if (!x.run(done, left, impl::at_end::close)) return fail(errc::timeout, "the TLS handshake with " + where + " took too long");
  if (why) return failed("the TLS handshake with " + where, why);
  return blocking_stream(std::move(made));
}

result<void> blocking_stream::write(std::string_view bytes, milliseconds timeout) {
  auto& x = *impl_;
  error_code why;
  bool done = false;
  const auto handler = [&](const error_code& e, std::size_t) { why = e, done = true; };
  const auto from = asio::buffer(bytes.data(), bytes.size());
  x.secure ? asio::async_write(*x.secure, from, handler) : asio::async_write(*x.plain, from, handler);
  if (!x.run(done, timeout, impl::at_end::close)) return fail(errc::timeout, "writing took too long");
  if (why) return failed("writing", why);
  return {};
}

result<void> blocking_stream::read(std::string& into, milliseconds timeout, int wake_fd) {
  auto& x = *impl_;
  error_code why;
  std::size_t got = 0;
  bool done = false, woken = false;
  const auto handler = [&](const error_code& e, std::size_t n) { why = e, got = n, done = true; };
  const auto to = asio::buffer(x.buffer);
  x.secure ? x.secure->async_read_some(to, handler) : x.plain->async_read_some(to, handler);
  std::optional<asio::posix::stream_descriptor> wake;
  if (wake_fd >= 0) {
    wake.emplace(x.loop, ::dup(wake_fd));
    wake->async_wait(asio::posix::stream_descriptor::wait_read, [&](const error_code& e) {
      if (e) return;
      woken = true;
      error_code ignored;
      x.socket().cancel(ignored);
    });
  }
  const bool in_time = x.run(done, timeout);
  if (wake) {
    error_code ignored;
    wake->close(ignored);
    x.loop.restart();
    x.loop.poll();
  }
  if (done && !why) {
    into.append(x.buffer.data(), got);
    return {};
  }
  if (!in_time || woken) return fail(errc::timeout, "nothing to read yet");
  return failed("reading", why);
}

}  // namespace sluice::transport
