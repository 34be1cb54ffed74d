// Words that the policy added to a request, where an answer in one piece repeats the request outside of what the model says: an error's text that
// quotes it, a vendor's field that holds it again.
#include <algorithm>
#include <tuple>

#include "exchange_impl.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::proxy {
namespace {

// As they are, as a JSON text has them, and as one within another has them.
constexpr int layers = 3;

template <class Found>
void each_place(std::string_view text, std::string words, Found&& found) {
  for (int layer = 0; layer < layers && !words.empty(); ++layer) {
    for (auto at = text.find(words); at != std::string_view::npos; at = text.find(words, at + words.size())) found(at, at + words.size());
    auto again = json_escaped(words);
    if (again == words) return;
    words = std::move(again);
  }
}

}  // namespace

void exchange::impl::hide_words(std::span<const policy::text_part> parts, std::vector<wire::replacement>& changes) const {
  if (!endpoint.words_added) return;
  const auto before = changes.size();
  for (std::uint32_t i = 0; i < parts.size(); ++i) {
    if (parts[i].kind != policy::part_kind::error && parts[i].kind != policy::part_kind::annotation) continue;
    for (const auto* words : {&request_outcome.system.before, &request_outcome.system.behind}) {
      each_place(parts[i].text, *words, [&](std::size_t begin, std::size_t end) { changes.push_back({i, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), ""}); });
    }
  }
  if (changes.size() > before) std::ranges::sort(changes, [](const auto& a, const auto& b) { return std::tie(a.part, a.begin, a.end) < std::tie(b.part, b.begin, b.end); });
}

}  // namespace sluice::proxy
