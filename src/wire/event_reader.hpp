// One JSON event of a streamed answer: parsed, judged text by text along a table, and written as it came or with splices. What a
// dialect adds is how its events follow each other.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "attachments.hpp"
#include "copies.hpp"
#include "sluice/http/sse.hpp"
#include "spelled_numbers.hpp"
#include "table.hpp"
#include "text_offsets.hpp"

namespace sluice::wire {

// The short texts that were judged of late, so that what is said over and over is judged once.
class recent_texts {
 public:
  recent_texts(std::size_t count_max, std::size_t bytes_max) : count_max_(count_max), bytes_max_(bytes_max) {}
  [[nodiscard]] bool contains(std::string_view text) const { return texts_.contains(text); }
  // One too long is not remembered; where there are too many, all are forgotten.
  void add(std::string_view text) {
    if (texts_.size() >= count_max_) texts_.clear();
    if (text.size() <= bytes_max_) texts_.emplace(text);
  }

 private:
  std::size_t count_max_, bytes_max_;
  std::set<std::string, std::less<>> texts_;
};

// What waits of a stream's events, for a text that the rules hold, and is held for them as that is.
struct waiting_bytes {
  std::size_t now = 0, told = 0;  // what the sink knows of it
  // False: more than may be.
  [[nodiscard]] bool fit(channel_sink& sink) { return std::exchange(told, now) == now || sink.count_kept(now) == channel_sink::status::released; }
};

class event_reader {
 public:
  event_reader(const answer_table& table, std::uint32_t depth_max) : table_(table), depth_max_(depth_max) {}

  // Views into `data` until the next call.
  [[nodiscard]] result<void> parse(std::string_view data);
  [[nodiscard]] const text::json::document& body() const { return body_; }
  [[nodiscard]] const row* at(text::json::index i) const { return table_.at(states_[i]); }
  // The member of the root, or of `object`, as raw text; "" when it is not there.
  [[nodiscard]] std::string_view text(std::string_view key, text::json::index object = 0) const;
  [[nodiscard]] std::string_view raw(std::string_view key, text::json::index object = 0) const;
  // As raw(), of an identifier or a number; "" for anything else, which may be text that no rule has let leave yet.
  [[nodiscard]] std::string_view word(std::string_view key, text::json::index object = 0) const;
  // The number at `of` that says which of several a thing is. What a client takes for another number than the gateway does would put a
  // text together in two ways: false, and the stream cannot go on.
  [[nodiscard]] bool plain_index(text::json::index of, std::int64_t& out, std::int64_t least = 0);
  // The same of a member of the root, or of `object`, however a table spells it; 0 when it is not there or null.
  [[nodiscard]] bool index_at(std::string_view key, std::int64_t& out, text::json::index object = 0, std::int64_t least = 0);
  [[nodiscard]] text::json::index child(text::json::index object, std::string_view key) const { return table_.child(body_, states_, object, key); }

  // What a dialect does with a text itself: one that grows from event to event.
  class grower {
   public:
    enum class taken : std::uint8_t { left, taken, blocked };
    // `i` is a string or, for class `arguments`, what lies below is left to the reader whatever this says. A row that says that it grows
    // is for the dialect to take; what it leaves of the others is judged as the row says it comes (table.hpp).
    [[nodiscard]] virtual taken take(text::json::index i, const row& r, channel_sink& sink) = 0;
    // A string that no row knows: where it stands, everything is a piece of something that grows.
    [[nodiscard]] virtual taken take_unknown(text::json::index /*i*/, channel_sink& /*sink*/) { return taken::left; }
    // The choice that a text belongs to: most dialects have one.
    [[nodiscard]] virtual std::int64_t choice_of(text::json::index /*i*/) const { return 0; }
    // Whether the key of a member needs no judging, because the client itself wrote it or it was judged before.
    [[nodiscard]] virtual bool knows_key(text::json::index /*i*/, const row& /*r*/) { return false; }
    // Whether the elements of an array follow those of the event before, so that their position in it says nothing.
    [[nodiscard]] virtual bool goes_on(text::json::index /*array*/) const { return false; }
    // Of what says a text again in pieces (text_class::copy): the text beside the list of pieces at `copy`, or beside the member of the object
    // that holds such lists; which copies go on in each other; whether it leaves at all; and whether some of the text left otherwise than it came.
    [[nodiscard]] virtual std::string_view said_beside(text::json::index /*copy*/) const { return {}; }
    [[nodiscard]] virtual std::int64_t copy_of(text::json::index copy) const { return choice_of(copy); }
    [[nodiscard]] virtual bool drops(text::json::index /*copy*/) const { return false; }
    [[nodiscard]] virtual bool edits(text::json::index /*copy*/) const { return false; }
    // Which of several things an event is about, where its root says so; "" where it is about all.
    [[nodiscard]] virtual std::string which() const { return {}; }

   protected:
    ~grower() = default;
  };
  // Judges every text of the event below `from` (itself included). False: blocked, or it holds what nobody can scan.
  [[nodiscard]] bool judge(text::json::index from, grower& dialect, channel_sink& sink);
  // Behind that, the copies of texts that leave: what one says otherwise than the text beside it is a text of its own. copies.cpp.
  [[nodiscard]] bool judge_copies(const grower& dialect, channel_sink& sink);

  // One text that stands at `i`, as a piece of what may go on there in later events. False: blocked.
  [[nodiscard]] bool judge_again(text::json::index i, std::string_view text, role who, part_kind what, bool editable, const grower& dialect, channel_sink& sink);
  // Resolves what is known only at the end of fields that changed from event to event: those of a choice before it is closed, and in the end
  // all. False: blocked.
  [[nodiscard]] bool finish(channel_sink& sink, std::optional<std::int64_t> choice = std::nullopt);
  // A field that the dialect put together until now, and the end of what it said: what comes of it later is judged as one with that. False: more
  // than the gateway follows.
  [[nodiscard]] bool go_on(const std::string& place, std::string said, std::int64_t choice);
  // Bytes that are kept until the stream ends, of what stands in no table. False: more than the gateway keeps.
  [[nodiscard]] bool keep(std::size_t bytes);
  // The stream cannot go on for a reason that no rule gave. Always false.
  bool refuse(std::string why);
  // What an event of the SSE framing says beside its data: comments, and lines that mean nothing to a reader of events but stand in the
  // answer all the same. Names of events that this dialect has, and signs of life, pass. False: blocked.
  // `bare_json`: clients of this dialect read JSON in such a line as an event of its own, which is not judged as one: it stops the stream.
  [[nodiscard]] bool judge_lines(const http::sse_event& e, channel_sink& sink, bool bare_json = false);
  // Whether the event is an upstream's error: it says so by its type, or has an object or a text `error` with something in it.
  [[nodiscard]] bool tells_error() const;
  // Why the last judge() found what nobody can scan; "" when it did not.
  [[nodiscard]] const std::string& unread() const { return unread_; }
  // Of all events so far.
  [[nodiscard]] std::span<const std::string> handles() const { return handles_; }
  // Where a value stands, the same in every event: elements of arrays go by the value of their own `index` where they have one, and have
  // no place of their own where `dialect` says that they go on. Longer than limits::place_bytes: it is cut, and nobody can follow it.
  [[nodiscard]] std::string place(text::json::index i, const grower* dialect = nullptr);
  // event_edits.cpp: how the event leaves.
  // JSON to put around a value so that it stands in `object` where `i` does.
  struct surroundings {
    std::string before, after;
  };
  [[nodiscard]] surroundings around(text::json::index i, text::json::index object) const;
  // The string at `i` leaves as `released`.
  void replace(text::json::index i, std::string_view released);
  // One more element of the array at `i`; raw.
  void add_element(text::json::index i, std::string_view element);
  // Adds to the end of what the string at `i` leaves as.
  void append(text::json::index i, std::string_view more);
  // The value at `i` leaves as this JSON.
  void set(text::json::index i, std::string raw);
  // The value at `i` as it would leave; as this JSON it leaves instead.
  [[nodiscard]] std::string take_out(text::json::index i, std::string instead);
  // An annotation leaves as one of the text as it was edited.
  void shift(text::json::index annotation, const text_moves& moves);
  // The same of a segment or a citation of Gemini's; edits in bytes. False: its words are not those of the text.
  [[nodiscard]] bool shift_bytes(text::json::index segment, const text_moves& moves);
  // A member leaves as `with`, if it is there and not null.
  void blank(text::json::index object, std::string_view key, std::string_view with);
  [[nodiscard]] bool edited() const { return !splices_.empty(); }
  // The event's JSON as it leaves, once.
  [[nodiscard]] std::string apply();

 private:
  void repad();
  [[nodiscard]] bool at_once(std::string_view text, role who, part_kind kind, bool editable, std::string name, std::int64_t choice, channel_sink& sink);
  [[nodiscard]] bool judge_known(text::json::index i, const row& r, grower& dialect, channel_sink& sink);
  [[nodiscard]] bool judge_string(text::json::index i, const row& r, grower& dialect, channel_sink& sink);
  [[nodiscard]] bool judge_mark(text::json::index i, const row& r, grower& dialect, channel_sink& sink);
  [[nodiscard]] bool judge_row(text::json::index i, std::string_view text, const row& r, part_kind what, bool editable, grower& dialect, channel_sink& sink);
  [[nodiscard]] bool judge_attachment(text::json::index i, const row& r, grower& dialect, channel_sink& sink);
  // event_attachments.cpp: of strings that no row calls an attachment; `taken`: this one was a data: URL, or went on with one.
  [[nodiscard]] grower::taken take_data_url(text::json::index i, const row& r, grower& dialect, channel_sink& sink);
  [[nodiscard]] bool read_url(text::json::index i, const row& r, grower& dialect, channel_sink& sink);
  enum class url_piece : std::uint8_t { none, whole, later, too_many };
  [[nodiscard]] url_piece url_at(text::json::index i, const grower& dialect);
  [[nodiscard]] bool judge_value(const text::json::node& n, role who, part_kind what, const std::string& name, std::int64_t choice, channel_sink& sink);
  [[nodiscard]] bool judge_unknown(text::json::index i, grower& dialect, channel_sink& sink);
  [[nodiscard]] bool judge_key(std::string_view key, std::string name, std::int64_t choice, channel_sink& sink);
  [[nodiscard]] bool judge_line(std::string_view name, std::string_view value, bool word, channel_sink& sink);
  [[nodiscard]] bool judge_number(text::json::index i, const grower& dialect, channel_sink& sink);
  // spelled_numbers.cpp: of a list that no table knows.
  [[nodiscard]] bool judge_list(text::json::index list, const grower& dialect, channel_sink& sink);
  [[nodiscard]] bool judge_alternatives(text::json::index i, const grower& dialect, channel_sink& sink);
  [[nodiscard]] bool judge_alternative(std::string_view text, text::json::index i, const grower& dialect, channel_sink& sink, bool& stays);
  [[nodiscard]] bool judge_copy(text::json::index at, const grower& dialect, channel_sink& sink, bool& stays);
  [[nodiscard]] bool admits(text::json::index i, std::string reason, std::optional<attachment_type> attachment, channel_sink& sink);
  [[nodiscard]] bool remember(std::size_t bytes);
  [[nodiscard]] text::json::index number_of(text::json::index element);
  void remember_handle(std::string_view id);
  // A field that no dialect puts together. As long as it says one thing only: that, how often, as which piece it was judged, what of it left
  // and what the rules left of it where that is something else. Then, the channel of all that it said.
  struct field {
    std::string text;
    std::size_t times = 0;
    std::uint32_t piece = UINT32_MAX;
    std::optional<std::string> left, by_rules;
    std::optional<std::uint32_t> channel;
    std::int64_t choice = channel_sink::no_choice;
    bool open = false;  // the channel
  };
  [[nodiscard]] bool join(field& of, std::uint32_t piece, std::string_view left, channel_sink& sink);
  // What stands in one place may be another thing in another event, for which other rules apply.
  [[nodiscard]] static std::string known_as(role who, part_kind what, bool editable, std::string_view which, std::string_view place);
  struct field_name {
    std::string known_as, place;
    role who;
    part_kind what;
    bool editable;
    std::int64_t choice;
  };
  [[nodiscard]] bool judge_field(field_name by, std::string_view text, channel_sink& sink);
  // A field that said this, before anything of it is judged as a part of more. False: more than the gateway follows.
  [[nodiscard]] bool begin_field(const std::string& known_as, std::string said, std::int64_t choice);
  bool refuse_place();
  // event_marks.cpp: what a field of identifiers and the like said, as long as it looked like such: the end of it.
  struct words {
    std::string before, last;
    std::size_t times = 0;  // of the last; what stands before it is written out
    std::uint64_t event = 0;  // the last that said some, by events_of_marks_
    void add(std::string_view said);
    void append_last(std::string& to) const;
    [[nodiscard]] std::string all() const;
    [[nodiscard]] std::size_t bytes() const { return before.size() + last.size(); }
  };
  // Where an event repeats the one before it and no identifier is among what changed, each was said once more, and none is looked at.
  void begin_marks();
  void take_mark(words& of);
  [[nodiscard]] bool changes_mark() const;
  void settle_marks();
  words* keep_word(std::string_view what, std::string_view said);
  void keep_word(words& of, std::string_view said);
  [[nodiscard]] bool has_room_for_words();
  [[nodiscard]] bool speak(const std::string& what, std::int64_t choice);
  const answer_table& table_;
  std::uint32_t depth_max_;
  text::json::document body_;
  types_beside types_;
  std::vector<std::uint16_t> states_;
  std::vector<text::json::index> numbers_;  // by node: its member `index`; empty until somebody asks
  std::vector<text::json::splice> splices_;
  std::set<std::string, std::less<>> keys_;
  recent_texts known_lines_{256, 256}, lines_{256, 256}, judged_numbers_{1024, 64};
  text::json::index numbers_of_ = text::json::none;  // the list in the event at hand whose numbers were read last
  std::set<text::json::index> lists_read_;           // in it
  struct number_list {
    std::string said;    // the end of what it spelled until now
    bool apart = false;  // its bytes spell another text than its code points
    std::string open;    // bytes at its end that are no code point yet
  };
  std::map<std::string, number_list, std::less<>> lists_;  // by known_as()
  spelled_numbers numbers_spelled_;
  std::map<std::string, field, std::less<>> again_;
  std::map<std::string, bool, std::less<>> alternatives_;  // with whether they may leave
  std::size_t alternative_bytes_ = 0;                      // of them
  std::map<std::string, std::optional<std::string>, std::less<>> data_urls_;  // by place: what may become one; none: it did
  struct copied {
    std::string said;    // the end of what it said like the text
    bool apart = false;  // it said otherwise
  };
  std::map<std::pair<std::int64_t, std::size_t>, copied> copies_;  // by grower::copy_of() and key
  std::vector<text::json::index> copies_at_hand_;
  spelled_text spelled_;
  std::vector<std::string> handles_;
  std::map<std::string, words, std::less<>> words_;  // by known_as()
  std::size_t words_bytes_ = 0;
  // By state of the table: the words of the places that were looked at last. Most events say the same again.
  struct mark {
    std::uint16_t state = path_table::unknown;
    words* of = nullptr;
    std::string which = {};
  };
  std::array<mark, 8> last_marks_;
  std::vector<words*> marks_at_hand_;  // of the last event whose marks were looked at
  std::uint64_t events_of_marks_ = 0;  // whose marks were looked at
  std::set<std::size_t> forgotten_;    // hashes of known_as(): places whose words were forgotten
  std::size_t events_since_ = 0;       // which repeat it
  bool marks_again_ = false;           // the event at hand does
  bool all_marks_ = false;             // each of that event's is at hand
  std::size_t remembered_ = 0;
  std::string released_, unread_;
};

// An element of the event's list of choices, and which of them it is.
struct choice_entry {
  text::json::index node;
  std::int64_t number;
};
// That of the elements at hand, in the event's order, that a value stands in; null: none.
template <class Entries>
[[nodiscard]] const typename Entries::value_type* entry_around(const Entries& at_hand, const text::json::document& body, text::json::index i) {
  const auto behind = std::ranges::upper_bound(at_hand, i, {}, &Entries::value_type::node);
  if (behind == at_hand.begin()) return nullptr;
  const auto& at = *std::prev(behind);
  return i > at.node && i < body[at.node].next ? &at : nullptr;
}

// What of a growing text was fed and is still to leave.
class unsent_text {
 public:
  // What leaves must be what was fed, in order: false, it was edited, here or before. From then on nothing is kept: a text may be without end.
  [[nodiscard]] bool leaves(std::string_view fed, std::string_view released) {
    if (edited_) return false;
    if (text_.empty() && fed == released) return true;
    text_ += fed;
    edited_ = !std::string_view(text_).starts_with(released);
    if (edited_) {
      text_ = std::string();
    } else {
      text_.erase(0, released.size());
    }
    return !edited_;
  }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  void clear() { *this = {}; }

 private:
  std::string text_;
  bool edited_ = false;
};

// The arguments of a tool call that came in fragments: JSON, judged when whole.
struct call_arguments {
  std::string text;
  bool held = false, begun = false;
  [[nodiscard]] bool waits() const { return held && !text.empty(); }
  // The next fragment. The event goes on with what this returns: the fragment, or "" when a rule may yet change or stop it.
  [[nodiscard]] std::string_view take(std::string_view fragment, channel_sink& sink);
  // Judges leaves and keys; `text` becomes what may leave. False: blocked.
  [[nodiscard]] bool judge(const std::string& name, std::int64_t choice, std::uint32_t depth_max, channel_sink& sink);

 private:
  [[nodiscard]] static bool judge_one(std::string_view of, bool editable, std::string& out, const std::string& name, std::int64_t choice, channel_sink& sink);
  [[nodiscard]] bool judge_broken(const std::string& name, std::int64_t choice, channel_sink& sink);
};

}  // namespace sluice::wire
