// See control_server.hpp. One thread, one io_context; each connection is a small object that its operations keep alive.
#include "sluice/net/control_server.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "sluice/base/threads.hpp"

namespace sluice::net {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace protocol = boost::beast::http;
using tcp = asio::ip::tcp;

namespace {

constexpr std::uint64_t body_bytes_max = 8u << 20;
constexpr std::uint32_t head_bytes_max = 16 * 1024;
constexpr std::chrono::seconds request_deadline{15};

using handler = std::function<control_response(const control_request&)>;

// Of a Host field (RFC 9110 7.2): a host that DNS was asked for, and perhaps answered for anybody's sake.
bool is_name(std::string_view host) {
  const auto bracket = host.starts_with('[') ? host.find(']') : std::string_view::npos;
  host = bracket != std::string_view::npos ? host.substr(1, bracket - 1) : host.substr(0, host.find(':'));
  beast::error_code no_address;
  asio::ip::make_address(std::string(host), no_address);
  return !host.empty() && no_address && !beast::iequals(host, "localhost");
}

class connection : public std::enable_shared_from_this<connection> {
 public:
  connection(tcp::socket socket, const handler& handle) : stream_(std::move(socket)), handle_(handle) {}

  void read() {
    parser_.emplace();
    parser_->body_limit(body_bytes_max);
    parser_->header_limit(head_bytes_max);
    stream_.expires_after(request_deadline);
    protocol::async_read(stream_, buffer_, *parser_,
                         [self = shared_from_this()](beast::error_code ec, std::size_t) { self->on_read(ec); });
  }

 private:
  void on_read(beast::error_code ec) {
    if (ec == protocol::error::body_limit)
      return refuse(protocol::status::payload_too_large, "the body is larger than 8 MiB");
    if (ec == protocol::error::header_limit) {
      return refuse(protocol::status::request_header_fields_too_large, "the head is larger than 16 KiB");
    }
    if (ec && ec.category() == protocol::make_error_code(protocol::error::bad_method).category() &&
        ec != protocol::error::end_of_stream && ec != protocol::error::partial_message) {
      return refuse(protocol::status::bad_request, "the request is malformed");
    }
    if (ec) return close();
    const auto& got = parser_->get();
    control_request asked;
    asked.method = std::string(got.method_string());
    const std::string_view target(got.target().data(), got.target().size());
    const auto mark = target.find('?');
    asked.path = target.substr(0, mark);
    if (mark != std::string_view::npos) asked.query = target.substr(mark + 1);
    asked.body = got.body();
    asked.authorization = std::string(got[protocol::field::authorization]);
    const auto site = got["sec-fetch-site"];
    asked.from_page = !got[protocol::field::origin].empty() || site == "cross-site" || site == "same-site";
    asked.by_name = is_name(got[protocol::field::host]);
    auto answer = handle_(asked);
    write(answer, got.keep_alive(), got.method() == protocol::verb::head);
  }

  void refuse(protocol::status status, const char* why) {
    control_response answer{.status = static_cast<int>(status), .body = std::string("{\"error\":\"") + why + "\"}"};
    write(answer, false, false);
  }

  void write(control_response& from, bool keep_alive, bool head_only) {
    answer_ = {};
    answer_.result(static_cast<unsigned>(from.status));
    answer_.version(11);
    answer_.set(protocol::field::content_type, from.content_type);
    if (!from.allow.empty()) answer_.set(protocol::field::allow, from.allow);
    answer_.set(protocol::field::cache_control, "no-store");
    answer_.set("x-content-type-options", "nosniff");
    answer_.keep_alive(keep_alive);
    answer_.content_length(from.body.size());
    if (!head_only) answer_.body() = std::move(from.body);
    stream_.expires_after(request_deadline);
    serializer_.emplace(answer_);
    serializer_->split(false);
    auto done = [self = shared_from_this(), keep_alive](beast::error_code ec, std::size_t) {
      if (!ec && keep_alive) return self->read();
      self->close();
    };
    head_only ? protocol::async_write_header(stream_, *serializer_, std::move(done))
              : protocol::async_write(stream_, *serializer_, std::move(done));
  }

  void close() {
    beast::error_code ec;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ec);
    stream_.close();
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<protocol::request_parser<protocol::string_body>> parser_;
  protocol::response<protocol::string_body> answer_;
  std::optional<protocol::response_serializer<protocol::string_body>> serializer_;
  const handler& handle_;
};

}  // namespace

struct control_server::impl {
  explicit impl(handler h) : handle(std::move(h)), acceptor(io) {}
  ~impl() {
    io.stop();
    if (thread.joinable()) thread.join();
  }
  void accept() {
    acceptor.async_accept([this](beast::error_code ec, tcp::socket socket) {
      if (ec == asio::error::operation_aborted) return;
      if (!ec) std::make_shared<connection>(std::move(socket), handle)->read();
      accept();
    });
  }
  asio::io_context io{1};
  handler handle;
  tcp::acceptor acceptor;
  std::thread thread;
};

control_server::control_server(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
control_server::~control_server() = default;

result<std::unique_ptr<control_server>> control_server::open(
    const std::string& address, std::uint16_t port, std::function<control_response(const control_request&)> handle) {
  beast::error_code ec;
  const auto parsed = asio::ip::make_address(address, ec);
  if (ec)
    return fail(errc::invalid_argument, "admin.address '" + address + "' is no IP address; write 127.0.0.1 or ::1");
  const tcp::endpoint where(parsed, port);
  auto made = std::make_unique<impl>(std::move(handle));
  auto& acceptor = made->acceptor;
  acceptor.open(where.protocol(), ec);
  if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(where, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) {
    return fail(errc::io, "cannot listen on " + address + ":" + std::to_string(port) + ": " + ec.message() +
                              "; choose another admin.address or admin.port");
  }
  made->accept();
  made->thread = start_thread([all = made.get()] { all->io.run(); });
  return std::unique_ptr<control_server>(new control_server(std::move(made)));
}

std::uint16_t control_server::port() const {
  beast::error_code ec;
  return impl_->acceptor.local_endpoint(ec).port();
}

}  // namespace sluice::net
