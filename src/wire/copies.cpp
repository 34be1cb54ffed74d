// See copies.hpp. As long as the pieces spell the text that stands beside them, nothing of them is judged: the text is. From where they say
// otherwise, they are a text of their own, with what they said before.
#include "copies.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "body_reader.hpp"
#include "event_reader.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/base/limits.hpp"
#include "spelled_numbers.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

namespace {

bool is_apis_word(std::string_view key) {
  static constexpr auto words = std::to_array<std::string_view>({"token", "bytes", "logprob", "content", "refusal", "tokens", "token_logprobs", "text_offset", "logprobs", "logprobsResult",
                                                                 "logprobs_result", "chosenCandidates", "chosen_candidates", "tokenId", "token_id", "logProbability", "log_probability",
                                                                 "logProbabilitySum", "log_probability_sum"});
  return key.empty() || std::ranges::find(words, key) != words.end();
}

}  // namespace

void spelled_text::read(const text::json::document& body, index at) {
  words.clear();
  bytes.clear();
  bytes_at = none;
  for (auto i = at; i < body[at].next;) {
    const auto& n = body[i];
    if (lists_alternatives(n.key)) {
      i = n.next;
      continue;
    }
    if (!is_apis_word(n.key)) words += n.key;
    if (n.kind == kind::string || (n.kind == kind::number && n.key == "token")) words += n.text;
    ++i;
    if (n.key != "bytes" || n.kind != kind::array) continue;
    if (bytes_at == none) bytes_at = i - 1;
    for (; i < n.next && body[i].kind == kind::number; ++i) {
      unsigned value = 0;
      const auto number = body[i].text;
      const auto [end, code] = std::from_chars(number.data(), number.data() + number.size(), value);
      if (code == std::errc() && end == number.data() + number.size() && value <= 0xff) bytes += static_cast<char>(value);
    }
  }
  make_text(bytes);  // they may end within a code point: the rest is in the list behind
}

bool spells_text(std::string_view key) { return key == "logprobs" || key == "logprobsResult" || key == "logprobs_result"; }

bool times_words(std::string_view key) { return key == "words"; }

bool belongs_to_copy(std::string_view key, const text::json::document& body, index i) {
  static constexpr auto of_word = std::to_array<std::string_view>({"word", "start", "end", "startOffset", "endOffset", "start_offset", "end_offset"});
  if (spells_text(key)) return true;
  const auto& n = body[i];
  const bool element = body[n.parent].kind == kind::array, container = n.kind == kind::object || n.kind == kind::array;
  if (!times_words(key)) return element && (n.kind == kind::number || n.kind == kind::array);
  return element ? n.kind == kind::object : !container && std::ranges::find(of_word, n.key) != of_word.end();
}

std::string_view nothing_of(kind k) { return k == kind::array ? "[]" : "null"; }

bool event_reader::judge_copies(const grower& dialect, channel_sink& sink) {
  for (const auto copy : copies_at_hand_) {
    if (dialect.drops(copy)) continue;
    const bool members = body_[copy].kind == kind::object;
    bool stays = true;
    if (!members && !judge_copy(copy, dialect, sink, stays)) return false;
    for (auto m = members ? body_.first_child(copy) : none; m != none && stays; m = body_.sibling(m)) {
      if (!lists_alternatives(body_[m].key) && !judge_copy(m, dialect, sink, stays)) return false;
    }
    if (!stays) set(copy, std::string(nothing_of(body_[copy].kind)));
  }
  return true;
}

bool event_reader::judge_copy(index at, const grower& dialect, channel_sink& sink, bool& stays) {
  spelled_.read(body_, at);
  if (spelled_.empty()) return true;
  const std::pair key(dialect.copy_of(at), std::hash<std::string_view>()(body_[at].key));
  if (!copies_.contains(key) && copies_.size() >= limits::unknown_fields) return refuse("more copies of texts than the gateway follows");
  auto& c = copies_[key];
  if (!c.apart && spelled_.is(dialect.said_beside(at))) {
    c.said += spelled_.words;
    keep_end(c.said, limits::tail_bytes);
    return true;
  }
  if (dialect.edits(at)) {  // it may be what was taken out
    stays = false;
    return true;
  }
  if (!c.apart) {
    c.apart = true;
    const auto choice = dialect.choice_of(at);
    for (const auto i : {at, spelled_.bytes_at}) {
      if (i != none && !c.said.empty() && !go_on(place(i, &dialect), c.said, choice)) return false;
    }
    c.said = {};
  }
  const auto one = [&](index i, std::string_view words) { return words.empty() || judge_again(i, words, role::assistant, part_kind::annotation, false, dialect, sink); };
  return one(at, spelled_.words) && (spelled_.bytes_at == none || one(spelled_.bytes_at, spelled_.bytes));
}

void table_response::list_copies(index copy, part like) {
  const auto& body = listed_.body();
  if (!spells_text(body[copy].key)) return;
  like.kind = part_kind::annotation;
  const auto list = [&](index at) {
    spelled_text spelled;
    spelled.read(body, at);
    const auto said = spelled.empty() ? std::string() : said_beside(at);
    if (spelled.empty() || spelled.is(said)) return;
    if (spelled.words != said && !spelled.words.empty()) listed_.add_copy(at, like, spelled.words);
    if (spelled.bytes != said && spelled.bytes != spelled.words && !spelled.bytes.empty()) listed_.add_copy(at, like, spelled.bytes);
  };
  if (body[copy].kind != kind::object) return list(copy);
  for (auto m = body.first_child(copy); m != none; m = body.sibling(m)) {
    if (!lists_alternatives(body[m].key)) list(m);
  }
}

}  // namespace sluice::wire
