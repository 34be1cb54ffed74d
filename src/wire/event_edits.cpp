// How the event at hand leaves: what its values are changed to, and its bytes with that. See event_reader.hpp.
#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "event_reader.hpp"
#include "sluice/base/strings.hpp"
#include "text_offsets.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

namespace {

// What was said of a value after what was said within it, or of it, holds. Values lie within each other or apart; what is put between two stays.
void drop_overruled(std::vector<text::json::splice>& splices) {
  if (splices.size() < 2) return;
  std::vector<std::size_t> order(splices.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const auto &x = splices[a], &y = splices[b];
    return std::tuple(x.begin, y.end, b) < std::tuple(y.begin, x.end, a);
  });
  struct around {
    std::uint32_t end;
    std::size_t last;  // said of it or of what it lies in
  };
  std::vector<around> open;
  std::vector<bool> overruled(splices.size());
  for (const auto n : order) {
    const auto& s = splices[n];
    while (!open.empty() && open.back().end <= s.begin) open.pop_back();
    overruled[n] = !open.empty() && open.back().last > n;
    if (s.end > s.begin) open.push_back({s.end, open.empty() ? n : std::max(n, open.back().last)});
  }
  std::size_t n = 0;
  std::erase_if(splices, [&](const auto&) { return overruled[n++]; });
}

}  // namespace

event_reader::surroundings event_reader::around(index i, index object) const {
  surroundings out;
  const auto above = body_[i].parent;
  if (above != object) out = around(above, object);
  if (body_[above].kind == kind::object) {
    // What says which of several a thing is goes along.
    if (above != object) {
      for (const char* key : {"index", "type"}) {
        const auto m = body_.member(above, key);
        if (m != none && m != i && body_[m].kind != kind::object && body_[m].kind != kind::array) out.before += json_quoted(key) + ":" + std::string(body_.raw(m)) + ",";
      }
    }
    out.before += json_quoted(body_[i].key) + ":";
  }
  if (body_[i].kind == kind::object) {
    out.before += '{';
    out.after.insert(0, 1, '}');
  } else if (body_[i].kind == kind::array) {
    out.before += '[';
    out.after.insert(0, 1, ']');
  }
  return out;
}

void event_reader::replace(index i, std::string_view released) {
  if (released == body_[i].text) return;
  splices_.push_back({body_[i].raw_begin, body_[i].raw_end, json_quoted(released)});
}

void event_reader::add_element(index i, std::string_view element) {
  const auto end = body_[i].raw_end - 1;
  splices_.push_back({end, end, (body_.first_child(i) == none ? "" : ",") + std::string(element)});
}

void event_reader::append(index i, std::string_view more) {
  if (more.empty()) return;
  auto s = std::find_if(splices_.rbegin(), splices_.rend(), [&](const auto& each) { return each.begin == body_[i].raw_begin && each.end == body_[i].raw_end; });
  if (s == splices_.rend()) {
    splices_.push_back({body_[i].raw_begin, body_[i].raw_end, json_quoted(body_[i].text)});
    s = splices_.rbegin();
  }
  s->replacement.pop_back();
  append_json_escaped(s->replacement, more);
  s->replacement += '"';
}

void event_reader::shift(index annotation, const text_moves& moves) { shift_annotation(body_, annotation, moves, splices_); }

bool event_reader::shift_bytes(index segment, const text_moves& moves) { return shift_segment(body_, segment, moves, splices_); }

void event_reader::blank(index object, std::string_view key, std::string_view with) {
  if (object == none || body_[object].kind != kind::object) return;
  const auto known = child(object, key);
  const auto i = known != none ? known : body_.member(object, key);
  if (i == none || body_[i].kind == kind::null || body_.raw(i) == with) return;
  set(i, std::string(with));
}

void event_reader::set(index i, std::string raw) {
  splices_.push_back({body_[i].raw_begin, body_[i].raw_end, std::move(raw)});
}

std::string event_reader::take_out(index i, std::string instead) {
  std::vector<text::json::splice> within;
  for (const auto& s : splices_) {
    if (s.begin >= body_[i].raw_begin && s.end <= body_[i].raw_end) within.push_back({s.begin - body_[i].raw_begin, s.end - body_[i].raw_begin, s.replacement});
  }
  drop_overruled(within);
  auto out = text::json::apply(body_.raw(i), std::move(within));
  set(i, std::move(instead));
  return out;
}

// Padding hides the length of a text; of an edited one, it hides the length that it had as well: the event stays as long as it came, where that is
// long enough.
void event_reader::repad() {
  const auto at = body_[0].kind == kind::object ? body_.member(0, "obfuscation") : none;
  if (at == none || body_[at].kind != kind::string) return;
  auto size = static_cast<std::int64_t>(body_[at].text.size());
  for (const auto& s : splices_) {
    if (s.begin < body_[at].raw_end && s.end > body_[at].raw_begin) return;
    size += static_cast<std::int64_t>(s.end - s.begin) - static_cast<std::int64_t>(s.replacement.size());
  }
  if (size != static_cast<std::int64_t>(body_[at].text.size())) replace(at, std::string(static_cast<std::size_t>(std::max<std::int64_t>(size, 0)), 'x'));
}

std::string event_reader::apply() {
  drop_overruled(splices_);
  if (edited()) repad();
  return text::json::apply(body_.bytes(), std::move(splices_));
}

}  // namespace sluice::wire
