// One client connection: reads requests, drives one exchange at a time and performs what it asks for. It decides nothing
// about content; it keeps order, bounds and deadlines.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sluice/http/head.hpp"
#include "sluice/proxy/exchange.hpp"
#include "sluice/transport/stream.hpp"
#include "sluice/transport/timer_wheel.hpp"
#include "upstream_link.hpp"

namespace sluice::net {

class worker;

class session final : public transport::stream_events, public link_owner {
 public:
  session(worker& home, std::string peer);
  ~session() override;
  void start(boost::asio::ip::tcp::socket socket);
  // The server is stopping: an idle connection goes now, another after its answer.
  void drain();
  // Ends now. True if an exchange was cut off.
  [[nodiscard]] bool cut();

  std::size_t slot = 0;  // its place in the worker's list

 private:
  enum class state : std::uint8_t {
    head,       // between requests, or inside a head
    body,       // a request's body is arriving
    answering,  // the request is complete, or its rest is of no interest; the answer is under way
    closing,    // everything is sent; what still arrives is thrown away
    gone,
  };

  void on_open() override;
  void on_data(std::string_view bytes) override;
  void on_end(transport::end_reason why, std::string_view detail) override;
  void on_drained() override;
  void on_upstream_head(const http::response_head& head) override;
  void on_upstream_body(std::string_view bytes) override;
  void on_upstream_read() override;
  void on_upstream_end() override;
  void on_upstream_failed(proxy::upstream_failure what, std::string_view detail) override;

  [[nodiscard]] std::size_t drive(std::string_view bytes);
  [[nodiscard]] bool take_head(std::string_view& bytes);
  [[nodiscard]] bool take_body(std::string_view& bytes);
  void resume();
  void begin_exchange();
  void refuse(const http::refusal& why);
  void keep_head(std::string_view bytes, std::size_t head_bytes);
  // Does what the exchange asked for in fx_.
  void perform();
  void send_client();
  void complete();
  void client_lost();
  void begin_close();
  void retire();
  void wait_for_request(bool begun);
  void phase_expired();
  void whole_expired();
  [[nodiscard]] std::uint64_t written() const;

  worker& home_;
  std::string peer_;
  transport::stream client_;
  upstream_link link_;
  transport::wheel_timer phase_, whole_;
  state state_ = state::head;
  std::optional<proxy::exchange> exchange_;
  proxy::effects fx_;
  std::string in_;          // bytes that arrived and were not consumed yet
  std::string head_bytes_;  // what head_ views into, kept for the whole exchange
  http::request_head head_;
  http::body_reader body_;
  std::uint64_t sent_ = 0;  // bytes of this exchange handed to the stream
  bool head_begun_ = false, body_open_ = false, done_ = false, close_after_ = false, client_ended_ = false, counted_ = false;
  bool driving_ = false;
};

}  // namespace sluice::net
