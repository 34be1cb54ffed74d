// One streamed Gemini answer: each event is a whole answer with the next pieces of text, as server-sent events or as the elements of an
// array. What is held of a candidate leaves with the event that ends it.
#pragma once

#include <compare>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "event_reader.hpp"
#include "gemini_table.hpp"
#include "stream_end.hpp"
#include "sluice/base/limits.hpp"
#include "sluice/http/json_stream.hpp"
#include "sluice/http/sse.hpp"

namespace sluice::wire {

class generate_stream final : public response_stream, private event_reader::grower {
 public:
  // `asks_for_events`: how the request wants its answer framed, for what is said before the upstream shows how it does.
  generate_stream(bool asks_for_events, std::uint32_t depth_max) : asks_for_events_(asks_for_events), depth_max_(depth_max), event_(gemini_event(), depth_max) {}

  [[nodiscard]] status feed(std::string_view bytes, channel_sink& sink, std::string& out) override;
  [[nodiscard]] status end(bool clean, channel_sink& sink, std::string& out) override;
  void cut(std::string_view message, std::string& out) override;
  void fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) override;
  void stand_in_for(const response_stream& other) override;
  // Its Python SDK takes a comment for JSON, and every one reads over empty lines.
  void keep_alive(std::string& out) override { out += framing_ == framing::array ? "\n" : "\r\n"; }
  [[nodiscard]] const std::string& reason() const override { return reason_; }

 private:
  enum class framing : std::uint8_t { unknown, events, array };
  // Which of a candidate's texts: answer, thoughts, or an argument of a call by its path.
  struct text_name {
    part_kind what = part_kind::text;
    std::string argument = {};
    auto operator<=>(const text_name&) const = default;
  };
  // A text that grows.
  struct growing {
    std::uint32_t channel = 0;
    bool open = false, resumed = false;  // resumed: behind its end, so that positions in it begin anew
    unsent_text unsent;
    text::json::index last = text::json::none;      // its last piece in the event at hand
    std::string tail;        // the last that it said, for when it goes on after its end
    std::string before;      // of it, what will be released once more, because it left before that end
    bool ends = false;
    std::string left;        // what it leaves at the end
  };
  struct candidate {
    std::map<text_name, growing> texts;
    bool finished = false, edited = false, calls = false;
    bool touched = false;      // some text of it, grown or not, left otherwise than it came
    std::string added;  // behind what it said, when it last ended
    // Members that hold citations, with their keys, until the text is decided that these point into; raw, as they leave.
    std::vector<std::pair<std::string, std::string>> citations;
  };

  using entry = choice_entry;

  [[nodiscard]] status event(const http::sse_event& e, channel_sink& sink, std::string& out);
  [[nodiscard]] status element(const http::json_piece& p, channel_sink& sink, std::string& out);
  [[nodiscard]] status judge(std::string_view data, channel_sink& sink, std::string& out);
  [[nodiscard]] status feed_events(channel_sink& sink, std::string& out);
  [[nodiscard]] status feed_elements(channel_sink& sink, std::string& out);
  [[nodiscard]] taken take(text::json::index i, const row& r, channel_sink& sink) override;
  [[nodiscard]] bool goes_on(text::json::index array) const override;
  [[nodiscard]] std::string_view said_beside(text::json::index copy) const override;
  [[nodiscard]] bool drops(text::json::index /*copy*/) const override { return event_.edited(); }
  [[nodiscard]] bool edits(text::json::index copy) const override;
  [[nodiscard]] bool begin_candidates();
  [[nodiscard]] const entry* entry_of(text::json::index i) const;
  [[nodiscard]] bool resume(std::int64_t number, candidate& c, growing& g, const text_name& name, channel_sink& sink);
  static void drop_before(growing& g, std::string& released);
  [[nodiscard]] bool release(growing& g, std::string_view piece, channel_sink& sink);
  [[nodiscard]] bool finish(std::int64_t number, candidate& c, channel_sink& sink, std::string& out);
  void place_citations(channel_sink& sink, std::string& out);
  [[nodiscard]] static bool waits_with_citations(const candidate& c, const channel_sink& sink);
  void keep_citations(text::json::index node, candidate& c);
  static void follow_citations(event_reader& of, text::json::index node, const candidate& c, const channel_sink& sink);
  void let_citations_go(std::int64_t number, candidate& c, const channel_sink& sink, std::string& out);
  [[nodiscard]] std::int64_t choice_of(text::json::index i) const override;
  [[nodiscard]] text::json::index first_part(text::json::index candidate) const;
  [[nodiscard]] bool calls_tool(text::json::index candidate) const;
  [[nodiscard]] bool knows_words(text::json::index node, const candidate& c, channel_sink& sink);
  void drop_copies(text::json::index node, const candidate& c);
  void write(std::int64_t number, const text_name& name, const growing& g, std::string& out);
  [[nodiscard]] bool finish_all(channel_sink& sink, std::string& out);
  // The stream's end: what is held leaves; behind an upstream's error it is dropped, as when the upstream dies. False: stopped.
  [[nodiscard]] bool finish_stream(channel_sink& sink, std::string& out) { return erred_ ? judge_rest(sink) : finish_all(sink, out) && event_.finish(sink); }
  // What has left is judged to its end; what is held does not leave. False: a rule stops it.
  [[nodiscard]] static bool judge_rest(channel_sink& sink) { return sink.end_open() == channel_sink::status::released; }
  // No event of this dialect says that it is the last.
  [[nodiscard]] bool told_all() const { return erred_ || refused_ || all_finished(candidates_); }
  void emit(const std::string& json, std::string& out);
  [[nodiscard]] static status break_off(channel_sink& sink) { return judge_rest(sink) ? status::broken_off : status::blocked; }
  [[nodiscard]] bool ends(std::string& out);
  [[nodiscard]] status stopped() { return (reason_ = event_.unread()).empty() ? status::blocked : status::unreadable; }

  [[nodiscard]] bool in_array() const { return framing_ == framing::array || (framing_ == framing::unknown && !asks_for_events_); }
  // Closes the array, if it is one.
  void close(std::string& out) const { out += in_array() ? "]" : ""; }

  bool asks_for_events_;
  std::uint32_t depth_max_;
  framing framing_ = framing::unknown;
  std::string head_;  // white space before the first byte that tells the framing
  http::sse_splitter events_{limits::event_bytes};
  http::json_splitter elements_{http::json_splitter::framing::array, limits::event_bytes};
  event_reader event_;
  std::map<std::int64_t, candidate> candidates_;
  std::vector<entry> at_hand_;
  waiting_bytes waiting_bytes_;  // of citations that wait
  std::string reason_, released_;
  mutable std::string said_;  // what said_beside() put together
  std::string_view lead_;  // what stands before the element at hand: the array's beginning or a comma, until it is written
  bool written_ = false, over_ = false;
  bool erred_ = false;       // the upstream told an error, in the event at hand or before
  bool refused_ = false;     // it answers no such prompt
  bool half_ = false;        // the event at hand is no JSON
  bool told_error_ = false;  // by the last event to the client, in the upstream's words
};

}  // namespace sluice::wire
