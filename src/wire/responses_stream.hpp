// One streamed response: events in, events out. A text of it comes in pieces and then up to four times whole, in the events that end
// it, its part, its item and the response; what was edited in the pieces is edited there in the same way.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "event_stream.hpp"
#include "responses.hpp"

namespace sluice::wire {

// A kind of text that grows from event to event.
struct growing_text {
  std::string_view stem;        // of its events: "response.output_text" and ".delta", ".done"
  std::string_view delta;       // the row of its piece, behind the stem
  std::string_view part_index;  // the member that tells several of an item apart; "" when there is one
  std::string_view in_item, in_part;  // rows of the whole text, below "item" and "part"; "" when there is none
  std::string_view done_key;    // its member in ".done"
  std::string_view label;       // for the record
  role who;
  part_kind kind;
  bool json = false;
};
enum class family : std::uint8_t { output_text, refusal, reasoning_text, summary_text, function_arguments, custom_input, mcp_arguments, code, command, stdout_text, stderr_text, patch, transcript };
[[nodiscard]] std::span<const growing_text> growing_texts();

class responses_stream final : public event_stream {
 public:
  responses_stream(const endpoint& to, const request_body& request, std::uint32_t depth_max);

  void cut(std::string_view message, std::string& out) override;
  void fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) override;
  [[nodiscard]] bool keeps_back() const override;
  [[nodiscard]] std::vector<handle> handles() const override;

 private:
  struct place {
    std::int64_t item = 0;
    family of = family::output_text;
    std::int64_t part = 0;
    auto operator<=>(const place&) const = default;
  };
  static constexpr std::int64_t no_part = -1;  // the least: vLLM's, of a text that never began
  // A text as it came and as it left. Nothing is copied as long as both are the same.
  struct growth {
    std::string original, released, item_id;  // item_id: raw
    std::int64_t said_as = 0;                 // the part that its last piece named
    std::size_t same = 0;                     // bytes of `original` that left as they are, while nothing was changed
    bool changed = false, over = false, done_sent = false, part_done_sent = false;
    bool only_end = false;                    // no piece of it came, but its end
    std::optional<std::uint32_t> channel;
    call_arguments call;
    std::vector<std::string> waiting = {};    // events that point into it or say it aloud, until it is decided
    void left(std::string_view piece);
    [[nodiscard]] std::string_view sent() const { return changed ? std::string_view(released) : std::string_view(original).substr(0, same); }
  };
  // What a text left as, and the edits that made it so, as far as anyone can say.
  struct judged_text {
    std::string left;
    std::optional<std::vector<text_edit>> edits;
  };
  struct edited_text {  // of the event at hand
    text::json::index node;
    std::optional<std::vector<text_edit>> edits;
  };
  struct item {
    std::string added, done;  // the events as they left
  };
  // An item as a client that puts pieces together has it.
  struct counted_item {
    std::int64_t parts = 0, summaries = 0;
    bool said = false, over = false;  // some text of it came; all of it did
  };

  // responses_stream.cpp: events as they come.
  [[nodiscard]] status event(const http::sse_event& e, channel_sink& sink, std::string& out) override;
  [[nodiscard]] bool begin_event();
  [[nodiscard]] bool knows_piece(channel_sink& sink);
  [[nodiscard]] bool finish_before(channel_sink& sink, std::string& out);
  [[nodiscard]] bool end_unsaid();
  void begin_anew();
  void restore_request();
  [[nodiscard]] std::int64_t number_of(std::string_view key) const;  // of the event at hand
  [[nodiscard]] bool announce();
  [[nodiscard]] bool count();
  [[nodiscard]] bool count_response();
  [[nodiscard]] std::int64_t size_of(text::json::index object, std::string_view key) const;  // of a list
  [[nodiscard]] bool has_room_for(std::int64_t number) { return counted_.contains(number) || counted_.size() < limits::calls || event_.refuse("more items of a response than the gateway follows"); }
  [[nodiscard]] std::int64_t part_at_hand(family of, bool begins) const;
  void number();
  void remember(std::string_view as_left);

  // responses_copies.cpp: what spells a text, points into it or says it aloud.
  void follow_edits();
  [[nodiscard]] growth* copied();
  [[nodiscard]] growth* waits_for(const channel_sink& sink);
  [[nodiscard]] bool copy_goes(const channel_sink& sink);
  [[nodiscard]] bool let_copies_go(growth& t, const channel_sink& sink, std::string& out);
  [[nodiscard]] bool let_copies_go(const channel_sink& sink, std::string& out);
  void forget_copies(growth& t);
  [[nodiscard]] std::string_view said_beside(text::json::index copy) const override;
  [[nodiscard]] std::int64_t copy_of(text::json::index /*copy*/) const override { return item_ << 20 | number_of("content_index"); }
  [[nodiscard]] bool drops(text::json::index copy) const override;
  [[nodiscard]] bool edits(text::json::index copy) const override;

  // responses_texts.cpp: texts, judged piece by piece or at once.
  [[nodiscard]] taken take(text::json::index i, const row& r, channel_sink& sink) override;
  [[nodiscard]] bool knows_key(text::json::index i, const row& r) override;
  [[nodiscard]] std::optional<place> grows(text::json::index i, const row& r) const;
  [[nodiscard]] std::int64_t item_of_response(text::json::index i) const;
  [[nodiscard]] taken grow(const place& at, text::json::index i, channel_sink& sink);
  [[nodiscard]] taken repeat(const place& at, text::json::index i, const row& r, channel_sink& sink);
  [[nodiscard]] taken settle(text::json::index i, const row& r, channel_sink& sink);
  void leave(text::json::index i, std::string_view left, std::optional<std::vector<text_edit>> edits = {});
  [[nodiscard]] bool finish(const place& at, growth& t, channel_sink& sink, std::string& out);
  [[nodiscard]] bool told_all() const override { return closed_; }
  [[nodiscard]] bool finish_all(channel_sink& sink, std::string& out) override;
  [[nodiscard]] bool judge_calls(channel_sink& sink) override;
  void know(std::string key, std::string_view original, std::string_view left, std::optional<std::vector<text_edit>> edits);
  [[nodiscard]] static std::string name_of(const place& at);
  void delta(const place& at, const growth& t, std::string_view more, std::string& out);

  // responses_cut.cpp: the end that the gateway gives it.
  void write_event(std::string_view type, std::string_view rest, std::string& out);
  void close_texts(std::int64_t number, const std::string& id_raw, std::string& parts, std::string& summary, std::string& out);
  [[nodiscard]] std::string close_item(std::int64_t number, const item& of, std::string& out);
  [[nodiscard]] bool close(channel_sink& sink, std::string& out);
  [[nodiscard]] std::string say(std::int64_t number, std::string_view message, std::string_view how, std::string& out);

  responses_request_body::words own_;  // what the answer may repeat of the request
  std::string model_;                  // raw
  std::string instructions_;           // the client's own, raw, where words were added to them; "" otherwise
  std::map<place, growth> texts_;
  std::set<place> announced_;  // parts; of family output_text those of a content, of summary_text those of a summary
  std::map<std::int64_t, item> items_;
  std::map<std::int64_t, counted_item> counted_;  // by output_index
  std::int64_t begun_items_ = 0;                  // of the response, as a client counts them
  bool told_response_ = false;                    // an event that holds the response so far has come
  // Texts that were judged, with what left of them when it is something else; and keys.
  std::unordered_map<std::string, std::optional<judged_text>> judged_;
  std::unordered_set<std::string> keys_;
  static constexpr std::size_t kept_bytes_max = 32u << 20;
  std::size_t judged_bytes_ = 0;  // of those; what is more is judged again where it is repeated
  std::size_t seen_bytes_ = 0;    // of the events that a cut needs, of the response at hand
  std::size_t grown_bytes_ = 0;  // of all texts that came in pieces
  waiting_bytes waiting_bytes_;  // of events that wait for a text
  std::string created_;  // the first event that held the response, as it left
  std::int64_t last_number_ = -1;  // of the last event that left
  std::int64_t own_number_ = -1;   // the highest that the gateway gave; what comes with less gets a number behind it
  bool numbered_ = false, closed_ = false;
  bool calls_ = false;                // it asks the client to do something
  std::vector<std::uint32_t> kept_;   // channels whose rest waits for the end of the response

  // Of the event at hand.
  std::string type_;
  std::int64_t item_ = 0;
  const growing_text* delta_of_ = nullptr;
  bool tells_response_ = false;   // it holds the response so far
  bool misplaced_ = false;        // it begins an item or a part whose number is not its place
  bool piece_gone_ = false;       // its piece of a text is held whole
  std::string added_;             // raw: the message that the gateway put behind all others
  std::vector<edited_text> edited_;
};

}  // namespace sluice::wire
