// See upstream_connection.hpp.
#include "upstream_connection.hpp"

#include <algorithm>

#include "upstream_pool.hpp"

namespace sluice::net {

using proxy::upstream_failure;

namespace {

// A kept connection that ends this soon was most likely gone before it was asked. That is enough to ask again only where asking twice does no
// harm (RFC 9110 9.2.2): a POST may have been worked on, and would be paid for twice, or make two of what it makes.
constexpr milliseconds found_dead_within{1000};

bool is_idempotent(std::string_view request) {
  constexpr std::string_view methods[] = {"GET ", "HEAD ", "OPTIONS ", "PUT ", "DELETE "};
  return std::ranges::any_of(methods, [&](std::string_view method) { return request.starts_with(method); });
}

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> serial{0};
  return serial.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

upstream_connection::upstream_connection(upstream_pool& pool, std::size_t at)
    : index(at),
      serial(next_serial()),
      pool_(pool),
      stream_(pool.owner.loop, *this),
      deadline_(transport::deadline_of<&upstream_connection::expired>(this)) {}

void upstream_connection::open(upstream_user& user, std::string_view request, bool is_head) {
  user_ = &user;
  request_ = request;
  is_head_ = is_head;
  // One deadline for all of it: the lookup, every address, TLS.
  pool_.owner.loop.wheel().arm(deadline_, pool_.owner.config.deadlines.connect, mono_now());
  pool_.connect(*this);
}

void upstream_connection::resolved(const transport::address_cache::answer& found,
                                   const std::shared_ptr<const transport::tls_context>& tls, const std::string& host) {
  // An empty list fails in the stream, from the loop: the user may be in the middle of asking.
  if (!found) lookup_error_ = found.error().message;
  stream_.connect(found ? *found : std::vector<transport::endpoint>{}, tls, host, pool_.owner.config.deadlines.connect);
}

bool upstream_connection::send(std::string_view request) {
  phase_ = phase::head;
  any_byte_ = false;
  asked_ = mono_now();
  if (reused_) {
    may_repeat_ = is_idempotent(request);
    acknowledged_ = may_repeat_ ? std::nullopt : stream_.acknowledged_bytes();
  }
  stream_.read_on();
  pool_.owner.loop.wheel().arm(deadline_, pool_.owner.config.deadlines.first_byte, asked_);
  return stream_.write(request);
}

bool upstream_connection::reuse(upstream_user& user, std::string_view request, bool is_head) {
  reused_ = true;
  is_head_ = is_head;
  if (!send(request)) return false;
  user_ = &user;
  return true;
}

void upstream_connection::shut() {
  user_ = nullptr;
  stream_.close();
  pool_.owner.loop.wheel().disarm(deadline_);
}

void upstream_connection::abandon() { pool_.remove(*this); }

void upstream_connection::pause() {
  stream_.read_off();
  // The silence is ours, not the upstream's.
  pool_.owner.loop.wheel().disarm(deadline_);
}

void upstream_connection::resume() {
  stream_.read_on();
  pool_.owner.loop.wheel().arm(deadline_, pool_.owner.config.deadlines.idle);
}

void upstream_connection::on_connected() {
  if (!send(request_)) fail_with(upstream_failure::reset, "the upstream closed the new connection");
}

void upstream_connection::on_bytes(std::string_view bytes) {
  any_byte_ = true;
  if (user_ == nullptr)
    return pool_.remove(*this);  // nobody asked: whatever it is, it must not answer the next request
  if (partial_.empty()) return parse(bytes);
  std::string held;
  held.swap(partial_);
  held += bytes;
  parse(held);
}

void upstream_connection::parse(std::string_view input) {
  for (;;) {
    if (phase_ == phase::head && !parse_head(input)) return;
    if (phase_ == phase::body && !parse_body(input)) return;
  }
}

bool upstream_connection::parse_head(std::string_view& input) {
  auto& head = pool_.owner.response_head;
  std::size_t used = 0;
  http::refusal why;
  switch (http::parse_response_head(input, pool_.owner.config.head_limits, is_head_, head, used, why)) {
    case http::parse_status::incomplete:
      partial_.assign(input);
      return false;
    case http::parse_status::refused:
      fail_with(upstream_failure::bad_response, why.reason);
      return false;
    case http::parse_status::complete:
      break;
  }
  input.remove_prefix(used);
  if (head.status == 101) return fail_with(upstream_failure::bad_response, "an upgrade that nobody asked for"), false;
  if (head.status < 200) return true;  // interim answers end here
  body_ = http::body_reader(head.framing, head.content_length);
  keep_alive_ = head.keep_alive;
  phase_ = phase::body;
  user_->on_answer_head(head);
  return user_ != nullptr;
}

bool upstream_connection::parse_body(std::string_view& input) {
  for (;;) {
    std::size_t used = 0;
    std::string_view payload;
    const auto got = body_.feed(input, used, payload);
    input.remove_prefix(used);
    if (!payload.empty()) {
      user_->on_answer_body(payload);
      if (user_ == nullptr) return false;
    }
    if (got == http::body_reader::status::done) {
      // Bytes behind the answer are nobody's; such a connection cannot be trusted with another request.
      end_answer(keep_alive_ && input.empty() && stream_.queued_bytes() == 0);
      return false;
    }
    if (got == http::body_reader::status::refused)
      return fail_with(upstream_failure::bad_response, body_.reason()), false;
    if (used == 0 || input.empty()) break;
  }
  pool_.owner.loop.wheel().arm(deadline_, pool_.owner.config.deadlines.idle);
  user_->on_answer_pause();
  return false;
}

void upstream_connection::end_answer(bool clean) {
  auto* user = std::exchange(user_, nullptr);
  if (clean) {
    phase_ = phase::idle;
    pool_.owner.loop.wheel().arm(deadline_, pool_.owner.config.deadlines.pool_idle);
    pool_.put_idle(*this);
  } else {
    pool_.remove(*this);
  }
  user->on_answer_end();
}

void upstream_connection::fail_with(upstream_failure what, std::string_view detail, bool stale) {
  auto* user = std::exchange(user_, nullptr);
  pool_.remove(*this);
  if (user != nullptr) user->on_answer_failed(what, detail, stale);
}

// `ended`: in order, so that all that had come there by then is acknowledged; of a reset that is not so.
bool upstream_connection::was_dead(bool ended) const {
  if (!reused_ || any_byte_ || phase_ != phase::head) return false;
  if (may_repeat_) return mono_now() - asked_ <= found_dead_within;
  // Nothing of the request was there when the upstream ended the connection: it was never read.
  return ended && acknowledged_.value_or(0) > 0 && stream_.acknowledged_bytes() == acknowledged_;
}

void upstream_connection::on_eof() {
  if (user_ == nullptr) return pool_.remove(*this);
  if (phase_ == phase::body && body_.on_eof() == http::body_reader::status::done) return end_answer(false);
  fail_with(upstream_failure::reset,
            phase_ == phase::body ? "closed in the middle of its answer" : "closed before it answered",
            was_dead(true));
}

void upstream_connection::on_failed(const error& why) {
  if (phase_ == phase::connecting) {
    pool_.distrust_addresses();
    return fail_with(why.code == errc::integrity ? upstream_failure::tls : upstream_failure::connect,
                     lookup_error_.empty() ? why.message : lookup_error_);
  }
  fail_with(upstream_failure::reset, why.message, was_dead(false));
}

void upstream_connection::expired() {
  switch (phase_) {
    case phase::connecting:
      pool_.distrust_addresses();
      return fail_with(upstream_failure::connect_timeout, "no connection in time");
    case phase::head:
      return fail_with(upstream_failure::first_byte_timeout, "no answer in time");
    case phase::body:
      return fail_with(upstream_failure::idle_timeout, "fell silent in the middle of its answer");
    case phase::idle:
      return pool_.remove(*this);
  }
}

}  // namespace sluice::net
