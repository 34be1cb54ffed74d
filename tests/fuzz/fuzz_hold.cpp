// Hold-back: random rules, random text, random cuts, two channels at once. What leaves is what the whole text gives, and of a text
// that is blocked nothing leaves from the place on where the blocking match begins.
#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "sluice/match/compiler.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/policy/evaluate.hpp"

namespace {

using namespace sluice::policy;

// What texts and rules are made of: words that begin alike, marks that join, look-alikes, and what ends a word.
constexpr std::array<std::string_view, 64> pieces = {
    "a", "b", "ab", "ba", "c", "abc", "A", "B", "x", "hal", "halden", "den", "den b", "1", "2", "12", "3", "-", " ", ".", "@", "_", "sk_",
    "é", "e", "\u0301", "\u00df", "ss", "\u200b", "\u00ad", "\u0430", "\u0431", "Банк", "\uff41", "\uff12", "\ufb01", "fi", "\u212a", "k",
    "\u1100", "\u1161", "\u11a8", "\u0344", "\u0308", "\u0323", "\U0001f600", "\u200d", "\n", "\t", "\u00a0", "  ", "aa", "bb", "a-b",
    "a1", "1a", "\u03c2", "\u03a3", "\u0130", "\u0131", "i", "I", "\ufffd", "zz"};

struct rule_set {
  std::shared_ptr<const snapshot> all, without_blocks;
};

class author {
 public:
  explicit author(std::uint32_t seed) : random_(seed) {}

  // A policy of one to five rules; `blocks`: those that block are kept.
  std::string policy(bool blocks) {
    std::string out = "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\nrules:\n";
    for (auto n = 1 + random_() % 5, i = n - n; i < n; ++i) {
      const auto id = "r" + std::to_string(i);
      auto action = random_() % 6;
      const auto keep = random_() % 3 == 0 ? ", keep_last: 1" : "";
      const std::string match = random_() % 2 == 0 ? "{regex: '" + regex(0) + "'}" : keywords();
      const auto hold = random_() % 8 == 0 ? "    stream: {hold: full}\n" : "";
      if (action == 5 && !blocks) action = 4;
      out += "  - id: " + id + "\n    title: t\n    severity: low\n    direction: both\n    match: " + match + "\n    action: " +
             (action == 5 ? "{type: block, message: \"no\"}" : action == 4 ? "{type: flag}" : "{type: redact, mask: \"[" + id + "]\"" + keep + "}") +
             "\n" + hold + "    tests:\n      - {name: hit, request: \"a\", expect: {rules_any: [" + id + "]}}\n      - {name: miss, request: \"~\", expect: {rules: []}}\n";
    }
    return out;
  }

 private:
  std::string piece() {
    for (;;) {
      const auto one = pieces[random_() % pieces.size()];
      if (one.find_first_of("\n\t") == one.npos && one != "." && one != "  ") return std::string(one);
    }
  }
  std::string keywords() {
    std::string out = "{keywords: [";
    for (auto n = 1 + random_() % 4; n > 0; --n) out += "\"x" + piece() + piece() + "\", \"" + piece() + piece() + "\"" + (n > 1 ? ", " : "");
    return out + "]" + (random_() % 2 == 0 ? ", boundary: none" : "") + (random_() % 3 == 0 ? ", case: sensitive" : "") + "}";
  }
  std::string regex(int level) {
    static constexpr std::array atoms = {"[ab]", "[a-c1]", "\\d", "\\w", "[^a]", "\\s", "(?i:ab)", ".", "\\p{L}", "(?:ab|b|abc)"};
    static constexpr std::array tests = {"\\b", "(?<!a)", "(?<=b)", "(?!c)", "(?=1)", "\\B"};
    static constexpr std::array counts = {"{1,3}", "?", "{2}", "{0,2}", "{1,2}?", "{2,5}", "++", "+"};
    std::string out;
    for (auto n = 1 + random_() % 4; n > 0; --n) {
      if (random_() % 5 == 0) out += tests[random_() % tests.size()];
      const auto which = random_() % 6;
      if (which == 0 && level < 2) out += "(?:" + regex(level + 1) + "|" + regex(level + 1) + ")";
      else if (which < 3) out += atoms[random_() % atoms.size()];
      else out += "(?:" + piece() + ")";
      if (random_() % 3 == 0) out += counts[random_() % counts.size()];
    }
    return out;
  }
  std::mt19937 random_;
};

std::shared_ptr<const snapshot> compiled(const std::string& policy) {
  static const auto backend = sluice::match::in_process_backend();
  static shard_cache cache{""};
  bundle_source source;
  source.files.push_back(make_source_file("bundle.yaml", "apiVersion: sluice/v1\nkind: Bundle\nmetadata: {name: b}\nmodules:\n  - {use: p, bind: {scope: global}}\n"));
  source.files.push_back(make_source_file("p.yaml", policy));
  diagnostics found;
  auto bundle = parse(source, found);
  SLUICE_REQUIRE(!has_errors(found));  // the author writes what the language allows
  // What the checker refuses (an unbounded pattern that would hold a stream) goes; the rest stays.
  const auto today = sluice::parse_time("2026-11-23").value();
  check(bundle, today, found);
  for (const auto& d : found) {
    if (d.severity == severity::error) std::erase_if(bundle.policies[0].rules, [&](const rule& r) { return r.id == d.rule; });
  }
  found.clear();
  check(bundle, today, found);
  return has_errors(found) ? nullptr : compile(bundle, *backend, cache, found);
}

const rule_set& rules_of(std::uint32_t seed) {
  static std::map<std::uint32_t, rule_set> known;
  const auto [at, fresh] = known.try_emplace(seed);
  if (fresh) at->second = {compiled(author(seed).policy(true)), compiled(author(seed).policy(false))};
  return at->second;
}

// A text with its edits; where `limit` lies inside an edit or after it, what may stand before it in the output.
std::string edited(std::string_view text, const outcome& o, std::size_t limit) {
  std::string out;
  std::size_t from = 0;
  for (const auto& e : o.edits) {
    if (e.begin >= limit) break;
    out.append(text.substr(from, e.begin - from)).append(e.replacement);
    from = e.end;
  }
  return from < limit ? out.append(text.substr(from, limit - from)) : out;
}

struct piece {
  std::string_view text;
  bool cut;  // an event ends here
  std::size_t channel;
};

using texts = std::array<std::string, 2>;

bool stream(const std::shared_ptr<const snapshot>& with, const std::vector<piece>& all, bool each, scratch& working, texts& out, outcome& result) {
  stream_evaluator e(with, with->rules_for({}), {direction::response, false}, working);
  texts waiting;
  std::array<std::size_t, 2> fed{};
  for (const auto& c : {0u, 1u}) SLUICE_REQUIRE(e.open(role::assistant, part_kind::text, true) == c);
  for (const auto& p : all) {
    const auto c = static_cast<std::uint32_t>(p.channel);
    waiting[c] += p.text;
    fed[c] += p.text.size();
    if (!p.cut && !each) continue;
    (void)e.feed(c, waiting[c], out[c]);
    waiting[c].clear();
    SLUICE_REQUIRE(e.held_bytes(c) <= fed[c]);
  }
  for (const auto& c : {0u, 1u}) {
    (void)e.feed(c, waiting[c], out[c]);
    (void)e.finish(c, out[c]);
    SLUICE_REQUIRE(e.blocked() || e.held_bytes(c) == 0);
  }
  result = e.result();
  return e.blocked();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 400) return 0;
  const auto& rules = rules_of(data[0] | (data[1] & 7u) << 8);
  if (rules.all == nullptr || rules.without_blocks == nullptr) return 0;
  static scratch working;
  std::vector<piece> all;
  texts whole;
  for (std::size_t i = 2; i < size; ++i) {
    all.push_back({pieces[data[i] & 63], (data[i] & 64) != 0, data[i] >= 128 ? 1u : 0u});
    whole[all.back().channel] += all.back().text;
  }
  const std::array<text_part, 2> parts = {text_part{role::assistant, part_kind::text, true, true, whole[0]},
                                          text_part{role::assistant, part_kind::text, true, true, whole[1]}};
  const evaluate_options options{direction::response, false};
  const auto expected = evaluate(rules.all->rules_for({}), parts, options, working);
  const auto all_blocks_off = evaluate(rules.without_blocks->rules_for({}), parts, options, working);
  std::array<std::size_t, 2> limit = {whole[0].size(), whole[1].size()};
  for (const auto& f : expected.findings) {
    if (f.action == action::block) limit[f.part] = std::min<std::size_t>(limit[f.part], f.begin);
  }
  for (const bool each : {false, true}) {
    texts out;
    outcome got;
    const bool blocked = stream(rules.all, all, each, working, out, got);
    // A bound on steps that only a text in pieces reaches is the strict direction: the stream ends, and what left before may leave.
    const bool gave_up = got.reason.starts_with("matcher unavailable");
    SLUICE_REQUIRE(gave_up ? blocked : blocked == (expected.verdict == verdict::block) && got.verdict == expected.verdict);
    if (!blocked) SLUICE_REQUIRE(got.findings.size() == expected.findings.size());
    for (std::uint32_t c = 0; c < 2; ++c) {
      outcome here = all_blocks_off;
      std::erase_if(here.edits, [&](const edit& e) { return e.part != c; });
      const auto may_leave = edited(whole[c], here, limit[c]);
      SLUICE_REQUIRE(blocked ? may_leave.starts_with(out[c]) : out[c] == may_leave);
    }
  }
  return 0;
}
