// Rules whose match is an expression, asked of all that one role says in a request, or in a choice of an answer: what they ask for may stand in several texts. Costs what
// those rules found in each text by itself, and reads no text again.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "expression.hpp"
#include "joined.hpp"
#include "role_texts.hpp"

namespace sluice::policy {

class role_rules {
 public:
  // Takes the matches of rules that hold.
  class sink {
   public:
    virtual void within(std::uint32_t term, const text_span& at) = 0;  // in one part; not one that was kept as noted
    virtual void over_seam(const joined_match& match) = 0;
    // What these classifiers say of a part is not known, and decides; what they find is to be kept.
    virtual void ask(std::uint32_t part, std::span<const std::uint32_t> terms) = 0;

   protected:
    ~sink() = default;
  };

  // Both outlive it.
  role_rules(const ruleset& rules, std::span<const text_part> parts);
  // What was found in a part; `noted`: with what its rule holds there by itself.
  void keep(std::uint32_t part, std::span<const gathered> found);
  // A match over a seam: the same may come twice.
  void keep(const joined_match& match);
  // The classifier was asked about the part.
  void asked(std::uint32_t term, std::uint32_t part) { asked_.emplace_back(term, part); }
  // Once everything is kept.
  void decide(sink& out);

 private:
  static constexpr std::uint32_t within_part = 0xffffffff;
  struct entry {
    std::uint32_t term, begin, end;  // bytes of all parts together
    std::uint32_t part;
    std::uint32_t over;              // index of a match over a seam
    bool noted;
  };
  struct group {
    role who;
    part_kind kind;
    std::int32_t choice;
    std::vector<entry> entries;
  };
  group& of(const text_part& part);
  [[nodiscard]] static std::span<const entry> of_rule(const group& in, const compiled_rule& rule);
  static void sort(group& in);
  void ask(group& in, std::span<const std::pair<std::uint32_t, std::uint32_t>> asked_before, sink& out);
  void decide(const group& in, sink& out);
  [[nodiscard]] std::vector<gathered> counted(std::span<const entry> all) const;

  const ruleset& rules_;
  std::span<const text_part> parts_;
  std::vector<std::uint32_t> begins_;  // of each part in all of them together
  part_groups together_;
  std::vector<group> groups_;
  std::map<std::tuple<role, part_kind, std::int32_t>, std::size_t> places_;  // of the groups
  std::vector<joined_match> over_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> asked_;
};

}  // namespace sluice::policy
