// The admin API's HTTP server, on Beast: one thread, one connection object per client, deadlines on every step.
#include "sluice/net/control_server.hpp"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <thread>

namespace sluice::net {
namespace {

namespace beast = boost::beast;
namespace bhttp = beast::http;
using boost::asio::ip::tcp;
using boost::system::error_code;
using handler = std::function<control_response(const control_request&)>;

constexpr std::uint64_t body_max = 8ull << 20;
constexpr std::uint32_t head_max = 32 * 1024;
constexpr std::chrono::seconds step_time{30};

control_request to_request(const bhttp::request<bhttp::string_body>& from) {
  control_request out;
  out.method = std::string(from.method_string());
  const std::string target(from.target());
  const auto mark = target.find('?');
  out.path = target.substr(0, mark);
  if (mark != std::string::npos) out.query = target.substr(mark + 1);
  out.body = from.body();
  out.authorization = std::string(from[bhttp::field::authorization]);
  return out;
}

class connection : public std::enable_shared_from_this<connection> {
 public:
  connection(tcp::socket socket, const handler& handle) : stream_(std::move(socket)), handle_(handle) {}

  void read() {
    parser_.emplace();
    parser_->body_limit(body_max);
    parser_->header_limit(head_max);
    stream_.expires_after(step_time);
    bhttp::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](error_code ec, std::size_t) { self->answer(ec); });
  }

 private:
  void answer(error_code ec) {
    if (ec == bhttp::error::body_limit) {
      return send({413, "application/json", R"({"error":{"message":"The body is larger than 8 MiB."}})"}, false);
    }
    if (ec && ec.category() == bhttp::make_error_code(bhttp::error::end_of_stream).category() && ec != bhttp::error::end_of_stream && ec != bhttp::error::partial_message) {
      return send({400, "application/json", R"({"error":{"message":"The request is not HTTP/1.1."}})"}, false);
    }
    if (ec) return close();
    const auto request = to_request(parser_->get());
    const bool keep = parser_->get().keep_alive();
    send(handle_(request), keep);
  }

  void send(control_response from, bool keep) {
    const bool head_only = parser_->is_header_done() && parser_->get().method() == bhttp::verb::head;
    response_ = {};
    response_.result(static_cast<unsigned>(from.status));
    response_.set(bhttp::field::content_type, from.content_type);
    response_.set(bhttp::field::cache_control, "no-store");
    response_.set("X-Content-Type-Options", "nosniff");
    response_.keep_alive(keep);
    response_.content_length(from.body.size());
    if (!head_only) response_.body() = std::move(from.body);
    stream_.expires_after(step_time);
    bhttp::async_write(stream_, response_, [self = shared_from_this(), keep](error_code ec, std::size_t) {
      if (ec || !keep) return self->close();
      self->read();
    });
  }

  void close() {
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  beast::tcp_stream stream_;
  const handler& handle_;
  beast::flat_buffer buffer_;
  std::optional<bhttp::request_parser<bhttp::string_body>> parser_;
  bhttp::response<bhttp::string_body> response_;
};

}  // namespace

struct control_server::impl {
  boost::asio::io_context context{1};
  tcp::acceptor acceptor{context};
  boost::asio::steady_timer pause{context};
  handler handle;
  std::uint16_t port = 0;
  std::thread thread;

  void accept() {
    acceptor.async_accept([this](error_code ec, tcp::socket socket) {
      if (ec == boost::asio::error::operation_aborted) return;
      if (!ec) {
        std::make_shared<connection>(std::move(socket), handle)->read();
        return accept();
      }
      pause.expires_after(milliseconds_of_pause);
      pause.async_wait([this](error_code stopped) {
        if (!stopped) accept();
      });
    });
  }
  static constexpr std::chrono::milliseconds milliseconds_of_pause{50};
};

control_server::control_server(std::unique_ptr<impl> made) : impl_(std::move(made)) {}

control_server::~control_server() {
  impl_->context.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

result<std::unique_ptr<control_server>> control_server::open(const std::string& address, std::uint16_t port,
                                                             std::function<control_response(const control_request&)> handle) {
  const auto where = address + ":" + std::to_string(port);
  auto made = std::make_unique<impl>();
  error_code ec;
  const auto ip = boost::asio::ip::make_address(address, ec);
  if (ec) return fail(errc::invalid_argument, "cannot listen on " + where + ": the address is not an IP address");
  const tcp::endpoint at(ip, port);
  made->acceptor.open(at.protocol(), ec);
  if (!ec) made->acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) made->acceptor.bind(at, ec);
  if (!ec) made->acceptor.listen(128, ec);
  if (ec) return fail(errc::io, "cannot listen on " + where + ": " + ec.message());
  made->port = made->acceptor.local_endpoint(ec).port();
  made->handle = std::move(handle);
  made->accept();
  made->thread = std::thread([&context = made->context] { context.run(); });
  return std::unique_ptr<control_server>(new control_server(std::move(made)));
}

std::uint16_t control_server::port() const { return impl_->port; }

}  // namespace sluice::net
