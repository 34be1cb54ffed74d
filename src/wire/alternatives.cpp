// What a model could have said instead. It stands beside the tokens that spell what was said, and repeats nothing: each alternative is a text
// of its own, judged once in an answer, and where a rule changes one, all that it stands in goes.
#include <algorithm>
#include <array>

#include "body_reader.hpp"
#include "copies.hpp"
#include "event_reader.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

namespace {

bool within_list(const text::json::document& body, index i) {
  for (; i != 0; i = body[i].parent) {
    if (lists_alternatives(body[i].key)) return true;
  }
  return false;
}

bool is_alternative(const text::json::document& body, index i) { return body[i].kind == kind::string && !body[i].text.empty() && within_list(body, i); }

// A completion has them as keys, each with its probability.
bool key_is_alternative(const text::json::document& body, index i) {
  static constexpr auto words = std::to_array<std::string_view>({"token", "bytes", "logprob", "candidates", "tokenId", "token_id", "logProbability", "log_probability"});
  return !body[i].key.empty() && std::ranges::find(words, body[i].key) == words.end() && within_list(body, body[i].parent);
}

// The value of a row itself, which of a copy is none of the alternatives in it: most often null, in each event.
bool is_row_itself(const text::json::document& body, const std::vector<std::uint16_t>& states, index i) { return i == 0 || states[body[i].parent] != states[i]; }

// All that the value at `i` repeats or stands beside; none: it is in no copy.
index copy_around(const text::json::document& body, const path_table& table, const std::vector<std::uint16_t>& states, index i) {
  const auto* r = table.at(states[i]);
  if (r == nullptr || r->what != text_class::copy) return none;
  while (!is_row_itself(body, states, i)) i = body[i].parent;
  return i;
}

}  // namespace

// Of all APIs.
bool lists_alternatives(std::string_view key) { return key == "top_logprobs" || key == "topCandidates" || key == "top_candidates"; }

void table_response::list_alternatives(index i, part like) {
  const auto& body = listed_.body();
  if (is_row_itself(body, states_, i)) return list_copies(i, like);
  const bool key = key_is_alternative(body, i), text = is_alternative(body, i);
  if (!key && !text) return;
  like.kind = part_kind::annotation;
  if (const auto around = copy_around(body, *table_, states_, i); around != alternatives_of_) {
    alternatives_of_ = around;
    alternatives_.clear();
  }
  if (key && alternatives_.insert(body[i].key).second) listed_.add_key_to_drop(i, like);
  if (text && alternatives_.insert(body[i].text).second) listed_.add_text(i, like, true);
}

void table_response::drop_alternatives(std::span<const replacement> edits, std::vector<text::json::splice>& dropped) const {
  const auto& body = listed_.body();
  for (const auto& e : edits) {
    const auto around = copy_around(body, *table_, states_, listed_.parts()[e.part].node);
    if (around != none) dropped.push_back({body[around].raw_begin, body[around].raw_end, std::string(nothing_of(body[around].kind))});
  }
}

bool event_reader::judge_alternatives(index i, const grower& dialect, channel_sink& sink) {
  if (is_row_itself(body_, states_, i)) {
    if (spells_text(body_[i].key) && body_.first_child(i) != none) copies_at_hand_.push_back(i);
    return true;
  }
  bool stays = true;
  if (key_is_alternative(body_, i) && !judge_alternative(body_[i].key, i, dialect, sink, stays)) return false;
  if (is_alternative(body_, i) && !judge_alternative(body_[i].text, i, dialect, sink, stays)) return false;
  if (stays) return true;
  const auto around = copy_around(body_, table_, states_, i);
  set(around, std::string(nothing_of(body_[around].kind)));
  return true;
}

bool event_reader::judge_alternative(std::string_view text, index i, const grower& dialect, channel_sink& sink, bool& stays) {
  constexpr std::size_t known_max = 1u << 14, bytes_max = 1u << 20;  // beyond, one is judged again
  auto known = alternatives_.find(text);
  if (known == alternatives_.end()) {
    if (!at_once(text, role::assistant, part_kind::annotation, true, body_.path(i), dialect.choice_of(i), sink)) return false;
    const bool leaves = released_ == text;
    stays = stays && leaves;
    if (text.size() > bytes_max) return true;
    if (alternatives_.size() >= known_max || alternative_bytes_ + text.size() > bytes_max) {
      alternatives_.clear();
      alternative_bytes_ = 0;
    }
    alternative_bytes_ += text.size();
    alternatives_.emplace(text, leaves);
    return true;
  }
  stays = stays && known->second;
  return true;
}

}  // namespace sluice::wire
