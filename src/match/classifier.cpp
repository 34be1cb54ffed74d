// What all kinds of classifiers have in common, and which kind a file is. External interface: classifier.hpp.
#include "sluice/match/classifier.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "classifier_kinds.hpp"

namespace sluice::match {
namespace {

struct kind {
  std::string_view begins;  // the first bytes of its files
  result<std::shared_ptr<const classifier>> (*load)(std::string_view bytes, const classifier_limits& limits);
};
constexpr std::array kinds = std::to_array<kind>({{fasttext_sign, load_fasttext}});

}  // namespace

std::optional<std::uint32_t> classifier::find_label(std::string_view name) const {
  const auto all = labels();
  const auto at = std::ranges::lower_bound(all, name);
  if (at == all.end() || *at != name) return std::nullopt;
  return static_cast<std::uint32_t>(at - all.begin());
}

result<std::shared_ptr<const classifier>> load_classifier(std::string_view bytes, const classifier_limits& limits) {
  if (bytes.size() > limits.model_bytes_max) {
    return fail(errc::limit, "the model file has " + std::to_string(bytes.size()) + " bytes, more than the " +
                                 std::to_string(limits.model_bytes_max) + " allowed; train it with a smaller --cutoff");
  }
  for (const auto& each : kinds) {
    if (bytes.starts_with(each.begins)) return each.load(bytes, limits);
  }
  return fail(errc::parse, "the file is no fastText model; sluice classifier train makes one");
}

}  // namespace sluice::match
