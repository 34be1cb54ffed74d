// The exchange's side of a session: its beginning and end, its effects, and the answer of the upstream on its way
// through.
#include "client_session.hpp"

namespace sluice::net {

void client_session::start_exchange() {
  owner_.shared.in_flight.fetch_add(1, std::memory_order_relaxed);
  sent_before_ = stream_.sent_bytes();
  close_after_ = retried_ = false;
  exchange_.emplace(owner_.settings, owner_.services);
}

void client_session::begin(const http::request_head& head) {
  const bool room = owner_.shared.in_flight.load(std::memory_order_relaxed) < owner_.config.in_flight_max;
  start_exchange();
  const bool bodiless =
      head.framing == http::framing::none || (head.framing == http::framing::length && head.content_length == 0);
  phase_ = bodiless ? phase::answering : phase::body;
  is_head_ = head.method == "HEAD";
  last_request_ = !head.keep_alive;
  body_ = http::body_reader(head.framing, head.content_length);
  if (!room) {
    owner_.services.counters().refused_busy.add();
    const http::refusal busy{503, "The gateway is busy: " + std::to_string(owner_.config.in_flight_max) +
                                      " exchanges are under way. Try again."};
    exchange_->refuse_head(busy, {address_}, owner_.effects);
    return;
  }
  owner_.loop.wheel().arm(whole_deadline_, owner_.config.deadlines.whole);
  exchange_->begin(head, {address_}, owner_.effects);
  if (bodiless && !owner_.effects.done) exchange_->request_end(owner_.effects);
}

void client_session::refuse(const http::refusal& why) {
  start_exchange();
  phase_ = phase::body;  // whatever follows cannot be trusted: the connection lingers and closes
  last_request_ = true;
  exchange_->refuse_head(why, {address_}, owner_.effects);
  apply();
}

// Performs what the exchange asked for. The order is that of proxy::effects.
void client_session::apply() {
  auto& fx = owner_.effects;
  bool alive = true;
  if (fx.send_continue && phase_ == phase::body && !fx.done) alive = stream_.write("HTTP/1.1 100 Continue\r\n\r\n");
  if (fx.send_continue) sent_before_ = stream_.sent_bytes();  // no part of the answer
  if (!fx.client.empty()) {
    alive = stream_.write(fx.client) && alive;
    fx.client.clear();
    if (fx.client.capacity() > (1u << 20)) std::string().swap(fx.client);
  }
  const bool done = std::exchange(fx.done, false);
  const auto connect = std::exchange(fx.connect, std::nullopt);
  const auto ticket = std::exchange(fx.awaits, 0);
  close_after_ |= std::exchange(fx.close_client, false);
  fx.send_continue = false;
  if (std::exchange(fx.abort_upstream, false)) drop_upstream();
  if (!alive) {
    fx.upstream_request.clear();
    return gone();
  }
  if (connect && !done) ask_upstream(*connect);
  if (ticket != 0 && !done) {
    ticket_ = ticket;
    owner_.await(ticket, *this);
  }
  if (done) return complete();
  if (stream_.queued_bytes() > 0) watch_backlog();
}

void client_session::ask_upstream(std::size_t which) {
  request_ = owner_.take_spare();
  request_.swap(owner_.effects.upstream_request);
  upstream_index_ = which;
  upstream_ = &owner_.pools[which]->ask(*this, request_, is_head_, false);
}

// A client that is behind: the upstream is not read until it has caught up, and a deadline runs for it.
void client_session::watch_backlog() {
  // An event that is added to a backlog gives the client no more time: only a first one, or bytes it took, begin anew.
  const bool behind = std::exchange(behind_, true);
  if (phase_ != phase::body && (!behind || stream_.sent_bytes() != sent_at_arm_)) arm(owner_.config.deadlines.client_body);
  if (upstream_ == nullptr || paused_upstream_ || stream_.queued_bytes() <= owner_.config.write_buffer_max) return;
  paused_upstream_ = true;
  upstream_->pause();
}

void client_session::on_drained() {
  behind_ = false;
  if (phase_ == phase::draining) {
    finish_exchange();
    return resume_input();
  }
  if (phase_ == phase::answering) owner_.loop.wheel().disarm(client_deadline_);
  if (!std::exchange(paused_upstream_, false) || upstream_ == nullptr) return;
  upstream_->resume();
}

// The answer is complete as far as the exchange goes.
void client_session::complete() {
  drop_upstream();
  drop_ticket();
  owner_.loop.wheel().disarm(quiet_deadline_);
  // A request that was not read to its end cannot be followed by another.
  const bool unread = phase_ == phase::body;
  close_after_ |= unread || owner_.stopping();
  unread_ = unread;
  phase_ = phase::draining;
  if (stream_.queued_bytes() > 0) return arm(owner_.config.deadlines.client_body);
  finish_exchange();
}

void client_session::finish_exchange() {
  owner_.loop.wheel().disarm(whole_deadline_);
  exchange_.reset();
  owner_.shared.in_flight.fetch_sub(1, std::memory_order_relaxed);
  release_request();
  served_ = true;
  if (close_after_) return unread_ || !input_.empty() || paused_client_ ? linger() : close();
  phase_ = phase::idle;
  arm(owner_.config.deadlines.client_idle);
}

// Goes on with what the client sent ahead. Not called from consume(), which does that itself.
void client_session::resume_input() {
  if (phase_ != phase::idle) return;
  if (std::exchange(paused_client_, false)) stream_.read_on();
  if (!input_.empty()) return consume({});
  if (half_closed_) close();  // nothing is left to answer, and nothing can come
}

void client_session::drop_upstream() {
  paused_upstream_ = false;
  if (upstream_ == nullptr) return;
  std::exchange(upstream_, nullptr)->abandon();
}

void client_session::drop_ticket() {
  if (ticket_ != 0) owner_.forget(std::exchange(ticket_, 0));
}

void client_session::answered(const policy::vault_answer& what) {
  ticket_ = 0;
  exchange_->vault_answered(what, owner_.effects);
  apply();
  resume_input();
}

void client_session::answered(const proxy::ledger_answer& what) {
  ticket_ = 0;
  exchange_->ledger_answered(what, owner_.effects);
  apply();
  resume_input();
}

void client_session::release_request() { owner_.give_spare(std::exchange(request_, {})); }

void client_session::on_answer_head(const http::response_head& head) {
  release_request();
  exchange_->upstream_head(head, owner_.effects);
  if (exchange_->streaming()) owner_.loop.wheel().arm(quiet_deadline_, owner_.config.deadlines.keep_alive);
  apply_if_over();
}

void client_session::on_answer_body(std::string_view bytes) {
  exchange_->upstream_body(bytes, owner_.effects);
  apply_if_over();
}

// Bytes are gathered until the read is used up, but an end is an end.
void client_session::apply_if_over() {
  if (!owner_.effects.done && !owner_.effects.abort_upstream) return;
  apply();
  resume_input();
}

void client_session::supersede(const policy::snapshot* gone) {
  if (!exchange_ || phase_ == phase::draining) return;
  exchange_->supersede(gone, owner_.effects);
  apply_if_over();
}

void client_session::on_answer_pause() { apply(); }

void client_session::on_answer_end() {
  upstream_ = nullptr;
  exchange_->upstream_end(owner_.effects);
  apply();
  resume_input();
}

void client_session::on_answer_failed(proxy::upstream_failure what, std::string_view detail, bool stale) {
  upstream_ = nullptr;
  if (stale && !retried_) {
    retried_ = true;
    upstream_ = &owner_.pools[upstream_index_]->ask(*this, request_, is_head_, true);
    return;
  }
  exchange_->upstream_failed(what, detail, owner_.effects);
  apply();
  resume_input();
}

}  // namespace sluice::net
