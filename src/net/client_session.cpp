// The client's side: bytes to requests, deadlines, departure. What an exchange wants done is in session_effects.cpp.
#include "client_session.hpp"

namespace sluice::net {

namespace {

// What a client may send ahead of its turn before it is no longer read.
constexpr std::size_t ahead_bytes_max = 64 * 1024;
constexpr std::size_t kept_capacity = 4 * 1024;
constexpr std::uint32_t linger_bytes_max = 8u << 20;

}  // namespace

client_session::client_session(worker& owner, std::size_t at)
    : index(at),
      owner_(owner),
      stream_(owner.loop, *this),
      client_deadline_(transport::deadline_of<&client_session::client_expired>(this)),
      whole_deadline_(transport::deadline_of<&client_session::whole_expired>(this)),
      quiet_deadline_(transport::deadline_of<&client_session::keep_alive>(this)) {}

client_session::~client_session() {
  if (exchange_) owner_.shared.in_flight.fetch_sub(1, std::memory_order_relaxed);
}

void client_session::start(int descriptor, std::shared_ptr<const transport::tls_context> tls) {
  if (tls != nullptr) phase_ = phase::handshaking;
  const bool handshake = tls != nullptr;
  if (!stream_.adopt(descriptor, std::move(tls))) return close();
  address_ = stream_.peer_address();
  arm(handshake ? owner_.config.deadlines.client_head : owner_.config.deadlines.client_idle);
  if (!handshake) stream_.read_on();
}

void client_session::on_connected() {
  phase_ = phase::idle;
  arm(owner_.config.deadlines.client_idle);
  stream_.read_on();
}

void client_session::arm(milliseconds from_now) {
  sent_at_arm_ = stream_.sent_bytes();
  owner_.loop.wheel().arm(client_deadline_, from_now);
}

void client_session::on_bytes(std::string_view bytes) {
  switch (phase_) {
    case phase::idle:
    case phase::head:
    case phase::body:
      return consume(bytes);
    case phase::answering:
    case phase::draining:
      input_ += bytes;
      if (input_.size() > ahead_bytes_max) {
        paused_client_ = true;
        stream_.read_off();
      }
      return;
    case phase::lingering:
      lingered_bytes_ += static_cast<std::uint32_t>(bytes.size());
      if (lingered_bytes_ > linger_bytes_max) close();
      return;
    case phase::handshaking:
    case phase::closed:
      return;
  }
}

// Works through the input until it is used up or an answer has to be waited for. Answers that need no upstream are
// finished inside the loop, so pipelined requests cost no recursion.
void client_session::consume(std::string_view bytes) {
  std::string held;
  std::string_view input = bytes;
  if (!input_.empty()) {
    held.swap(input_);
    held += bytes;
    input = held;
  }
  while (!input.empty()) {
    if (phase_ == phase::idle || phase_ == phase::head) {
      if (!consume_head(input)) break;
    } else if (phase_ != phase::body || !consume_body(input)) {
      break;
    }
  }
  if (phase_ == phase::closed || phase_ == phase::lingering) return;
  if (half_closed_ && (phase_ == phase::idle || phase_ == phase::head)) return close();
  // The buffer goes back to where it came from, so that a client that sends in pieces does not allocate each time.
  if (input.empty() && held.capacity() <= kept_capacity) {
    held.clear();
    input_.swap(held);
  } else {
    stash(input);
  }
}

void client_session::stash(std::string_view rest) {
  input_.assign(rest);
  if (phase_ != phase::head && input_.size() > ahead_bytes_max) {
    paused_client_ = true;
    stream_.read_off();
  }
}

bool client_session::consume_head(std::string_view& input) {
  auto& head = owner_.request_head;
  std::size_t used = 0;
  http::refusal why;
  switch (http::parse_request_head(input, owner_.config.head_limits, head, used, why)) {
    case http::parse_status::incomplete:
      if (phase_ == phase::idle) {
        phase_ = phase::head;
        arm(owner_.config.deadlines.client_head);
      }
      return false;
    case http::parse_status::refused:
      input = {};
      refuse(why);
      return false;
    case http::parse_status::complete:
      break;
  }
  input.remove_prefix(used);
  begin(head);
  // The rest of the request is usually here already: it is fed before anything is done.
  if (phase_ == phase::body && !owner_.effects.done) return consume_body(input);
  apply();
  return phase_ == phase::idle;
}

bool client_session::consume_body(std::string_view& input) {
  auto& fx = owner_.effects;
  for (;;) {
    std::size_t used = 0;
    std::string_view payload;
    const auto got = body_.feed(input, used, payload);
    input.remove_prefix(used);
    if (!payload.empty()) exchange_->request_body(payload, fx);
    if (fx.done) break;
    if (got == http::body_reader::status::done) {
      phase_ = phase::answering;
      exchange_->request_end(fx);
      break;
    }
    if (got == http::body_reader::status::refused) {
      input = {};
      exchange_->request_broken(body_.reason(), fx);
      break;
    }
    if (used == 0 || input.empty()) break;
  }
  if (phase_ == phase::body) arm(owner_.config.deadlines.client_body);
  apply();
  return phase_ == phase::idle;
}

void client_session::on_eof() {
  switch (phase_) {
    case phase::body:
      half_closed_ = true;
      exchange_->request_broken("the connection closed in the middle of the request body", owner_.effects);
      return apply();
    case phase::answering:
      if (!last_request_ && input_.empty()) return gone();
      [[fallthrough]];
    case phase::draining:
      half_closed_ = true;
      return stream_.watch_reset();
    default:
      return close();
  }
}

void client_session::on_failed(const error&) { gone(); }

// The client is of no more use. The exchange learns how much of its answer arrived.
void client_session::gone() {
  if (phase_ == phase::closed) return;
  if (exchange_) {
    auto& fx = owner_.effects;
    exchange_->client_gone(written(), fx);
    fx = {};
  }
  close();
}

void client_session::close() {
  if (phase_ == phase::closed) return;
  phase_ = phase::closed;
  drop_upstream();
  drop_ticket();
  owner_.loop.wheel().disarm(client_deadline_);
  owner_.loop.wheel().disarm(whole_deadline_);
  owner_.loop.wheel().disarm(quiet_deadline_);
  stream_.close();
  owner_.remove(*this);
}

void client_session::cut() { gone(); }

void client_session::close_if_idle() {
  if (phase_ == phase::handshaking || (phase_ == phase::idle && served_)) return close();
  // A connection that was just accepted: its first request may be on its way.
  if (phase_ == phase::idle) arm(milliseconds(500));
}

// A reset would destroy what the client has not read yet, and closing with unread input is a reset. (RFC 9112 9.6)
void client_session::linger() {
  phase_ = phase::lingering;
  stream_.shutdown_send();
  std::string().swap(input_);
  if (half_closed_) return close();
  paused_client_ = false;
  lingered_bytes_ = 0;
  stream_.read_on();
  arm(seconds(2));
}

void client_session::client_expired() {
  auto& fx = owner_.effects;
  switch (phase_) {
    case phase::head:
      return refuse({408, "the head of the request did not arrive in time"});
    case phase::body:
      exchange_->expired(fx);
      return apply();
    case phase::answering:
    case phase::draining:
      if (stream_.queued_bytes() == 0) return;
      if (stream_.sent_bytes() != sent_at_arm_) return arm(owner_.config.deadlines.client_body);
      return gone();
    default:
      return close();
  }
}

// A client that has not taken what it was sent already needs no more.
void client_session::keep_alive() {
  if (!exchange_ || phase_ != phase::answering) return;
  if (stream_.queued_bytes() == 0) {
    exchange_->quiet(owner_.effects);
    apply();
  }
  if (phase_ == phase::answering && exchange_->streaming()) owner_.loop.wheel().arm(quiet_deadline_, owner_.config.deadlines.keep_alive);
}

void client_session::whole_expired() {
  if (!exchange_) return;
  if (phase_ == phase::draining) return gone();  // one that takes its answer too slowly: the bound holds for it as well
  exchange_->expired(owner_.effects);
  apply();
  // What is said of it has its own time to leave.
  if (exchange_ && phase_ == phase::draining) owner_.loop.wheel().arm(whole_deadline_, owner_.config.deadlines.client_body);
}

}  // namespace sluice::net
