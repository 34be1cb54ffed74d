// The upstream side of one session: sends a request on a pooled or a fresh connection and reads its answer. A pooled
// connection that dies before the first byte of an answer is replaced once by a fresh one.
#pragma once

#include <memory>
#include <string>

#include "sluice/http/head.hpp"
#include "sluice/proxy/exchange.hpp"
#include "sluice/transport/stream.hpp"
#include "sluice/transport/timer_wheel.hpp"

namespace sluice::net {

class worker;

// Who hears the answer. Any of these may call abort() or ask() on the link.
class link_owner {
 public:
  virtual ~link_owner() = default;
  virtual void on_upstream_head(const http::response_head& head) = 0;
  virtual void on_upstream_body(std::string_view bytes) = 0;
  // Everything that one read brought was handed on: what it caused can leave in one write.
  virtual void on_upstream_read() = 0;
  virtual void on_upstream_end() = 0;
  virtual void on_upstream_failed(proxy::upstream_failure what, std::string_view detail) = 0;
};

class upstream_link final : public transport::stream_events {
 public:
  upstream_link(worker& home, link_owner& owner);
  ~upstream_link() override;

  // Sends `request` (taken) to the upstream. `to_head`: the answer has no body.
  void ask(std::size_t upstream, std::string&& request, bool to_head);
  // Closes the connection; nothing is heard of it afterwards.
  void abort();
  // Stops and resumes reading the answer: back-pressure from the client.
  void pause(bool on);
  [[nodiscard]] bool active() const { return state_ != state::none; }

 private:
  enum class state : std::uint8_t { none, connecting, head, body };
  void on_open() override;
  void on_data(std::string_view bytes) override;
  void on_end(transport::end_reason why, std::string_view detail) override;
  void open_fresh();
  void send();
  void take(std::string_view bytes);
  [[nodiscard]] bool take_head(std::string_view& bytes);
  void take_body(std::string_view bytes);
  void finish(bool reusable);
  void failed(proxy::upstream_failure what, std::string_view detail);
  void expired();
  void drop();

  worker& home_;
  link_owner& owner_;
  transport::wheel_timer timer_;
  std::unique_ptr<transport::stream> stream_;
  std::shared_ptr<upstream_link*> alive_;  // what a look-up in flight checks
  state state_ = state::none;
  std::size_t upstream_ = 0;
  std::uint64_t turn_ = 0;  // changes whenever the link is reset, so that a loop notices
  bool to_head_ = false, reused_ = false, answered_ = false, paused_ = false;
  std::string request_;  // kept for the one retry
  std::string pending_;  // an incomplete head
  http::response_head head_;
  http::body_reader body_;
};

}  // namespace sluice::net
