// Holding text against a ruleset: whole (requests, plain answers) and incrementally (streams). Pure: no clock, no I/O, no
// exceptions. A scratch belongs to one worker thread; every call on it is short and never overlaps another.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/policy/snapshot.hpp"
#include "sluice/policy/types.hpp"

namespace sluice::policy {

// One piece of text of a whole body. Offsets in findings and edits are bytes of `text`.
struct text_part {
  policy::role role = role::user;
  part_kind kind = part_kind::text;
  bool last_turn = true;  // of the last turn (requests); always true for responses
  bool editable = true;   // false: a name or signed text; a redaction becomes a block
  std::string_view text;
  std::int32_t choice = 0;  // of an answer: which of its choices; of a request: which of the texts that the API takes each by itself; -1: none of them
  bool ended = true;        // false: of a stream that broke off within it, so that nobody was told what its end would decide
  bool in_series = false;   // of a stream: its clients put it together with the texts of its choice before (stream_evaluator::goes_on)
};

// Says which parts of a request, each a message of its own, are of the last turn: what stands behind the last message of the model's that
// something of the user's or a tool's follows. (A body's parts have it from the module wire, by its messages.)
void mark_last_turn(std::span<text_part> request);

// Bytes of a part's text.
struct text_span {
  std::uint32_t part, begin, end;
};

struct finding {
  std::uint32_t rule;       // index into snapshot::rules()
  std::uint32_t part;       // index of the text_part, or the channel of a stream
  std::uint32_t begin, end; // bytes of the part's (or the channel's whole) original text
  policy::action action;    // what was done, or would be: of a rule that adds text, `flag` where it found no place for it
  bool enforced;            // false: a shadow finding
  std::string value;        // the matched original text; audit masks it, nothing else may print it
  // Where a request's match is split over several parts: the rest of it, in the order of the parts. `value` is all of it.
  std::vector<text_span> more = {};
  bool last_turn = true;    // of a request: some of it stands in the last turn; else it was sent before
};

// Findings of one rule that one exception took away. Place and value are the first one's.
struct suppression {
  std::uint32_t rule;
  std::string exception_id, owner, ticket;
  std::uint32_t part = 0, begin = 0, end = 0;
  std::string value;        // as of a finding
  std::uint64_t count = 1;
};

// Replace [begin, end) of a part's text.
struct edit {
  std::uint32_t part, begin, end;
  std::string replacement;
};

// What rules add to the system's words of a request: in the order of the rules' policies and ids, a blank line between two texts.
struct system_addition {
  std::string before, behind;
  std::uint32_t rules = 0;  // how many say so
};

// A text behind all that a choice of an answer says.
struct addition {
  std::int32_t choice;
  std::string text;
};

// What a blocking rule says about its answer. Views into the snapshot.
struct block_terms {
  std::uint32_t rule = 0xffffffff;  // 0xffffffff: no rule; see outcome::reason
  std::string_view message;
  int http_status = 400;            // 400, or 200 for the dialect's own refusal
  bool message_in_stream = false;
  const std::map<std::string, std::string>* i18n = nullptr;  // the message by language (BCP 47, lower case)
  // The message that a client with this Accept-Language field reads (RFC 9110 12.5.4, matched as RFC 4647 3.4 has it); else the
  // rule's own.
  [[nodiscard]] std::string_view message_for(std::string_view accept_language) const;
};

// The scores of one policy's matches, held against its threshold. Views into the snapshot.
struct score_sum {
  std::string_view policy;
  std::uint64_t enforced = 0, all = 0;  // of enforced matches, and of those in shadow as well
  std::uint32_t threshold = 0;          // of this direction
  policy::action action = action::block;
  bool crossed = false;                 // by the enforced ones
};

struct outcome {
  policy::verdict verdict = verdict::allow;         // what is done
  policy::verdict shadow_verdict = verdict::allow;  // what would be done if every shadow rule (and the global flag) enforced
  std::vector<finding> findings;
  std::vector<suppression> suppressed;
  std::vector<edit> edits;   // disjoint, sorted by (part, begin); empty when blocked
  system_addition system;    // of a request; empty when blocked
  std::vector<addition> additions;  // of an answer, one a choice at most; empty when blocked
  block_terms block;         // meaningful when verdict == block
  std::uint32_t gave_up = 0xffffffff;  // a rule that blocks because its matcher failed, not because it matched: it has no say in `block`
  std::string reason;        // "" or why a verdict came without a rule: "matcher unavailable", "no policy", …
  bool findings_truncated = false;
  std::vector<score_sum> scores;  // of policies with a threshold here, of which some rule with a score matched
  std::string crossed;            // the first threshold that blocks: "the score of policy 'pii' is 12, its threshold 10"
  // What enforced rules tag the conversation with, and what those in shadow would; each once, in the order of being found.
  std::vector<std::string> tags, shadow_tags;
  // Why a verdict came without a rule: `reason`, or the threshold where no rule blocked.
  [[nodiscard]] std::string_view why() const { return reason.empty() && block.rule == 0xffffffff ? std::string_view(crossed) : std::string_view(reason); }
  // What classifiers said, whether it reached a threshold or not: "classifier.label" (of the snapshot) and the highest score of all texts.
  std::vector<std::pair<std::string_view, float>> classifier_scores;
  std::uint64_t undecoded = 0;  // bytes of JSON in strings that are escaped once more after text::json_levels, which is as often as a text is decoded
  std::vector<std::uint32_t> blocked_by;  // enforced rules whose matches block, thresholds aside: by number, each once
};
// The rules that made it a block: those that do it themselves, also because they found no other way, and those whose scores crossed a threshold that
// blocks. By number, each once, behind what `out` has already.
void add_blocking_rules(const outcome& of, const std::vector<snapshot::rule_info>& infos, std::vector<std::uint32_t>& out);

class token_map;

// Working memory of one worker. Grows to what the largest snapshot needs; movable, not shared.
class scratch {
 public:
  scratch();
  ~scratch();
  scratch(scratch&&) noexcept;
  scratch& operator=(scratch&&) noexcept;
  struct impl;
  [[nodiscard]] impl& get() const { return *impl_; }

 private:
  std::unique_ptr<impl> impl_;
};

struct evaluate_options {
  policy::direction direction = direction::request;
  bool global_shadow = false;  // configuration `mode: shadow`: nothing is enforced, everything is recorded
  // Tests only: scores by "classifier.label" in place of the models'; what is not there scores 0. Null: the models are asked.
  const std::map<std::string, double>* given = nullptr;
  // Whose exchange it is: a rule's rollout falls by it. Null (tests, explanations): inside of every rollout.
  const context* who = nullptr;
  std::string_view hash_key = {};  // of redactions with `hash`. Empty (tests, explanations): the hash reads 00000000
  std::string_view caller = {};  // what a rollout is sticky by where neither conversation nor user is known
  token_map* tokens = nullptr;  // of the exchange. Null (tests, explanations): the tokens of each call count from 1
  bool edits_of_blocked = false;  // tests only: a body that is blocked has its edits all the same, to hold against a stream that was cut
  bool takes_system_words = true;  // the request has a place for what inject_system adds
  // Answers, by choice: not 0 where text behind it would break it, as behind JSON or a call of a tool. Choices past its end: 0.
  std::span<const std::uint8_t> structured = {};
};

// Holds all parts of one body against the rules. Never fails: a matcher that does becomes the policy's stated direction.
[[nodiscard]] outcome evaluate(const ruleset& rules, std::span<const text_part> parts, const evaluate_options& options,
                               scratch& working);

// A request may tag its conversation, and the rules that are bound to that tag then apply to this very request: judged again until no
// more tags come (a cycle of tags does not compile). What rules in shadow would tag is seen by nothing but findings in shadow and the
// shadow verdict. `rules`: those for `who`, which gains the tags of enforced rules; the rules that come back are those that apply with
// them, for the answer too.
struct judged_request {
  const ruleset* rules;
  policy::outcome what;
};
[[nodiscard]] judged_request evaluate_request(const snapshot& with, const ruleset& rules, context& who, std::span<const text_part> parts,
                                              const evaluate_options& options, scratch& working);
// The same, or for an answer, which tags its conversation for the next exchange only, evaluate() with the rules for `who`.
[[nodiscard]] judged_request evaluate_either(const snapshot& with, context& who, std::span<const text_part> parts, const evaluate_options& options,
                                             scratch& working);
// True when some rule that applies here may tag the conversation of a request.
[[nodiscard]] bool tags_requests(const ruleset& rules);

// True when the rule, by its index in snapshot::rules(), is one of those that apply.
[[nodiscard]] bool applies(const ruleset& rules, std::uint32_t rule);

// True when some policy or overlay that is in force here says audit.on_full: block: an exchange that cannot be recorded is refused.
[[nodiscard]] bool needs_record(const ruleset& rules);

// The hash of the rules that apply: 64 hex digits, the record's `effective`.
[[nodiscard]] const std::string& effective_hash(const ruleset& rules);
// The same as records have it that were written when it left out the files of macros and models.
[[nodiscard]] const std::string& effective_hash_before(const ruleset& rules);

// True when some enforcing rule may change or stop text of this role and kind: only then is a stream's text ever held.
[[nodiscard]] bool may_change(const ruleset& rules, const evaluate_options& options, policy::role who, part_kind kind);

// True when some enforcing rule that may change or stop an answer wants it whole (stream.hold: full).
[[nodiscard]] bool holds_answers(const ruleset& rules, const evaluate_options& options);

// True when some enforcing rule may put text behind an answer: for those in shadow no event has to wait.
[[nodiscard]] bool adds_to_answers(const ruleset& rules);

// An edit of a channel, in code points of the text as it came; `length` is that of what left in its place. The same in bytes: from
// `first_byte` on stood `was`, and `text` left in its place.
struct placed_edit {
  std::int64_t begin, end, length;
  std::int64_t first_byte = 0;
  std::string was = {}, text = {};
};

// The response side of one streamed exchange: any number of channels, each a growing text.
//
// feed() takes the next original bytes of a channel (whole UTF-8 code points) and appends to `out` what may leave now:
// everything that can no longer become part of a match of a rule that may change or stop it, with edits made. Fed text
// either left, was replaced, or is held; finish() resolves what is held. Any cut of the same text gives the same
// concatenated output. Once blocked, nothing is ever released again (latched).
//
// When all channels of a choice are finished, close() says what rules put behind its text. Where a rule may still rewrite or stop
// the choice then, finish() keeps what it would release, and rest() gives it out after close().
class stream_evaluator {
 public:
  stream_evaluator(std::shared_ptr<const snapshot> pinned, const ruleset& rules, const evaluate_options& options,
                   scratch& working);
  ~stream_evaluator();
  stream_evaluator(const stream_evaluator&) = delete;
  stream_evaluator& operator=(const stream_evaluator&) = delete;

  using channel = std::uint32_t;
  // Opens the next channel (0, 1, …).
  // `choice`: which of the answer's; below 0: none, so that nothing can be put behind it.
  // `how`: a text that may be a `piece` of one that further texts go on with is read by itself, and as a part of what all of them are
  // together, the text of a `field`, from which nothing leaves.
  enum class reading : std::uint8_t { once, piece, field };
  [[nodiscard]] channel open(policy::role who, part_kind kind, bool editable, std::int64_t choice = 0, reading how = reading::once);

  // The same with the number of a channel that was finished and in which nothing was found.
  void open_again(channel c, policy::role who, part_kind kind, bool editable, std::int64_t choice = 0, reading how = reading::once);

  // Before the first text of a channel: it goes on where the text of the channel ended of which this was said before, of the same choice, role and
  // kind. A match over that seam stops the answer where it would be edited, because its begin has left. Such channels come one after the other: text of
  // an earlier one stops the answer, too.
  void goes_on(channel c);

  enum class status : std::uint8_t { released, blocked };
  [[nodiscard]] status feed(channel c, std::string_view original, std::string& out);
  // `may_keep`: the caller asks for what was kept with rest().
  [[nodiscard]] status finish(channel c, std::string& out, bool may_keep = false);
  // The next piece of a field's text, once the piece is finished: `left` is what the rules left of it. What they found in the piece is not
  // found again. A field that was finished goes on, its text as one with the last of what it was.
  [[nodiscard]] status add_piece(channel field, channel piece, std::string_view left);
  // `structured`: see evaluate_options. `addition`: what belongs behind the choice's text; "" for nothing.
  [[nodiscard]] status close(std::int64_t choice, bool structured, std::string& addition);
  // Closes every choice that was left open, as one that has no place for text.
  [[nodiscard]] status close_all();
  // Of an answer that is held to its end (holds_answers), then: judges what its texts say together, as evaluate() does of one that came in one piece.
  // What would be edited there stops the answer, because each text was edited by itself.
  [[nodiscard]] status judge_together();
  // Bytes of texts that are kept for that, and whether one of this channel is.
  [[nodiscard]] std::size_t kept_bytes() const;
  [[nodiscard]] bool keeps_whole(channel c) const;
  // True when finish() kept the channel's text; and that text, once its choice was closed.
  [[nodiscard]] bool keeps_rest(channel c) const;
  void rest(channel c, std::string& out);
  // False: it was finished.
  [[nodiscard]] bool is_open(channel c) const;
  // Original bytes of the channel that are neither released nor replaced yet.
  [[nodiscard]] std::size_t held_bytes(channel c) const;
  // Where the text that left of the channel is another than came, in order; null when nobody can say any more (too many, or the whole was
  // rewritten). Also of a channel that is finished.
  [[nodiscard]] const std::vector<placed_edit>* placed(channel c) const;
  // The record so far. Complete after every channel was finished or the stream was blocked.
  [[nodiscard]] const outcome& result() const;
  [[nodiscard]] bool blocked() const;
  [[nodiscard]] std::size_t edits() const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::policy
