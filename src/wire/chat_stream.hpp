// One streamed Chat Completions answer: chunks in, chunks out. See dialect.hpp for the contract.
#pragma once

#include <map>
#include <optional>

#include "chat_table.hpp"
#include "event_stream.hpp"
#include "stream_end.hpp"

namespace sluice::wire {

class chat_stream final : public event_stream {
 public:
  chat_stream(bool include_usage, bool hides_request, std::uint32_t depth_max)
      : event_stream(chat_chunk_table(), depth_max), usage_due_(include_usage), hides_request_(hides_request) {}

  void cut(std::string_view message, std::string& out) override;
  void fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) override;
  [[nodiscard]] bool keeps_back() const override;

 private:
  // A growing text: one field of one choice.
  struct channel {
    const row* of = nullptr;  // its row, where a choice has only one of it
    std::string at;           // its place
    std::uint32_t id = 0;
    event_reader::surroundings in_delta;
    unsent_text unsent = {};
    text::json::index last = text::json::none;     // its last piece in the event at hand
    std::string tail = {};                         // of a text that no table knows: the end of what it said
  };
  // A tool call's arguments: JSON in fragments, whole only at the end.
  struct tool_call {
    call_arguments arguments;
    text::json::index last = text::json::none;
  };
  struct choice {
    bool role_sent = false, role_at_hand = false, finished = false;
    bool calls = false;    // a tool of the client's
    bool edited = false;   // some text of it left otherwise than it came
    bool touched = false;  // some text of it in the event at hand did
    bool speaks = false;   // the event at hand has some
    std::optional<std::uint32_t> said, spoken;    // the channels of its content and of its transcript, also when they are over
    std::vector<std::string> citations, audio;    // lists of such, and pieces of what says the transcript aloud, until those are decided; raw
    std::vector<channel> channels;
    std::map<std::int64_t, tool_call> tools;  // -1: the one function_call
  };
  using entry = choice_entry;

  [[nodiscard]] status event(const http::sse_event& e, channel_sink& sink, std::string& out) override;
  // Some servers leave out the [DONE] behind it.
  [[nodiscard]] bool told_all() const override { return all_finished(choices_); }
  [[nodiscard]] bool finish_all(channel_sink& sink, std::string& out) override;
  [[nodiscard]] taken take(text::json::index i, const row& r, channel_sink& sink) override;
  [[nodiscard]] taken take_unknown(text::json::index i, channel_sink& sink) override;

  [[nodiscard]] std::int64_t choice_of(text::json::index i) const override;
  [[nodiscard]] bool goes_on(text::json::index array) const override;
  [[nodiscard]] std::string_view said_beside(text::json::index copy) const override;
  [[nodiscard]] bool drops(text::json::index copy) const override;
  [[nodiscard]] bool edits(text::json::index copy) const override;

  void remember();
  [[nodiscard]] bool begin_choices();
  [[nodiscard]] const entry* entry_of(text::json::index i) const;
  [[nodiscard]] taken grow(text::json::index i, const row* r, const entry& of, channel_sink& sink);
  [[nodiscard]] taken fragment(text::json::index i, const row& r, const entry& of, channel_sink& sink);
  [[nodiscard]] bool finish_choice(std::int64_t number, choice& c, channel_sink& sink, std::string& out);
  void finish_text(std::int64_t number, const channel& of, std::string& out);
  [[nodiscard]] bool judge_calls(channel_sink& sink) override;
  [[nodiscard]] bool judge_calls_of(std::int64_t number, choice& c, channel_sink& sink);
  [[nodiscard]] bool finish_call(std::int64_t number, std::int64_t position, tool_call& call, channel_sink& sink);  // what of it may leave, in released_
  [[nodiscard]] bool finish_calls(std::int64_t number, choice& c, channel_sink& sink, std::string& out);
  [[nodiscard]] bool knows_tokens(const entry& of, const choice& c, channel_sink& sink);
  // chat_copies.cpp: what spells a text, points into it or says it aloud.
  void drop_copies(const entry& of, choice& c, const channel_sink& sink);
  void drop_verbose(bool touched);
  void follow_citations(text::json::index delta, choice& c, const channel_sink& sink);
  void follow_audio(text::json::index delta, choice& c, const channel_sink& sink);
  void let_copies_go(std::int64_t number, choice& c, const channel_sink& sink, std::string& out);
  void forget_copies(choice& c);
  void synthetic(std::int64_t number, std::string_view delta, std::string_view finish_reason, std::string& out) const;

  bool usage_due_;  // asked for, and not told yet
  bool hides_request_;
  std::map<std::int64_t, choice> choices_;
  std::vector<entry> at_hand_;
  waiting_bytes waiting_bytes_;  // of citations and audio that wait
  std::string id_ = "\"chatcmpl-sluice\"", created_ = "0", model_ = "\"\"";  // raw tokens
};

}  // namespace sluice::wire
