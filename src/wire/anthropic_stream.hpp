// One streamed answer of Anthropic's Messages. Each content block has its own texts; what is held of one leaves before its content_block_stop.
// Where rules may put text behind the answer, the end of a text block waits until the next event shows whether it was the last; where they
// may still change what was said, all that follows waits with it. See dialect.hpp for the contract.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "anthropic_table.hpp"
#include "event_stream.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {

class messages_stream final : public event_stream {
 public:
  messages_stream(std::string_view model, std::uint32_t depth_max) : event_stream(anthropic_event(), depth_max), model_(json_quoted(model)) {}

  void cut(std::string_view message, std::string& out) override;
  void fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) override;
  [[nodiscard]] bool keeps_back() const override {
    return waits_ || std::ranges::any_of(blocks_, [](const auto& b) { return b.second.arguments.waits(); });
  }

 private:
  struct block {
    bool begun = false, stopped = false;
    bool shown = false, ended = false;  // the same, as the client has seen it
    bool says = false;                  // a block of text
    bool left = false;                  // some of it has left
    std::uint32_t message = 0;          // of messages_
    std::vector<std::optional<std::uint32_t>> channels;  // of anthropic_texts()
    call_arguments arguments;
  };

  // What waits, and of which block it is; below 0: of none.
  struct waiting {
    std::string bytes;
    std::int64_t block;
  };
  // A place in the events that wait, before one of them, where text of a block is still to come.
  struct gap {
    std::size_t at;
    std::int64_t block;
    std::size_t text;                      // index into anthropic_texts()
    std::optional<std::uint32_t> channel;  // what it kept; none: only what is added
  };

  [[nodiscard]] status event(const http::sse_event& e, channel_sink& sink, std::string& out) override;
  [[nodiscard]] bool finish_all(channel_sink& sink, std::string& out) override;
  [[nodiscard]] bool judge_calls(channel_sink& sink) override;
  [[nodiscard]] bool finish_call(std::int64_t number, block& b, channel_sink& sink);  // what of it may leave, in released_
  [[nodiscard]] taken take(text::json::index i, const row& r, channel_sink& sink) override;
  [[nodiscard]] std::string which() const override { return event_.text("type").starts_with("content_block_") ? std::to_string(current_) : std::string(); }
  [[nodiscard]] bool finish(std::int64_t number, block& b, channel_sink& sink, std::string& out);
  [[nodiscard]] bool close(channel_sink& sink, std::string& out);
  [[nodiscard]] bool ends_message() const;
  [[nodiscard]] bool begins_again() const {
    const auto b = blocks_.find(current_);
    return b != blocks_.end() && b->second.begun && b->second.message == messages_;
  }
  [[nodiscard]] bool begins_with_text(text::json::index block) const;
  [[nodiscard]] bool begin_message(channel_sink& sink, std::string& out);
  // False: more than the gateway follows.
  [[nodiscard]] bool has_room_for(std::int64_t block) { return blocks_.contains(block) || blocks_.size() < limits::calls || event_.refuse("more content blocks than the gateway follows"); }
  void begin_block(text::json::index made, std::string& out);
  void end_block(channel_sink& sink);
  [[nodiscard]] std::string& next(std::int64_t block, std::string& out) { return waits_ ? waiting_.emplace_back(waiting{{}, block}).bytes : out; }
  [[nodiscard]] bool stays_empty(std::int64_t number, std::span<const std::string> filling) const;
  void wait(std::int64_t block, std::size_t text, std::optional<std::uint32_t> channel);
  void let_go(std::string& out);
  [[nodiscard]] bool renumber(std::string_view event, std::int64_t number, std::string& out);
  [[nodiscard]] bool counts_waiting(channel_sink& sink);
  void remember();
  static void delta(std::int64_t number, std::string_view type, std::string_view key, std::string_view text, std::string& out);
  static void delta(std::int64_t number, const anthropic_text& of, std::string_view text, std::string& out) { delta(number, of.delta_type, of.key, text, out); }

  std::map<std::int64_t, block> blocks_;
  std::int64_t current_ = 0;  // the block of the event at hand
  std::int64_t begun_ = 0;    // blocks of the message at hand, as a client counts them
  std::vector<std::pair<text::json::index, std::int64_t>> with_message_;  // blocks with text in the first event of a message, when that is at hand
  std::string model_, id_ = "\"msg_sluice\"", output_tokens_ = "0";  // raw tokens
  bool started_ = false;
  std::uint32_t messages_ = 0;  // some upstreams begin one message behind the other
  bool waits_ = false, calls_tool_ = false, closed_ = false;
  std::vector<waiting> waiting_;       // events behind the first gap
  std::size_t counted_ = 0;            // of those, in the next
  waiting_bytes waiting_bytes_;
  std::vector<gap> gaps_;
  std::int64_t gone_ = 0;              // blocks that the client never had
  std::optional<std::size_t> tail_;    // the gap at the end of a text block that may be the last of all
};

}  // namespace sluice::wire
