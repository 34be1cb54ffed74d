// What is split over the parts of a request, or of a choice of an answer: consecutive texts of one role and kind, read as one around each seam
// between two of them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "part_match.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::policy {

// A match that lies in more than one part.
struct joined_match {
  std::uint32_t term;
  std::vector<text_span> pieces;  // in the order of the parts, two or more, none empty
  std::string value, view;        // the text over the seam, and as the pattern saw it
};

// False: no two texts of one role and kind follow each other, so that there is no seam to look at. Allocates nothing.
[[nodiscard]] bool has_seams(const ruleset& rules, std::span<const text_part> parts, direction which);

// Appends what of a text some view shows. Where something that no view shows stands between two letters a U+200B stands for it: a word has an edge
// there. `unseen`: such a thing came last; for the next piece of the text.
void append_shown(std::string& to, std::string_view text, bool& unseen);
// Where so many characters back from the end begin that matching counts: what it does not see is as good as not there.
[[nodiscard]] std::size_t shown_back(std::string_view text, std::size_t n);

class joined_sink {
 public:
  virtual void found(const joined_match& match) = 0;  // one may come twice
  virtual void failed(std::uint32_t term) = 0;

 protected:
  ~joined_sink() = default;
};
// Of a term that does not decide alone, too: the sink keeps it for its rule. `others`: of the same parts.
void find_joined(const ruleset& rules, std::span<const text_part> parts, direction which, role_texts& others, part_matcher& matcher, joined_sink& out);

}  // namespace sluice::policy
