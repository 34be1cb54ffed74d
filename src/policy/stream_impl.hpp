// The inside of the stream evaluator. stream.cpp: what a channel's text means and what of it leaves; stream_follow.cpp: how far each rule
// has come in it; stream_plan.cpp: which rules concern a channel; stream_series.cpp: texts that clients put together, while they leave;
// stream_together.cpp: the same, when the answer is held to its end; stream_field.cpp: a text in pieces; stream_choices.hpp: the end of a choice.
#pragma once

#include <optional>
#include <unordered_map>

#include "evaluation.hpp"
#include "stream_choices.hpp"

namespace sluice::policy {

struct stream_evaluator::impl {
  std::shared_ptr<const snapshot> pinned;
  const ruleset& rules;
  const program& prog;
  evaluate_options options;
  scratch::impl& s;
  outcome out;
  std::optional<token_map> counted;  // where the exchange has none
  policy::judge judge;
  stream_choices choices;
  std::vector<std::unique_ptr<channel_state>> channels;
  std::unordered_map<std::uint32_t, notes> of_pieces;  // by channel: what was found in a piece that is not part of a field yet
  struct ended_field {
    role who;
    part_kind kind;
    std::int64_t choice;
    std::string tail;
    notes found_before;
  };
  std::unordered_map<std::uint32_t, ended_field> ended;  // by channel: fields that may go on
  // stream_together.cpp. Of an answer that is held to its end: texts that clients put together, by channel, and where rules matched in them.
  struct whole_text {
    role who;
    part_kind kind;
    std::int64_t choice;
    std::string text;
  };
  bool holds_answer;
  std::map<std::uint32_t, whole_text> whole_texts;
  std::size_t whole_bytes = 0;
  noted_places noted;
  std::vector<match_span> spans;
  std::vector<keyword_match_span> words;
  bool blocked = false;
  std::size_t edit_count = 0;
  // Channels that clients put together.
  struct series {
    std::int64_t choice;
    role who;
    part_kind kind;
    std::string end;                                    // of what they say, as far as a match may reach back
    std::uint64_t said = 0;                             // bytes that views show
    std::vector<std::uint64_t> seams;                   // of them: where no space stands between two texts
    std::uint32_t last = 0;                             // the channel that is fed
    std::vector<std::pair<std::uint32_t, std::uint64_t>> found;  // by rule: where its last match ends
    bool cut = false, unseen = false;  // unseen: what no view shows came last
  };
  std::vector<series> in_series;
  std::unordered_map<std::uint32_t, std::vector<placed_edit>> placed;  // by channel; of those with an edit
  static constexpr std::size_t placed_max = 4096;                     // of one channel; more are not told
  std::size_t block_at = nowhere;  // of the channel at hand: nothing at or after it leaves
  std::size_t limit = nowhere;     // of the channel at hand: first original byte that some rule waits for

  impl(std::shared_ptr<const snapshot> p, const ruleset& r, const evaluate_options& o, scratch::impl& working)
      : pinned(std::move(p)), rules(r), prog(*r.owner), options(o), s(working), judge(r, options, out), choices(r), holds_answer(holds_answers(r, o)) {}

  // A place in a window as an offset from the first original byte ever fed.
  static std::uint32_t original_begin(const window& w, std::size_t at, const channel_state& c) {
    return at < w.map.size() ? w.original_begin(at, w.map.size()) : c.released + static_cast<std::uint32_t>(c.original.size());
  }
  void note(channel_state& c, std::uint32_t index, std::uint32_t term, const window& w, std::size_t begin, std::size_t end);
  void note_found(channel_state& c, std::uint32_t index, std::uint32_t term, std::uint32_t from, std::uint32_t to, std::string_view visible,
                 std::string_view matched_view);
  // The rules whose match is an expression: a channel is decided at its end, and those that change it hold it until then.
  void compose(channel_state& c, std::uint32_t index);
  void stop_at(std::size_t original);
  // The other readings of a channel's text and its scores, once it is all there. Text that is out can only be recorded: what changes it
  // is held in full.
  void look_at_whole(channel_state& c, std::uint32_t index);
  // Whatever wants all of the channel's text is unavailable.
  void look_failed(const channel_state& c);
  // Keeps the text for its other readings; past the bound they are unavailable.
  void keep(channel_state& c, std::string_view text);
  void failed(std::uint32_t term, channel_state& c);
  void follow_regexes(channel_state& c, searched_channel& in, std::uint32_t index, bool more);
  // A term to which it matters that the text's end may still change: what does not depend on that end is decided, and text is held
  // when the rule waits for any of the forms that the end may take. Returns where the rule waits.
  std::size_t follow_composing(channel_state& c, searched_channel& in, std::uint32_t index, std::uint32_t term, bool asked, std::size_t from);
  void follow_words(channel_state& c, searched_channel& in, std::uint32_t index, bool more);
  // The same for words: decided is what the stable text decides, held is what some form of the end would hold.
  void follow_words_to_open_end(channel_state& c, searched_channel& in, std::uint32_t index);
  void follow(channel_state& c, searched_views& in, std::uint32_t index, bool more);
  // The next piece of the channel's text, or of one that it is decoded to, and of those that this is decoded to.
  void advance(channel_state& c, std::uint32_t index, std::size_t level, std::string_view text);
  // `at`: where that text begins, from the first byte ever fed.
  void begin(channel_state& c, std::string_view text, std::uint32_t at);
  void end_levels(channel_state& c);
  // stream_series.cpp. What is fed of a channel in a series; and whether a match [from, to) there says something new.
  void hear(channel_state& c, std::uint32_t index, std::string_view text);
  [[nodiscard]] bool is_new(channel_state& c, std::uint32_t rule, std::uint32_t from, std::uint32_t to);
  // The other readings of a channel in a series: its next text, or its end. And forgets them when they find nothing more of their own.
  void follow_others(channel_state& c, std::uint32_t index, std::string_view text, bool more);
  void drop_others(channel_state& c);
  [[nodiscard]] bool keeps_whole(const channel_state& c) const { return holds_answer && c.how == reading::once && c.choice >= 0 && joins(c.kind, direction::response); }
  void keep_whole(const channel_state& c, std::uint32_t index, std::string_view text);
  void drop_single(std::int64_t choice);
  token_map& tokens();
  // Sends out what lies before the limit, with its edits.
  void release(channel_state& c, std::uint32_t index, std::string& into);
  [[nodiscard]] bool over(std::uint32_t index) const { return channels[index] == nullptr || channels[index]->finished; }
  void place(std::uint32_t index, const channel_state& c, std::size_t begin, std::size_t end, std::string_view replacement);
  static void push(searched_views& to, std::string_view text);
  // stream_field.cpp. The channel is over: what was found in it is kept, if somebody may ask.
  void keep_notes(std::uint32_t index);
  // A field that was finished is open again, with the last of its text.
  void resume(std::uint32_t field);
  // What was found in a piece, as found in its field from `from` on.
  void take_notes(channel_state& field, std::uint32_t piece, std::uint32_t from);
  status run(std::uint32_t index, std::string_view text, bool last, std::string& into, bool may_keep = false);
};

}  // namespace sluice::policy
