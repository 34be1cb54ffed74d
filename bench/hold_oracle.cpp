// Whether a rule that would redact holds back exactly what it must, and what that is: of harmless answers, after each event, what is held
// beside what PCRE2's partial matching says could still become a match.
//
//   sluice_hold_oracle BUNDLE RULE TEXT.jsonl
//
// RULE is a regex of the bundle; it is made to redact, every other one is off. Texts in ASCII alone are taken, so that the pattern sees
// the bytes that came. Prints {"texts", "events", "unlike", "at_once", "by_next"}: events after which more or less was held than PCRE2
// says, and the shares of the text that left with their event and by the next one. The exit code is 0 only when none was unlike.
#include <algorithm>
#include <cstdio>
#include <string>

#include "answers.hpp"
#include "sluice/match/compiler.hpp"
#include "sluice/match/regex.hpp"
#include "sluice/policy/evaluate.hpp"

namespace {

using namespace sluice;

// The oracle reads a text anew after each event: what is longer is left out, and so is what would make it look at other bytes.
constexpr std::size_t text_bytes_max = 2000;
bool usable(const std::string& text) {
  return text.size() <= text_bytes_max && std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// How much of the text can no longer become part of a match.
std::size_t decided(const match::regex& pattern, std::string_view text, match::match_state& state) {
  for (std::size_t from = 0;;) {
    const auto hit = pattern.find(text, from, true, state);
    if (hit.status == match::regex::status::partial) return hit.begin;
    if (hit.status != match::regex::status::match) return text.size();
    from = hit.end;
  }
}

struct tally {
  std::size_t texts = 0, events = 0, unlike = 0, bytes = 0, at_once = 0, by_next = 0;
};

void feed(const std::shared_ptr<const policy::snapshot>& with, const match::regex& pattern, std::string_view text, policy::scratch& working, match::match_state& state, tally& into) {
  policy::stream_evaluator judge(with, with->rules_for({}), {policy::direction::response, false}, working);
  const auto channel = judge.open(policy::role::assistant, policy::part_kind::text, true);
  std::size_t fed = 0, last = 0;
  std::string out;
  ++into.texts;
  for (const auto event : bench::events_of(text)) {
    (void)judge.feed(channel, event, out);
    const auto before = fed;
    fed += event.size();
    const auto gone = fed - judge.held_bytes(channel);
    ++into.events;
    into.unlike += gone != decided(pattern, text.substr(0, fed), state) ? 1 : 0;
    into.bytes += event.size();
    into.at_once += gone > before ? gone - before : 0;
    into.by_next += std::min(gone, before) > before - last ? std::min(gone, before) - (before - last) : 0;
    last = event.size();
  }
  into.by_next += last;  // the end of the answer resolves it
  (void)judge.finish(channel, out);
}

const policy::rule* find(const policy::bundle_ast& bundle, std::string_view id) {
  for (const auto& p : bundle.policies) {
    for (const auto& r : p.rules) {
      if (r.id == id && r.match.kind == policy::match_spec::kind::regex) return &r;
    }
  }
  return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s BUNDLE RULE TEXT.jsonl\n", argv[0]);
    return 2;
  }
  const auto backend = match::in_process_backend();
  policy::shard_cache cache{""};
  const auto built = bench::built_from(argv[1], *backend, cache);
  if (built.snapshot == nullptr) return 2;
  const auto* rule = find(built.bundle, argv[2]);
  const auto pattern = rule == nullptr ? std::unexpected(match::regex_error{}) : match::regex::compile(rule->match.regex.pattern);
  if (!pattern) {
    std::fprintf(stderr, "%s has no rule %s with a regex\n", argv[1], argv[2]);
    return 2;
  }
  auto alone = bench::only(built.bundle, argv[2]);
  for (auto& p : alone.policies) {
    for (auto& r : p.rules) {
      if (r.id != argv[2]) continue;
      r.action = {};
      r.action.type = policy::action::redact;
    }
  }
  policy::diagnostics found;
  const auto with = policy::compile(alone, *backend, cache, found);
  if (with == nullptr) {
    std::fprintf(stderr, "%s", policy::to_text(found).c_str());
    return 2;
  }
  policy::scratch working;
  match::match_state state;
  tally all;
  for (const auto& text : bench::texts_of(argv[3])) {
    if (usable(text)) feed(with, *pattern, text, working, state, all);
  }
  const auto share = [&](std::size_t part) { return all.bytes == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(all.bytes); };
  std::printf("{\"texts\": %zu, \"events\": %zu, \"unlike\": %zu, \"at_once\": %.5f, \"by_next\": %.5f}\n", all.texts, all.events, all.unlike, share(all.at_once), share(all.by_next));
  return all.events > 0 && all.unlike == 0 ? 0 : 1;
}
