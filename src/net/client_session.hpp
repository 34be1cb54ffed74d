// One client connection: reads requests one after the other, drives one proxy::exchange at a time and performs its
// effects.
//
// When the client closes its sending side while an answer is awaited, that is taken as its departure, and the upstream
// is abandoned: nobody pays for an answer that nobody reads. (nginx does the same.) It is taken as a half-close, and
// the answer still goes out, when the client said that this request is its last (HTTP/1.0, or Connection: close) or had
// already sent its next one. A reset always ends the exchange.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/http/head.hpp"
#include "sluice/proxy/exchange.hpp"
#include "sluice/transport/stream.hpp"
#include "upstream_connection.hpp"
#include "worker.hpp"

namespace sluice::net {

class client_session final : public mortal, private transport::stream_listener, private upstream_user {
 public:
  client_session(worker& owner, std::size_t at);
  ~client_session() override;

  void start(int descriptor, std::shared_ptr<const transport::tls_context> tls);
  void close_if_idle();
  [[nodiscard]] bool busy() const { return exchange_.has_value(); }
  // The exchange may not hold this snapshot any longer.
  void supersede(const policy::snapshot* gone);
  // What the exchange waits for.
  void answered(const policy::vault_answer& what);
  void answered(const proxy::ledger_answer& what);
  // Ends at once, whatever is under way.
  void cut();

  std::size_t index;  // in the worker's list

 private:
  enum class phase : std::uint8_t {
    handshaking,  // TLS
    idle,         // between requests
    head,         // part of a head is here
    body,         // reading a request's body
    answering,    // the request is complete, the answer is awaited or under way
    draining,     // the answer is complete, the client has not taken all of it
    lingering,    // we are done; the client is given time to read before the connection is reset
    closed,
  };

  // Of the client.
  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_eof() override;
  void on_drained() override;
  void on_failed(const error& why) override;
  void client_expired();
  void whole_expired();
  void keep_alive();

  // Of the upstream.
  void on_answer_head(const http::response_head& head) override;
  void on_answer_body(std::string_view bytes) override;
  void on_answer_pause() override;
  void on_answer_end() override;
  void on_answer_failed(proxy::upstream_failure what, std::string_view detail, bool stale) override;

  void consume(std::string_view bytes);
  [[nodiscard]] bool consume_head(std::string_view& input);
  [[nodiscard]] bool consume_body(std::string_view& input);
  void stash(std::string_view rest);
  void start_exchange();
  void begin(const http::request_head& head);
  void refuse(const http::refusal& why);
  void apply();
  void apply_if_over();
  void ask_upstream(std::size_t which);
  void watch_backlog();
  void complete();
  void finish_exchange();
  void resume_input();
  void drop_upstream();
  void drop_ticket();
  void release_request();
  void gone();
  void linger();
  void close();
  void arm(milliseconds from_now);
  [[nodiscard]] std::uint64_t written() const { return stream_.sent_bytes() - sent_before_; }

  worker& owner_;
  transport::stream stream_;
  transport::timer_wheel::entry client_deadline_, whole_deadline_, quiet_deadline_;
  std::string address_;
  std::string input_;    // bytes behind the current request, or the beginning of a head
  std::string request_;  // what the upstream was sent, kept while it may have to be sent again
  std::optional<proxy::exchange> exchange_;
  http::body_reader body_;
  upstream_connection* upstream_ = nullptr;
  std::size_t upstream_index_ = 0;
  std::uint64_t sent_before_ = 0, sent_at_arm_ = 0;
  std::uint64_t ticket_ = 0;  // 0: neither the vault nor the ledger is awaited
  bool behind_ = false;  // bytes wait for the client since its deadline was armed
  std::uint32_t lingered_bytes_ = 0;
  phase phase_ = phase::idle;
  bool last_request_ = false, is_head_ = false, close_after_ = false, half_closed_ = false, paused_upstream_ = false,
       paused_client_ = false, retried_ = false, unread_ = false, served_ = false;
};

}  // namespace sluice::net
