// The arguments of a tool call that came in fragments: see event_reader.hpp.
#include "event_reader.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {

using text::json::kind;

std::string_view call_arguments::take(std::string_view fragment, channel_sink& sink) {
  if (!begun) held = sink.judges(role::assistant, part_kind::tool_call);
  begun = true;
  text += fragment;
  return held ? std::string_view() : fragment;
}

// A text that is whole, as a channel of its own. False: it was stopped.
bool call_arguments::judge_one(std::string_view of, bool editable, std::string& out, const std::string& name, std::int64_t choice, channel_sink& sink) {
  const auto id = sink.open(role::assistant, part_kind::tool_call, editable, name, choice);
  if (sink.feed(id, of, out) != channel_sink::status::released || sink.finish(id, out) != channel_sink::status::released) return false;
  sink.forget(id);
  return true;
}

bool call_arguments::judge(const std::string& name, std::int64_t choice, std::uint32_t depth_max, channel_sink& sink) {
  if (text.empty()) return true;
  const auto one = [&](std::string_view of, bool editable, std::string& out) { return judge_one(of, editable, out, name, choice, sink); };
  text::json::document body;
  std::string released;
  if (!body.parse(text, depth_max)) return judge_broken(name, choice, sink);
  std::vector<text::json::splice> splices;
  for (const auto& n : body.nodes()) {
    released.clear();
    if (!n.key.empty() && !one(n.key, false, released)) return false;
    if (n.kind == kind::object || n.kind == kind::array || n.text.empty()) continue;
    // A number made a string would not be what the tool's schema promises, so a number is judged and not edited.
    released.clear();
    if (!one(n.text, n.kind == kind::string, released)) return false;
    if (n.kind == kind::string && released != n.text) splices.push_back({n.raw_begin, n.raw_end, json_quoted(released)});
    released.clear();
    if (const auto spoken = text::json::without_exponent(n.kind == kind::number ? n.text : ""); !spoken.empty() && !one(spoken, false, released)) return false;
  }
  if (!splices.empty()) {
    auto edited = text::json::apply(text, std::move(splices));
    text = std::move(edited);
  }
  return true;
}

// What should be JSON and is none: one text, and what a lenient reader would make of its escapes. An edit of the one would leave the
// other, so a redaction of either blocks.
bool call_arguments::judge_broken(const std::string& name, std::int64_t choice, channel_sink& sink) {
  const auto reading = text::json::loosely_unescaped(text);
  std::string released, ignored;
  if (!judge_one(text, reading == text, released, name, choice, sink)) return false;
  if (reading != text && !judge_one(reading, false, ignored, name, choice, sink)) return false;
  text = std::move(released);
  return true;
}

}  // namespace sluice::wire
