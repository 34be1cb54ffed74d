// Is a disclaimer in what a client reads of a choice? Asked once, when the choice ends, of its text after every edit.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "regex_program.hpp"
#include "sluice/match/regex.hpp"
#include "sluice/policy/ast.hpp"
#include "sluice/policy/shard_cache.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {

// A disclaimer of a policy: there when any of its signs is.
struct compiled_disclaimer {
  struct sign {
    text::view_kind view = text::view_kind::folded;
    std::shared_ptr<const regex_program> regex;  // or
    std::vector<std::string> words = {};         // in the form of that view
    bool bounded = false;                        // the word must not continue on either side
  };
  std::string text;
  std::vector<sign> signs;
};

// False: some part of `match` is more than words and patterns, or asks for something around them.
[[nodiscard]] bool is_sign(const match_spec& match);
[[nodiscard]] std::shared_ptr<const compiled_disclaimer> compile_disclaimer(const disclaimer_spec& from, shard_cache& cache);
// A pattern that passes the engine's limits is not there: what is missing is added once too often rather than never.
[[nodiscard]] bool is_present(const compiled_disclaimer& what, std::string_view text, match::match_state& state);

// The kinds of text that an answer says to its reader.
[[nodiscard]] constexpr bool is_read(part_kind kind) { return kind == part_kind::text || kind == part_kind::transcript; }

// What a client reads of one choice, as it leaves. Of a very long one the beginning is looked through and let go.
class choice_text {
 public:
  // `asked`: the disclaimers that anybody may ask for.
  void add(std::string_view text, const std::vector<const compiled_disclaimer*>& asked, match::match_state& state);
  [[nodiscard]] bool empty() const { return !some_; }
  [[nodiscard]] bool has(const compiled_disclaimer& what, match::match_state& state) const;

 private:
  bool some_ = false;
  std::string text_;  // kept where somebody asks
  std::set<const compiled_disclaimer*> seen_;
};

}  // namespace sluice::policy
