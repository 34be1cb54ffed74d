// Texts against snapshots, whole and as streams.
#include "trial.hpp"

#include <algorithm>
#include <limits>

#include "judge.hpp"

namespace sluice::policy {
namespace {

void sort_unique(std::vector<std::string>& ids) {
  std::ranges::sort(ids);
  const auto rest = std::ranges::unique(ids);
  ids.erase(rest.begin(), rest.end());
}

std::size_t code_point_size(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}

// How many bytes of the edited last part lie before what is blocked in it: an edit that reaches into that waits with it.
std::size_t unblocked_bytes(const snapshot& with, const outcome& result, std::span<const text_part> parts) {
  const auto last = static_cast<std::uint32_t>(parts.size() - 1);
  std::uint32_t first = std::numeric_limits<std::uint32_t>::max();
  for (const finding& hit : result.findings) {
    if (!hit.enforced || hit.part != last) continue;
    // By what the rule says: an addition without a place is a block as well, of what is known at the end alone.
    const auto does = with.rules()[hit.rule].action;
    const bool blocks = does == action::block || (changes_match(does) && !editable_at(parts[hit.part], hit.begin, hit.end, direction::response));
    if (blocks) first = std::min(first, hit.begin);
  }
  if (first == std::numeric_limits<std::uint32_t>::max()) return std::string::npos;
  std::size_t out = 0;
  std::uint32_t at = 0;
  for (const edit& change : result.edits) {
    if (change.part != last || change.begin >= first) continue;
    if (change.end > first) return out + change.begin - at;
    out += change.begin - at + change.replacement.size();
    at = change.end;
  }
  return out + first - at;
}

}  // namespace

bool is_structured(const trial_input& input) {
  return std::ranges::any_of(input.messages, [](const auto& message) { return message.part == part_kind::tool_call; });
}

std::vector<text_part> parts_of(std::span<const test_spec::message> messages, direction which) {
  std::vector<text_part> parts;
  for (const auto& message : messages) {
    parts.push_back({.role = message.who, .kind = message.part, .editable = message.part != part_kind::name, .text = message.content});
  }
  if (which == direction::request) mark_last_turn(parts);
  return parts;
}

std::vector<text_part> parts_of(const trial_input& input) { return parts_of(input.messages, input.direction); }

std::string apply_edits(std::string_view text, std::uint32_t part, const std::vector<edit>& edits) {
  std::string out;
  std::size_t at = 0;
  for (const edit& change : edits) {
    if (change.part != part) continue;
    out += text.substr(at, change.begin - at);
    out += change.replacement;
    at = change.end;
  }
  out += text.substr(at);
  return out;
}

trial_outcome summarise(const snapshot& with, const outcome& result) {
  trial_outcome out;
  out.verdict = result.verdict;
  out.reason = result.reason;
  for (const finding& hit : result.findings) {
    const std::string& id = with.rules()[hit.rule].id;
    (hit.enforced ? out.rules : out.shadow).push_back(id);
    if (hit.enforced) out.action = std::max(out.action, hit.action);
  }
  for (const suppression& kept : result.suppressed) out.suppressed.push_back(kept.exception_id);
  for (const score_sum& sum : result.scores) {
    if (sum.crossed) out.action = std::max(out.action, sum.action);
  }
  // A block that no rule asked for ("matcher unavailable") is an action all the same.
  if (result.verdict == verdict::block) out.action = action::block;
  std::vector<std::uint32_t> blocking;
  add_blocking_rules(result, with.rules(), blocking);
  for (const auto rule : blocking) out.blocked_by.push_back(with.rules()[rule].id);
  sort_unique(out.rules);
  sort_unique(out.shadow);
  sort_unique(out.suppressed);
  return out;
}

trial_outcome try_whole(const snapshot& with, const trial_input& input, scratch& working) {
  const std::vector<text_part> parts = parts_of(input);
  const std::uint8_t structured = is_structured(input) ? 1 : 0;
  const evaluate_options options{.direction = input.direction, .given = input.given, .edits_of_blocked = true, .structured = {&structured, 1}};
  context who = input.who;
  const outcome result = evaluate_either(with, who, parts, options, working).what;
  trial_outcome out = summarise(with, result);
  out.tags = std::move(who.tags);
  if (parts.empty()) return out;
  out.edited = apply_edits(parts.back().text, static_cast<std::uint32_t>(parts.size() - 1), result.edits);
  out.unblocked = unblocked_bytes(with, result, parts);
  for (const addition& behind : result.additions) out.edited += behind.text;
  const bool blocked = result.verdict == verdict::block;
  for (std::uint32_t i = 0; i + 1 < parts.size(); ++i) out.texts.push_back(blocked ? std::string(parts[i].text) : apply_edits(parts[i].text, i, result.edits));
  out.texts.push_back(blocked ? std::string(parts.back().text) : out.edited);
  out.text = out.texts.back();
  return out;
}

trial_outcome try_stream(const std::shared_ptr<const snapshot>& with, const trial_input& input, scratch& working,
                         std::span<const std::uint32_t> pieces) {
  std::string released;
  stream_evaluator stream(with, with->rules_for(input.who), {.direction = direction::response, .given = input.given}, working);
  for (const auto& message : input.messages) {
    released.clear();
    const auto channel = stream.open(message.who, message.part, message.part != part_kind::name);
    const std::string_view text = message.content;
    std::size_t piece = 0;
    for (std::size_t at = 0; at < text.size() && !stream.blocked(); ++piece) {
      std::size_t end = at;
      for (std::uint32_t left = pieces.empty() ? 1 : std::max(pieces[piece % pieces.size()], 1u); left > 0 && end < text.size(); --left) {
        end += code_point_size(static_cast<unsigned char>(text[end]));
      }
      (void)stream.feed(channel, text.substr(at, end - at), released);
      at = end;
    }
    (void)stream.finish(channel, released, true);
    std::string behind;
    (void)stream.close(0, is_structured(input), behind);
    stream.rest(channel, released);
    released += behind;
  }
  trial_outcome out = summarise(*with, stream.result());
  out.text = released;
  return out;
}

bool left_before_block(const trial_outcome& whole, const trial_outcome& streamed) {
  return streamed.text.size() <= whole.unblocked && whole.edited.starts_with(streamed.text);
}

}  // namespace sluice::policy
