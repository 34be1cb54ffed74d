// The way back: performing the exchange's effects, back-pressure, deadlines, and the end of exchanges and sessions.
#include "session.hpp"
#include "worker.hpp"

namespace sluice::net {
namespace {

// How long a closing connection waits for the peer's own end, so that a reset does not overtake the last answer.
constexpr milliseconds linger{2000};
constexpr std::size_t kept_capacity = 256 * 1024;

}  // namespace

void session::perform() {
  send_client();
  if (fx_.send_continue) client_.write("HTTP/1.1 100 Continue\r\n\r\n");
  if (fx_.abort_upstream) link_.abort();
  if (fx_.connect) link_.ask(*fx_.connect, std::move(fx_.upstream_request), head_.method == "HEAD");
  const bool done = fx_.done, close = fx_.close_client;
  fx_.upstream_request.clear();
  fx_.send_continue = fx_.abort_upstream = fx_.done = fx_.close_client = false;
  fx_.connect.reset();
  if (close) close_after_ = true;
  if (!done || done_) return;
  done_ = true;
  whole_.disarm();
  link_.abort();
  // The rest of a body that nobody reads would be taken for the next request.
  if (body_open_) close_after_ = true;
  state_ = state::answering;
  if (client_.queued() == 0) return complete();
  home_.wheel().arm(phase_, home_.config().deadlines.client_idle);
}

void session::send_client() {
  if (fx_.client.empty()) return;
  sent_ += fx_.client.size();
  client_.write(fx_.client);
  fx_.client.clear();
  if (fx_.client.capacity() > kept_capacity) fx_.client.shrink_to_fit();
  if (client_.queued() > home_.config().write_buffer_max) link_.pause(true);
}

std::uint64_t session::written() const { return sent_ - std::min<std::uint64_t>(sent_, client_.queued()); }

// The answer has left: on to the next request, or to the end of the connection.
void session::complete() {
  exchange_.reset();
  phase_.disarm();
  whole_.disarm();
  if (counted_) home_.shared().in_flight.fetch_sub(1, std::memory_order_relaxed);
  counted_ = false;
  if (close_after_ || home_.draining()) return begin_close();
  state_ = state::head;
  wait_for_request(false);
  client_.read(true);
  resume();
}

// The client is gone, and with it all interest in an answer.
void session::client_lost() {
  link_.abort();
  if (exchange_) {
    exchange_->client_gone(written(), fx_);
    fx_ = {};
  }
  retire();
}

void session::begin_close() {
  if (state_ == state::closing || state_ == state::gone) return;
  link_.abort();
  exchange_.reset();
  whole_.disarm();
  if (counted_) home_.shared().in_flight.fetch_sub(1, std::memory_order_relaxed);
  counted_ = false;
  state_ = state::closing;
  in_.clear();
  if (client_ended_) return retire();
  client_.finish_writing();
  client_.read(true);
  home_.wheel().arm(phase_, linger);
}

void session::retire() {
  if (state_ == state::gone) return;
  state_ = state::gone;
  phase_.disarm();
  whole_.disarm();
  link_.abort();
  client_.listen(nullptr);
  if (client_ended_) client_.finish_writing();
  client_.close();
  home_.retire(*this);
}

void session::wait_for_request(bool begun) {
  head_begun_ = begun;
  home_.wheel().arm(phase_, begun ? home_.config().deadlines.client_head : home_.config().deadlines.client_idle);
}

void session::on_drained() {
  if (state_ == state::gone || state_ == state::closing) return;
  if (done_ && exchange_) return complete();
  link_.pause(false);
}

void session::on_upstream_head(const http::response_head& head) {
  exchange_->upstream_head(head, fx_);
  if (fx_.done || fx_.abort_upstream) perform();
}

void session::on_upstream_body(std::string_view bytes) {
  exchange_->upstream_body(bytes, fx_);
  if (fx_.done || fx_.abort_upstream) perform();
}

void session::on_upstream_read() { perform(); }

void session::on_upstream_end() {
  exchange_->upstream_end(fx_);
  perform();
}

void session::on_upstream_failed(proxy::upstream_failure what, std::string_view detail) {
  if (!exchange_) return;
  exchange_->upstream_failed(what, detail, fx_);
  perform();
}

void session::phase_expired() {
  switch (state_) {
    case state::gone: return;
    case state::closing: return retire();
    case state::head:
      if (!head_begun_ || !client_.is_open()) return retire();
      return refuse({408, "The request head came too slowly."});
    case state::body:
      close_after_ = true;
      exchange_->expired(fx_);
      return perform();
    case state::answering: return client_lost();  // the answer is complete and the client does not take it
  }
}

void session::whole_expired() {
  if (!exchange_ || done_) return;
  if (link_.active()) {
    link_.abort();
    exchange_->upstream_failed(proxy::upstream_failure::whole_timeout, "the exchange took too long", fx_);
  } else {
    close_after_ = true;
    exchange_->expired(fx_);
  }
  perform();
  if (!done_ && state_ != state::gone) client_lost();
}

}  // namespace sluice::net
