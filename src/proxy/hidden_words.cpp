// Words that the policy added to a request, where an answer in one piece repeats the request outside of what the model says: an error's text that
// quotes it, a vendor's field that holds it again.
#include <algorithm>
#include <tuple>
#include <utility>

#include "exchange_impl.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::proxy {
namespace {

// As they are, as a JSON text has them, and as one within another has them.
constexpr int layers = 3;

void add_spellings(std::string words, std::vector<std::string>& to) {
  for (int layer = 0; layer < layers && !words.empty(); ++layer) {
    auto again = json_escaped(words);
    const bool last = again == words;
    to.push_back(std::exchange(words, std::move(again)));
    if (last) return;
  }
}

}  // namespace

void exchange::impl::hide_words(std::span<const policy::text_part> parts, std::vector<wire::replacement>& changes) const {
  if (!endpoint.words_added) return;
  const auto before = changes.size();
  std::vector<std::string> spellings;
  for (const auto* words : {&request_outcome.system.before, &request_outcome.system.behind}) add_spellings(*words, spellings);
  for (std::uint32_t i = 0; i < parts.size(); ++i) {
    if (parts[i].kind != policy::part_kind::error && parts[i].kind != policy::part_kind::annotation) continue;
    for (const std::string_view words : spellings) {
      for (auto at = parts[i].text.find(words); at != std::string_view::npos; at = parts[i].text.find(words, at + words.size())) {
        changes.push_back({i, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + words.size()), ""});
      }
    }
  }
  if (changes.size() > before) std::ranges::sort(changes, [](const auto& a, const auto& b) { return std::tie(a.part, a.begin, a.end) < std::tie(b.part, b.begin, b.end); });
}

}  // namespace sluice::proxy
