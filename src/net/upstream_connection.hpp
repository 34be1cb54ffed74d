// One connection to an upstream: sends a request, takes the framing off the answer, hands it on piece by piece.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/http/head.hpp"
#include "sluice/proxy/exchange.hpp"
#include "sluice/transport/resolver.hpp"
#include "sluice/transport/stream.hpp"
#include "worker.hpp"

namespace sluice::net {

// Who asked. After on_answer_end and on_answer_failed the connection has let go of its user.
class upstream_user {
 public:
  virtual void on_answer_head(const http::response_head& head) = 0;
  virtual void on_answer_body(std::string_view bytes) = 0;
  // All that one read brought has been handed on: the time to write.
  virtual void on_answer_pause() = 0;
  virtual void on_answer_end() = 0;
  // `stale`: a reused connection closed before any byte of an answer, and the same request may be sent again on a new one: twice does no harm, or
  // the upstream has not had it.
  virtual void on_answer_failed(proxy::upstream_failure what, std::string_view detail, bool stale) = 0;

 protected:
  ~upstream_user() = default;
};

class upstream_connection final : public mortal, private transport::stream_listener {
 public:
  upstream_connection(upstream_pool& pool, std::size_t at);

  // For the pool.
  void open(upstream_user& user, std::string_view request, bool is_head);
  void resolved(const transport::address_cache::answer& found, const std::shared_ptr<const transport::tls_context>& tls,
                const std::string& host);
  // False: the connection turned out to be dead; the user was not taken.
  [[nodiscard]] bool reuse(upstream_user& user, std::string_view request, bool is_head);
  void shut();

  // For the user. abandon: closes; no call follows.
  void abandon();
  void pause();
  void resume();

  std::size_t index;           // in the pool's list
  const std::uint64_t serial;  // never used twice in a process

 private:
  enum class phase : std::uint8_t { connecting, idle, head, body };

  void on_connected() override;
  void on_bytes(std::string_view bytes) override;
  void on_eof() override;
  void on_drained() override {}
  void on_failed(const error& why) override;
  void expired();

  [[nodiscard]] bool send(std::string_view request);
  void parse(std::string_view input);
  [[nodiscard]] bool was_dead(bool ended) const;
  // False: the input is used up, or the user let go, or the connection is gone.
  [[nodiscard]] bool parse_head(std::string_view& input);
  [[nodiscard]] bool parse_body(std::string_view& input);
  void end_answer(bool clean);
  void fail_with(proxy::upstream_failure what, std::string_view detail, bool stale = false);

  upstream_pool& pool_;
  transport::stream stream_;
  transport::timer_wheel::entry deadline_;
  upstream_user* user_ = nullptr;
  std::string_view request_;
  std::string partial_;  // the beginning of a head
  std::string lookup_error_;
  http::body_reader body_;
  phase phase_ = phase::connecting;
  bool is_head_ = false, reused_ = false, any_byte_ = false, keep_alive_ = false;
  bool may_repeat_ = false;                    // the request at hand, whether or not it was worked on
  std::optional<std::uint64_t> acknowledged_;  // bytes, before any other
  mono_time asked_{};
};

}  // namespace sluice::net
