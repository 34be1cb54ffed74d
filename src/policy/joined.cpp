// See joined.hpp. Of each text only what a match over a seam can reach is read again, once with nothing between the texts and once with a
// space: a word may be cut in two, and a sentence between its words. So a request of many small texts costs no more than its length.
#include "joined.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "role_texts.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {
namespace {

// Where the code points that no view shows end, or those that are shown: by `shown`.
std::size_t end_of_run(std::string_view text, std::size_t at, std::size_t end, bool shown) {
  while (at < end && (static_cast<unsigned char>(text[at]) < 0x80 || !text::is_ignorable(text::code_point_at(text, at))) == shown) at = next_code_point(text, at);
  return at;
}

// So many code points on from the begin that matching counts.
std::size_t shown_on(std::string_view text, std::size_t n) {
  std::size_t at = 0;
  for (; n > 0 && (at = end_of_run(text, at, text.size(), false)) < text.size(); --n) at = next_code_point(text, at);
  return at;
}
// Whether a word has an edge between two texts because of what no view shows, and what stands for that (text/edged_text.hpp).
bool is_edge_unseen(std::string_view before, std::string_view behind) {
  return text::is_word(text::code_point_before(before, before.size())) && text::is_word(text::code_point_at(behind, 0));
}
constexpr std::string_view unseen_edge = "\u200b";

// Parts put together, without what no view shows but where it ends a word.
struct joined_text {
  struct piece {
    std::size_t at;  // in the text
    text_span of;
  };
  std::string text;
  std::vector<piece> pieces;
  bool cut_front = false, cut_back = false;  // more of the first or last part is there
  bool has_space = false;                    // between two of the parts
  bool unseen = false;                       // something that no view shows comes before what is added next

  void add(std::uint32_t part, std::string_view whole, std::size_t begin, std::size_t end, bool spaced) {
    bool first = true;
    for (auto at = begin; at < end; first = false) {
      const auto from = std::exchange(at, end_of_run(whole, at, end, false));
      unseen = unseen || at > from;
      if (at == end) return;
      const auto stop = end_of_run(whole, at, end, true);
      if (first && spaced && is_seam(text, whole.substr(at))) {
        text += ' ';
        has_space = true;
      } else if (unseen && is_edge_unseen(text, whole.substr(at))) {
        text += unseen_edge;
      }
      unseen = false;
      pieces.push_back({text.size(), {part, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(stop)}});
      text += whole.substr(at, stop - at);
      at = stop;
    }
  }

  // What of [begin, end) lies in which part.
  [[nodiscard]] std::vector<text_span> spans(std::size_t begin, std::size_t end) const {
    std::vector<text_span> out;
    auto each = std::ranges::upper_bound(pieces, begin, {}, &piece::at);
    if (each != pieces.begin()) --each;
    for (; each != pieces.end() && each->at < end; ++each) {
      const auto size = static_cast<std::size_t>(each->of.end - each->of.begin);
      const auto from = std::max(begin, each->at) - each->at, to = std::min(end, each->at + size) - each->at;
      if (from >= to || from >= size) continue;
      const text_span found{each->of.part, each->of.begin + static_cast<std::uint32_t>(from), each->of.begin + static_cast<std::uint32_t>(to)};
      !out.empty() && out.back().part == found.part ? void(out.back().end = found.end) : out.push_back(found);
    }
    return out;
  }
};

class seam_reader final : private match_sink {
 public:
  seam_reader(const ruleset& rules, std::span<const text_part> parts, direction which, role_texts& others, part_matcher& matcher, joined_sink& out)
      : rules_(rules), parts_(parts), direction_(which), reach_(rules.reach(which)), others_(others), matcher_(matcher), out_(out) {}

  // All texts of one role and kind; of each choice of an answer, and of each text that an API takes by itself. There may be many: none looks at
  // the texts of another.
  void read(role who, part_kind kind) {
    const bool answers = direction_ == direction::response;
    std::vector<std::pair<std::int32_t, std::uint32_t>> all;  // by choice
    for (std::uint32_t i = 0; i < parts_.size(); ++i) {
      const auto& p = parts_[i];
      if (p.role == who && p.kind == kind && !p.text.empty() && (!answers || p.choice >= 0)) all.emplace_back(p.choice, i);
    }
    std::ranges::sort(all);
    for (auto first = all.begin(); first != all.end();) {
      const auto last = std::find_if(first, all.end(), [&](const auto& each) { return each.first != first->first; });
      which_.clear();
      for (; first != last; ++first) which_.push_back(first->second);
      read_choice(who, kind);
    }
  }

 private:
  void read_choice(role who, part_kind kind) {
    json_ = false;
    bool old = false, fresh = false;
    for (const auto i : which_) {
      (parts_[i].last_turn ? fresh : old) = true;
      json_ = json_ || text::may_be_json(parts_[i].text);
    }
    where_ = {direction_, who, kind, !old};
    read_both();
    // Rules for the last turn see no text of earlier ones.
    if (!old || !fresh || !rules_.asks_last_turn) return;
    std::erase_if(which_, [&](std::uint32_t i) { return !parts_[i].last_turn; });
    where_.last_turn = true;
    read_both();
  }
  void read_both() {
    if (which_.size() < 2) return;
    matcher_.stand_in(&others_, which_.front(), true);
    read_joined(false);
    read_joined(true);
  }

  void read_joined(bool spaced) {
    const std::size_t reach = reach_;
    joined_text now;
    for (std::size_t n = 0; n < which_.size(); ++n) {
      const auto text = parts_[which_[n]].text;
      const auto head_end = shown_on(text, reach), tail = shown_back(text, reach);
      if (n == 0) {
        now.cut_front = tail > 0;
        now.add(which_[n], text, tail, text.size(), spaced);
        continue;
      }
      if (head_end >= tail && n + 1 < which_.size()) {
        now.add(which_[n], text, 0, text.size(), spaced);
        if (now.text.size() > std::max(read_at_once, 8 * reach)) now = go_on(now, spaced);
        continue;
      }
      now.add(which_[n], text, 0, head_end, spaced);
      now.cut_back = head_end < text.size();
      if (!spaced || now.has_space) look(now);  // else it is the text that was looked at
      now = {};
      now.cut_front = tail > 0;
      now.add(which_[n], text, tail, text.size(), spaced);
    }
  }

  // Many small texts are read a few at a time, because what bounds the work on a text counts for each: looks at what is there and gives its end, as
  // far as a match may reach back from what comes.
  joined_text go_on(joined_text& now, bool spaced) {
    now.cut_back = true;
    if (!spaced || now.has_space) look(now);
    std::vector<text_span> kept;
    std::size_t wanted = reach_;
    for (auto each = now.pieces.rbegin(); each != now.pieces.rend() && wanted > 0; ++each) {
      const auto text = parts_[each->of.part].text.substr(each->of.begin, each->of.end - each->of.begin);
      const auto tail = code_points_back(text, text.size(), wanted);
      kept.push_back({each->of.part, each->of.begin + static_cast<std::uint32_t>(tail), each->of.end});
      wanted -= static_cast<std::size_t>(code_points(text.substr(tail)));
    }
    joined_text out;
    out.cut_front = true;
    for (auto each = kept.rbegin(); each != kept.rend(); ++each) {
      out.unseen = each != kept.rbegin() && std::prev(each)->part == each->part;  // what lay between two pieces of one text
      out.add(each->part, parts_[each->part].text, each->begin, each->end, spaced);
    }
    return out;
  }

  void look(const joined_text& text) {
    text_ = &text;
    matcher_.run(text.text, where_, *this);
    if (rules_.deriving.any()) matcher_.run_derived(text.text, where_, *this);
    if (json_) matcher_.run_decoded(text.text, where_, *this);
  }

  void found(std::uint32_t term, std::uint32_t begin, std::uint32_t end, std::string_view view) override {
    const bool cut = (begin == 0 && text_->cut_front) || (end == text_->text.size() && text_->cut_back);  // of what is not known whole
    const std::string_view value = std::string_view(text_->text).substr(begin, end - begin);
    if (!cut) add(term, begin, end, value, view);
  }
  void failed(std::uint32_t term) override { out_.failed(term); }

  void add(std::uint32_t term, std::uint32_t begin, std::uint32_t end, std::string_view value, std::string_view view) {
    auto pieces = text_->spans(begin, end);
    if (pieces.size() > 1) out_.found({.term = term, .pieces = std::move(pieces), .value = std::string(value), .view = std::string(view)});
  }

  static constexpr std::size_t read_at_once = 4096;  // bytes

  const ruleset& rules_;
  std::span<const text_part> parts_;
  direction direction_;
  std::size_t reach_;
  role_texts& others_;
  part_matcher& matcher_;
  joined_sink& out_;
  std::vector<std::uint32_t> which_;
  bool json_ = false;  // one of them may be JSON, which may go on in the next
  text_place where_{direction::request, role::user, part_kind::text};
  const joined_text* text_ = nullptr;
};

// Calls f(role, kind) for each that has two texts or more.
template <class F>
bool each_joined(const ruleset& rules, std::span<const text_part> parts, direction which, F&& f) {
  std::array<std::array<std::uint8_t, part_kind_count>, role_count> count{};
  bool any = false;
  for (const auto& p : parts) {
    if (!joins(p.kind, which) || p.text.empty() || (rules.role_mask >> static_cast<unsigned>(p.role) & 1) == 0) continue;
    auto& n = count[static_cast<std::size_t>(p.role)][static_cast<std::size_t>(p.kind)];
    if (n < 2 && ++n == 2) any = true;
  }
  for (std::size_t r = 0; any && r < role_count; ++r) {
    for (std::size_t k = 0; k < part_kind_count; ++k) {
      if (count[r][k] == 2) f(static_cast<role>(r), static_cast<part_kind>(k));
    }
  }
  return any;
}

}  // namespace

std::size_t shown_back(std::string_view text, std::size_t n) {
  auto at = text.size();
  while (n > 0 && at > 0) {
    at = previous_code_point(text, at);
    if (end_of_run(text, at, at + 1, true) > at) --n;
  }
  return at;
}

void append_shown(std::string& to, std::string_view text, bool& unseen) {
  for (std::size_t at = 0; at < text.size();) {
    const auto from = std::exchange(at, end_of_run(text, at, text.size(), false));
    unseen = unseen || at > from;
    if (at == text.size()) return;
    if (std::exchange(unseen, false) && is_edge_unseen(to, text.substr(at))) to += unseen_edge;
    const auto stop = end_of_run(text, at, text.size(), true);
    to += text.substr(at, stop - at);
    at = stop;
  }
}

bool has_seams(const ruleset& rules, std::span<const text_part> parts, direction which) {
  return rules.reach(which) > 0 && each_joined(rules, parts, which, [](role, part_kind) {});
}

void find_joined(const ruleset& rules, std::span<const text_part> parts, direction which, role_texts& others, part_matcher& matcher, joined_sink& out) {
  seam_reader reader(rules, parts, which, others, matcher, out);
  each_joined(rules, parts, which, [&](role who, part_kind kind) { reader.read(who, kind); });
}

}  // namespace sluice::policy
