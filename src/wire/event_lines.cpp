// The lines of an event beside its data: comments, names, ids and what a stream may hold besides (WHATWG HTML, server-sent events). They are an
// upstream's words like any other.
#include <algorithm>
#include <array>

#include "event_reader.hpp"
#include "sluice/http/sse.hpp"
#include "sluice/text/view.hpp"

namespace sluice::wire {

bool event_reader::judge_lines(const http::sse_event& e, channel_sink& sink, bool bare_json) {
  const auto raw = e.raw;
  // Nearly all events are one line of data, in which nothing else can stand.
  constexpr std::size_t before = std::string_view("data: ").size();
  if (e.has_data && e.data_offset == before && raw.find_first_not_of("\r\n", before + e.data.size()) == std::string_view::npos) return true;
  for (std::size_t at = 0; at < raw.size();) {
    const auto end = std::min(http::find_line_end(raw, at), raw.size());
    const auto line = raw.substr(at, end - at);
    const auto [name, value] = http::read_field(line, at == 0);
    at = end + 1;
    if (line.empty() || name == "data") continue;
    // A client that reads over the mark would take the line for another than the gateway does.
    if (name.starts_with("\xef\xbb\xbf")) return refuse("a byte order mark within an event of a stream");
    if (bare_json && line.find_first_of("{}") != std::string_view::npos) return refuse("a line with JSON that is no data of an event, which some clients read as one");
    const bool known = name.empty() || name == "event" || name == "id" || name == "retry";
    if (!judge_line(known ? name : std::string_view("line"), known ? line.substr(value) : line, name.empty() || name == "event", sink)) return false;
  }
  return true;
}

// The same over and over, or a number that rises. `word`: where a word of the framing may stand.
bool event_reader::judge_line(std::string_view name, std::string_view value, bool word, channel_sink& sink) {
  static constexpr auto words = std::to_array<std::string_view>({"", "message", "error", "ping", "done", "keep-alive", "keepalive", "heartbeat"});
  if (word && known_lines_.contains(value)) return true;
  if (!text::is_valid_utf8(value)) return refuse("a line of a stream that is not valid UTF-8");
  if (value.contains('\0')) return refuse("a line of a stream with a NUL in it, as UTF-16 would have");
  if (word && (std::ranges::find(words, value) != words.end() || table_.knows_type(value))) return known_lines_.add(value), true;
  // What the lines of one name say, one behind the other: as what stands in a field of identifiers.
  const auto place = "event " + std::string(name);
  const auto what = known_as(role::assistant, part_kind::annotation, false, "", place);
  if (!has_room_for_words()) return false;
  if (!looks_as(text_class::opaque, value) || keep_word(what, value) == nullptr) {
    return judge_field({what, place, role::assistant, part_kind::annotation, false, channel_sink::no_choice}, value, sink);
  }
  if (lines_.contains(value)) return true;
  if (!at_once(value, role::assistant, part_kind::annotation, false, "event", channel_sink::no_choice, sink)) return false;
  lines_.add(value);
  return true;
}

}  // namespace sluice::wire
