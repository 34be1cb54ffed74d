// The client's side of a session: bytes to requests. session_answer.cpp has the way back.
#include "session.hpp"

#include <functional>

#include "worker.hpp"

namespace sluice::net {
namespace {

// Bytes that may wait behind a request being answered (pipelining) before the client is not read any more.
constexpr std::size_t pipelined_max = 64 * 1024;

void rebase(std::string_view& v, std::string_view from, const char* to) {
  const std::less_equal<const char*> le;
  if (le(from.data(), v.data()) && le(v.data() + v.size(), from.data() + from.size())) v = {to + (v.data() - from.data()), v.size()};
}

}  // namespace

session::session(worker& home, std::string peer)
    : home_(home), peer_(std::move(peer)), client_(home.context(), home.read_buffer()), link_(home, *this),
      phase_([](void* self) { static_cast<session*>(self)->phase_expired(); }, this),
      whole_([](void* self) { static_cast<session*>(self)->whole_expired(); }, this) {
  home_.services().counters().client_connections.add(1);
}

session::~session() {
  home_.services().counters().client_connections.add(-1);
  if (counted_) home_.shared().in_flight.fetch_sub(1, std::memory_order_relaxed);
}

void session::start(boost::asio::ip::tcp::socket socket) {
  client_.listen(this);
  // A handshake counts as the head's time.
  auto* tls = home_.shared().server_tls.get();
  wait_for_request(tls != nullptr);
  client_.adopt(std::move(socket), tls);
  if (tls == nullptr) client_.read(true);
}

void session::on_open() { client_.read(true); }

void session::on_data(std::string_view bytes) {
  if (state_ == state::closing || state_ == state::gone) return;
  if (in_.empty()) {
    const auto used = drive(bytes);
    if (used < bytes.size() && state_ != state::gone) in_.assign(bytes.substr(used));
  } else {
    in_.append(bytes);
    resume();
  }
  if (state_ == state::answering && in_.size() >= pipelined_max) client_.read(false);
}

// Goes on with bytes that were kept.
void session::resume() {
  if (in_.empty() || driving_ || state_ == state::gone) return;
  const auto used = drive(in_);
  in_.erase(0, used);
  if (in_.empty() && in_.capacity() > pipelined_max) in_.shrink_to_fit();
}

// Consumes requests as far as they may be read now; how many bytes that was.
std::size_t session::drive(std::string_view bytes) {
  driving_ = true;
  const auto before = bytes.size();
  bool more = true;
  while (more) {
    switch (state_) {
      case state::head: more = take_head(bytes); break;
      case state::body: more = take_body(bytes); break;
      case state::closing:
      case state::gone: bytes = {}; [[fallthrough]];
      case state::answering: more = false; break;
    }
  }
  driving_ = false;
  return before - bytes.size();
}

bool session::take_head(std::string_view& bytes) {
  if (bytes.empty()) return false;
  if (!head_begun_) wait_for_request(true);
  std::size_t consumed = 0;
  http::refusal why;
  switch (http::parse_request_head(bytes, home_.config().head_limits, head_, consumed, why)) {
    case http::parse_status::incomplete: return false;
    case http::parse_status::refused:
      refuse(why);
      return true;
    case http::parse_status::complete: break;
  }
  keep_head(bytes, consumed);
  bytes.remove_prefix(consumed);
  begin_exchange();
  return true;
}

// The exchange may look at the head until it ends, so its bytes are kept apart from what arrives.
void session::keep_head(std::string_view bytes, std::size_t head_bytes) {
  const auto from = bytes.substr(0, head_bytes);
  head_bytes_.assign(from);
  const char* to = head_bytes_.data();
  for (auto* v : {&head_.method, &head_.target, &head_.path, &head_.query}) rebase(*v, from, to);
  for (auto& f : head_.fields) {
    rebase(f.name, from, to);
    rebase(f.value, from, to);
  }
}

void session::refuse(const http::refusal& why) {
  phase_.disarm();
  head_begun_ = false;
  head_ = {};
  head_.keep_alive = false;
  state_ = state::answering;
  close_after_ = true;
  sent_ = 0;
  done_ = false;
  exchange_.emplace(*home_.shared().settings, home_.services());
  exchange_->refuse_head(why, {peer_}, fx_);
  perform();
}

void session::begin_exchange() {
  head_begun_ = false;
  phase_.disarm();
  const auto running = home_.shared().in_flight.fetch_add(1, std::memory_order_relaxed);
  counted_ = true;
  if (running >= home_.config().in_flight_max) {
    home_.services().counters().refused_busy.add();
    return refuse({503, "Too many exchanges are under way; try again later."});
  }
  done_ = false;
  sent_ = 0;
  body_ = http::body_reader(head_.framing, head_.content_length);
  body_open_ = head_.framing != http::framing::none;
  state_ = state::body;
  home_.wheel().arm(whole_, home_.config().deadlines.whole);
  home_.wheel().arm(phase_, home_.config().deadlines.client_body);
  exchange_.emplace(*home_.shared().settings, home_.services());
  exchange_->begin(head_, {peer_}, fx_);
  // A client that is already sending needs no invitation, but one more is harmless (RFC 9110 10.1.1).
  perform();
}

bool session::take_body(std::string_view& bytes) {
  std::size_t consumed = 0;
  std::string_view payload;
  const auto status = body_.feed(bytes, consumed, payload);
  bytes.remove_prefix(consumed);
  if (!payload.empty()) {
    exchange_->request_body(payload, fx_);
    perform();
    if (state_ != state::body) return true;
  }
  switch (status) {
    case http::body_reader::status::refused:
      close_after_ = true;
      exchange_->request_broken(body_.reason(), fx_);
      perform();
      if (state_ == state::body) begin_close();
      return true;
    case http::body_reader::status::done:
      phase_.disarm();
      body_open_ = false;
      state_ = state::answering;
      exchange_->request_end(fx_);
      perform();
      return true;
    case http::body_reader::status::more: break;
  }
  if (consumed != 0) {
    home_.wheel().arm(phase_, home_.config().deadlines.client_body);
    return true;
  }
  return false;
}

void session::on_end(transport::end_reason why, std::string_view) {
  switch (state_) {
    case state::gone: return;
    case state::head:
    case state::closing: return retire();
    case state::body:
      if (why != transport::end_reason::eof) return client_lost();
      client_ended_ = close_after_ = true;
      exchange_->request_broken("The connection ended inside the request body.", fx_);
      return perform();
    case state::answering:
      // FIN after a request that asked for one answer only is how a half-closing client says that it is done asking.
      if (why == transport::end_reason::eof && (!head_.keep_alive || head_.minor_version == 0)) {
        client_ended_ = close_after_ = true;
        return;
      }
      return client_lost();
  }
}

void session::drain() {
  if (state_ == state::head && !head_begun_) retire();
}

bool session::cut() {
  if (state_ == state::gone) return false;
  const bool busy = state_ == state::body || state_ == state::answering;
  if (busy) client_lost();
  else retire();
  return busy;
}

}  // namespace sluice::net
