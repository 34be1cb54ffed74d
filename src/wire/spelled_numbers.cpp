// See spelled_numbers.hpp.
#include "spelled_numbers.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "body_reader.hpp"
#include "event_reader.hpp"
#include "sluice/base/code_points.hpp"
#include "sluice/base/limits.hpp"
#include "sluice/base/utf8.hpp"
#include "sluice/text/view.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

namespace {

constexpr char32_t no_point = 0x110000;
// Of a field that goes beside the one of its code points.
constexpr std::string_view as_bytes = " as bytes";

// 104, 104.0 and 1.04e2 are one number to whoever makes a text of it.
char32_t point_of(std::string_view number) {
  double value = 0;
  const auto [at, code] = std::from_chars(number.data(), number.data() + number.size(), value);
  const bool is = code == std::errc() && at == number.data() + number.size() && value >= 0 && value < no_point;
  if (!is || value != static_cast<double>(static_cast<std::uint32_t>(value))) return no_point;
  return static_cast<char32_t>(value);
}

bool begins_pair(char32_t c) { return c >= 0xd800 && c < 0xdc00; }
bool ends_pair(char32_t c) { return c >= 0xdc00 && c < 0xe000; }

std::size_t size_by(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

}  // namespace

void make_text(std::string& bytes) {
  if (text::is_valid_utf8(bytes)) return;
  std::string out;
  for (std::string_view rest = bytes; !rest.empty();) {
    const auto size = std::min(rest.size(), size_by(rest[0]));
    const bool valid = text::is_valid_utf8(rest.substr(0, size));
    valid ? out += rest.substr(0, size) : out += '?';
    rest.remove_prefix(valid ? size : 1);
  }
  bytes = std::move(out);
}

std::string take_open_end(std::string& bytes) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, bytes.size()); ++back) {
    const auto at = bytes.size() - back;
    if (continues_code_point(bytes[at])) continue;
    if (size_by(bytes[at]) <= back) break;
    auto open = bytes.substr(at);
    bytes.resize(at);
    return open;
  }
  return {};
}

bool spelled_numbers::says() const {
  return std::ranges::any_of(points, [](char c) { return static_cast<unsigned char>(c) > ' '; });
}

void spelled_numbers::read(const text::json::document& body, index list) {
  points.clear();
  bytes.clear();
  bool all_bytes = true;
  char32_t high = 0;  // the first half of a pair
  for (auto i = body.first_child(list); i != none; i = body.sibling(i)) {
    if (body[i].kind != kind::number) continue;
    const auto c = point_of(body[i].text);
    all_bytes = all_bytes && c < 0x100;
    if (all_bytes) bytes += static_cast<char>(c);
    if (high != 0 && ends_pair(c)) {
      append_utf8(points, 0x10000 + ((high - 0xd800) << 10) + (c - 0xdc00));
      high = 0;
      continue;
    }
    if (high != 0) points += '?';
    high = begins_pair(c) ? c : 0;
    if (high != 0) continue;
    append_utf8(points, c == no_point ? U' ' : ends_pair(c) ? U'?' : c);
  }
  if (high != 0) points += '?';
  if (!all_bytes) bytes.clear();
}

// Numbers are judged each by itself, and what they spell as one text with what the same list says in other events.
bool event_reader::judge_list(index list, const grower& dialect, channel_sink& sink) {
  numbers_spelled_.read(body_, list);
  auto& [points, bytes] = numbers_spelled_;
  auto name = place(list, &dialect);
  if (name.size() > limits::place_bytes) return refuse_place();
  const auto judged = [&](std::string known, std::string_view words) {
    return words.empty() || judge_field({std::move(known), name, role::assistant, part_kind::annotation, false, dialect.choice_of(list)}, words, sink);
  };
  auto known = known_as(role::assistant, part_kind::annotation, false, dialect.which(), name);
  const auto at = lists_.find(known);
  if (at == lists_.end() && !numbers_spelled_.says()) return true;
  if (at == lists_.end() && lists_.size() >= limits::unknown_fields) return refuse("more lists of numbers than the gateway follows over the events of a stream");
  if (at == lists_.end() && !keep(known.size())) return false;
  auto& of = at == lists_.end() ? lists_.try_emplace(known).first->second : at->second;
  bytes.insert(0, of.open);
  of.open = take_open_end(bytes);
  make_text(bytes);
  // As long as both are the same, they are one text.
  if (!of.apart && ((!bytes.empty() && bytes != points) || !of.open.empty())) {
    of.apart = true;
    if (!of.said.empty() && !begin_field(known + std::string(as_bytes), std::exchange(of.said, {}), dialect.choice_of(list))) return false;
  }
  if (!of.apart) {
    of.said += points;
    keep_end(of.said, limits::tail_bytes);
  }
  return judged(known, points) && (!of.apart || judged(known + std::string(as_bytes), bytes));
}

void table_response::list_numbers(index list, const part& like) {
  spelled_numbers spelled;
  spelled.read(listed_.body(), list);
  make_text(spelled.bytes);
  if (!spelled.says()) return;
  if (!spelled.bytes.empty() && spelled.bytes != spelled.points) listed_.add_reading(list, like, std::move(spelled.bytes));
  listed_.add_reading(list, like, std::move(spelled.points));
}

}  // namespace sluice::wire
