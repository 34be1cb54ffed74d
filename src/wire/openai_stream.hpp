// One streamed Chat Completions answer: chunks in, chunks out. See dialect.hpp for the contract.
#pragma once

#include <map>

#include "openai_table.hpp"
#include "sluice/http/sse.hpp"

namespace sluice::wire {

class chat_stream final : public response_stream {
 public:
  chat_stream(bool include_usage, bool hides_request, std::uint32_t depth_max)
      : include_usage_(include_usage), hides_request_(hides_request), depth_max_(depth_max) {}

  [[nodiscard]] status feed(std::string_view bytes, channel_sink& sink, std::string& out) override;
  [[nodiscard]] status end(bool clean, channel_sink& sink, std::string& out) override;
  void cut(std::string_view message, std::string& out) override;
  void fail(std::string_view message, std::string_view decision_id, std::string& out) override;
  [[nodiscard]] const std::string& reason() const override { return reason_; }

 private:
  // A growing text: one field of one choice.
  struct channel {
    std::uint32_t id;
  };
  // A tool call's arguments: JSON in fragments, whole only at the end.
  struct tool_call {
    std::string arguments;
    std::string_view field;   // "function.arguments", "custom.input", "function_call.arguments"
    bool held = false, over = false;
  };
  struct choice {
    bool role_sent = false, finished = false, calls = false;
    std::map<const row*, channel> channels;
    std::map<std::int64_t, tool_call> tools;
  };

  [[nodiscard]] status event(const http::sse_event& e, channel_sink& sink, std::string& out);
  [[nodiscard]] status chunk(const http::sse_event& e, channel_sink& sink, std::string& out);
  void remember(const text::json::document& body);
  [[nodiscard]] bool choice_fields(text::json::index node, channel_sink& sink, std::string& out);
  [[nodiscard]] bool string_field(text::json::index i, const row& r, std::int64_t index, channel_sink& sink);
  [[nodiscard]] std::string name_of(text::json::index i, std::int64_t number) const;
  [[nodiscard]] bool streamed(text::json::index i, const row& r, std::int64_t index, channel_sink& sink);
  [[nodiscard]] bool at_once(text::json::index i, role who, part_kind kind, bool editable, channel_sink& sink,
                             std::int64_t number = channel_sink::no_choice);
  void fragment(text::json::index i, const row& r, choice& of, channel_sink& sink);
  void replace(text::json::index i, std::string_view released);
  [[nodiscard]] bool finish_tools(std::int64_t index, channel_sink& sink, std::string& out);
  [[nodiscard]] bool judge_arguments(tool_call& call, const std::string& name, std::int64_t number, channel_sink& sink);
  [[nodiscard]] bool unknown_key(text::json::index i, channel_sink& sink, std::int64_t number = channel_sink::no_choice);
  void append_to_event(const row& r, text::json::index node);
  void write(const row& r, std::int64_t number, text::json::index node, std::string& out);
  [[nodiscard]] bool finish_choice(std::int64_t number, text::json::index node, channel_sink& sink, std::string& out);
  [[nodiscard]] bool finish_all(channel_sink& sink, std::string& out);
  void synthetic(std::int64_t index, std::string_view delta, std::string_view finish_reason, std::string& out) const;

  bool include_usage_, hides_request_;
  std::uint32_t depth_max_;
  http::sse_splitter splitter_{1u << 20};
  text::json::document body_, arguments_;
  std::vector<std::uint16_t> states_;
  std::map<std::int64_t, choice> choices_;
  std::string id_ = "\"chatcmpl-sluice\"", created_ = "0", model_ = "\"\"";  // raw tokens
  std::string reason_, released_;
  bool over_ = false;

  // Of the event at hand.
  std::vector<text::json::splice> splices_;
};

}  // namespace sluice::wire
