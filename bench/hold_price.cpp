// What a bundle's rules cost a reader of streamed answers: how much of harmless text leaves with the event it came in, by the next one, and how
// much each rule holds by itself.
//
//   sluice_hold_price BUNDLE TEXT.jsonl [BOUND]
//
// TEXT.jsonl has one {"text": …} a line. Each is fed as a model sends it: a word, or four letters of a longer one, to an event. With BOUND
// (0.98) the exit code says whether so much of the text was out by the next event.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "answers.hpp"
#include "sluice/match/compiler.hpp"
#include "sluice/policy/evaluate.hpp"

namespace {

using namespace sluice;

struct price {
  std::size_t bytes = 0, at_once = 0, by_next = 0, edits = 0, blocked = 0;
  [[nodiscard]] double share(std::size_t part) const { return bytes == 0 ? 1 : static_cast<double>(part) / static_cast<double>(bytes); }
};

void feed(const std::shared_ptr<const policy::snapshot>& with, std::string_view text, policy::scratch& working, price& into) {
  policy::stream_evaluator judge(with, with->rules_for({}), {policy::direction::response, false}, working);
  const auto channel = judge.open(policy::role::assistant, policy::part_kind::text, true);
  std::size_t fed = 0, last = 0;
  std::string out;
  for (const auto event : bench::events_of(text)) {
    if (judge.feed(channel, event, out) == policy::stream_evaluator::status::blocked) {
      ++into.blocked;
      return;
    }
    const auto gone = fed + event.size() - judge.held_bytes(channel);  // bytes that left or were replaced
    into.bytes += event.size();
    into.at_once += gone > fed ? gone - fed : 0;
    // Of the event before: what left with it or with this one.
    into.by_next += std::min(gone, fed) > fed - last ? std::min(gone, fed) - (fed - last) : 0;
    last = event.size();
    fed += event.size();
  }
  into.by_next += last;  // the end of the answer resolves it
  into.edits += judge.edits();
}

price price_of(const std::shared_ptr<const policy::snapshot>& with, const std::vector<std::string>& texts) {
  price out;
  policy::scratch working;
  for (const auto& t : texts) feed(with, t, working, out);
  return out;
}

void print(const std::string& name, const price& p) {
  std::printf("%-36s %9.3f %% %9.3f %% %8zu %8zu\n", name.c_str(), 100 * p.share(p.at_once), 100 * p.share(p.by_next), p.edits, p.blocked);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s BUNDLE TEXT.jsonl [BOUND]\n", argv[0]);
    return 2;
  }
  const auto texts = bench::texts_of(argv[2]);
  const auto backend = match::in_process_backend();
  policy::shard_cache cache{""};
  const auto built = bench::built_from(argv[1], *backend, cache);
  if (built.snapshot == nullptr || texts.empty()) {
    std::fprintf(stderr, "%s", texts.empty() ? "no text was found\n" : "");
    return 2;
  }
  std::printf("%zu texts\n%-36s %11s %11s %8s %8s\n", texts.size(), "", "with it", "by the next", "edits", "blocked");
  const auto whole = price_of(built.snapshot, texts);
  print("all rules", whole);
  std::multimap<double, std::pair<std::string, price>> dear;
  for (const auto& owner : built.bundle.policies) {
    for (const auto& rule : owner.rules) {
      if (!policy::changes_match(rule.action.type) || rule.direction == policy::direction::request || rule.enforcement != policy::enforcement::enforce) continue;
      policy::diagnostics found;
      if (const auto one = policy::compile(bench::only(built.bundle, rule.id), *backend, cache, found)) {
        const auto p = price_of(one, texts);
        dear.emplace(p.share(p.at_once), std::pair(rule.id, p));
      }
    }
  }
  std::size_t shown = 0;
  for (const auto& [share, row] : dear) {
    if (shown++ == 15) break;
    print(row.first, row.second);
  }
  double bound = 0;
  if (argc > 3) std::from_chars(argv[3], argv[3] + std::char_traits<char>::length(argv[3]), bound);
  return whole.share(whole.by_next) >= bound ? 0 : 1;
}
