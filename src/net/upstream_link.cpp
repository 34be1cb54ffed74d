// Asking an upstream. See upstream_link.hpp.
#include "upstream_link.hpp"

#include "worker.hpp"

namespace sluice::net {

using proxy::upstream_failure;

upstream_link::upstream_link(worker& home, link_owner& owner)
    : home_(home), owner_(owner), timer_([](void* self) { static_cast<upstream_link*>(self)->expired(); }, this),
      alive_(std::make_shared<upstream_link*>(this)) {}

upstream_link::~upstream_link() {
  *alive_ = nullptr;
  drop();
}

void upstream_link::ask(std::size_t upstream, std::string&& request, bool to_head) {
  abort();
  ++turn_;
  upstream_ = upstream;
  request_.swap(request);
  to_head_ = to_head;
  answered_ = paused_ = false;
  stream_ = home_.pool().take(upstream);
  reused_ = stream_ != nullptr;
  if (!reused_) return open_fresh();
  stream_->listen(this);
  send();
}

void upstream_link::open_fresh() {
  state_ = state::connecting;
  reused_ = false;
  const auto& to = home_.config().upstreams[upstream_];
  home_.wheel().arm(timer_, home_.config().deadlines.connect);
  home_.resolver().resolve(to.host, to.port, [alive = alive_, turn = turn_](result<transport::endpoints> found) {
    auto* self = *alive;
    if (self == nullptr || self->turn_ != turn) return;
    if (!found) return self->failed(upstream_failure::connect, found.error().message);
    self->stream_ = std::make_unique<transport::stream>(self->home_.context(), self->home_.read_buffer());
    self->home_.pool().opened();
    self->stream_->listen(self);
    self->stream_->connect(std::move(*found), self->home_.upstream_tls(self->upstream_), self->home_.config().upstreams[self->upstream_].host);
  });
}

void upstream_link::on_open() { send(); }

void upstream_link::send() {
  state_ = state::head;
  pending_.clear();
  home_.wheel().arm(timer_, home_.config().deadlines.first_byte);
  stream_->write(request_);
  stream_->read(!paused_);
}

void upstream_link::on_data(std::string_view bytes) {
  if (!answered_) {
    answered_ = true;
    request_.clear();
    if (request_.capacity() > 256 * 1024) request_.shrink_to_fit();
  }
  const auto turn = turn_;
  take(bytes);
  if (turn == turn_) owner_.on_upstream_read();
}

void upstream_link::take(std::string_view bytes) {
  if (state_ == state::head) {
    if (!pending_.empty()) {
      pending_.append(bytes);
      // The head's views live in this buffer while the owner looks at them.
      std::string whole = std::move(pending_);
      pending_.clear();
      std::string_view rest = whole;
      if (take_head(rest)) take_body(rest);
      return;
    }
    if (!take_head(bytes)) return;
  }
  if (state_ == state::body) take_body(bytes);
}

// True once the final head was handed on and `bytes` is what follows it.
bool upstream_link::take_head(std::string_view& bytes) {
  const auto turn = turn_;
  while (true) {
    std::size_t consumed = 0;
    http::refusal why;
    switch (http::parse_response_head(bytes, home_.config().head_limits, to_head_, head_, consumed, why)) {
      case http::parse_status::incomplete: pending_.assign(bytes); return false;
      case http::parse_status::refused: failed(upstream_failure::bad_response, why.reason); return false;
      case http::parse_status::complete: break;
    }
    bytes.remove_prefix(consumed);
    if (head_.status == 101) {
      failed(upstream_failure::bad_response, "the upstream switched protocols, which nobody asked for");
      return false;
    }
    if (head_.status >= 200) break;
  }
  state_ = state::body;
  body_ = http::body_reader(head_.framing, head_.content_length);
  owner_.on_upstream_head(head_);
  return turn == turn_;
}

void upstream_link::take_body(std::string_view bytes) {
  const auto turn = turn_;
  if (!paused_) home_.wheel().arm(timer_, home_.config().deadlines.idle);
  while (true) {
    std::size_t consumed = 0;
    std::string_view payload;
    const auto status = body_.feed(bytes, consumed, payload);
    bytes.remove_prefix(consumed);
    if (!payload.empty()) owner_.on_upstream_body(payload);
    if (turn != turn_) return;
    if (status == http::body_reader::status::refused) return failed(upstream_failure::bad_response, body_.reason());
    if (status == http::body_reader::status::done) return finish(head_.keep_alive && bytes.empty());
    if (consumed == 0) return;
  }
}

void upstream_link::on_end(transport::end_reason why, std::string_view detail) {
  if (why == transport::end_reason::refused) return failed(upstream_failure::connect, detail);
  if (why == transport::end_reason::tls) return failed(upstream_failure::tls, detail);
  if (state_ == state::connecting) return failed(upstream_failure::connect, detail);
  if (state_ == state::head && reused_ && !answered_) {
    // The server closed an idle connection while the request was on its way: it never began to answer.
    stream_.reset();
    home_.pool().dropped();
    return open_fresh();
  }
  if (state_ == state::body && why == transport::end_reason::eof && body_.on_eof() == http::body_reader::status::done) return finish(false);
  failed(upstream_failure::reset, detail.empty() ? "the upstream closed before its answer was complete" : detail);
}

void upstream_link::finish(bool reusable) {
  timer_.disarm();
  state_ = state::none;
  ++turn_;
  request_.clear();
  if (reusable && stream_->queued() == 0 && !home_.draining()) home_.pool().give(upstream_, std::move(stream_));
  else drop();
  owner_.on_upstream_end();
}

void upstream_link::failed(upstream_failure what, std::string_view detail) {
  const std::string said(detail);  // may be a view into what drop() frees
  abort();
  owner_.on_upstream_failed(what, said);
}

void upstream_link::expired() {
  switch (state_) {
    case state::connecting: return failed(upstream_failure::connect_timeout, "no connection in time");
    case state::head: return failed(upstream_failure::first_byte_timeout, "no answer in time");
    case state::body: return failed(upstream_failure::idle_timeout, "the answer stopped");
    case state::none: return;
  }
}

void upstream_link::abort() {
  if (state_ == state::none) return;
  state_ = state::none;
  ++turn_;
  drop();
}

void upstream_link::drop() {
  timer_.disarm();
  if (!stream_) return;
  stream_.reset();
  home_.pool().dropped();
}

void upstream_link::pause(bool on) {
  if (paused_ == on || state_ == state::none) return;
  paused_ = on;
  // A slow client is not the upstream's silence.
  if (on) timer_.disarm();
  else home_.wheel().arm(timer_, state_ == state::body ? home_.config().deadlines.idle : home_.config().deadlines.first_byte);
  if (stream_) stream_->read(!on);
}

}  // namespace sluice::net
