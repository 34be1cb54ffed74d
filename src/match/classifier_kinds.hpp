// The kinds of model that there are: how each file begins, and who loads it.
#pragma once

#include <memory>
#include <string_view>

#include "sluice/match/classifier.hpp"

namespace sluice::match {

// classifier_fasttext.cpp, classifier_layout.cpp
inline constexpr std::string_view fasttext_sign("\xba\x16\x4f\x2f", 4);  // 793712314, as FastText::signModel writes it
[[nodiscard]] result<std::shared_ptr<const classifier>> load_fasttext(std::string_view bytes, const classifier_limits& limits);

}  // namespace sluice::match
