// Letters of other scripts that look like ASCII letters. Only used in words that mix scripts.
#pragma once

namespace sluice::text {

// The lower-case ASCII letter that `c` (case-folded) is mistaken for, or 0.
[[nodiscard]] char confusable_of(char32_t c);

}  // namespace sluice::text
