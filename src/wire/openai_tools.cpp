// Tool calls in a stream: their arguments are JSON in fragments, of no use before the last one, and judged when whole.
#include <charconv>

#include "openai_stream.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

namespace {

// Bytes of one call's arguments that may be held.
constexpr std::size_t arguments_bytes_max = 16u << 20;

}  // namespace

// Takes the next fragment; the event goes on without it when some rule may change or stop it.
void chat_stream::fragment(index i, const row& r, choice& of, channel_sink& sink) {
  const auto parent = body_[i].parent;   // function, custom or function_call
  const auto call = body_[parent].parent;
  std::int64_t number = -1;              // the one function_call
  if (const auto n = body_.member(call, "index"); n != none) {
    const auto t = body_[n].text;
    number = 0;
    std::from_chars(t.data(), t.data() + t.size(), number);
  }
  auto& tool = of.tools[number];
  if (tool.arguments.empty()) {
    tool.field = r.path.ends_with("custom.input") ? "custom.input" : r.path.ends_with("function_call.arguments") ? "function_call" : "function";
    tool.held = sink.judges(role::assistant, part_kind::tool_call);
  }
  if (tool.arguments.size() + body_[i].text.size() <= arguments_bytes_max) tool.arguments += body_[i].text;
  if (tool.held) replace(i, "");
}

// Judges the leaves and keys of a whole call; its arguments become what may leave.
bool chat_stream::judge_arguments(tool_call& call, const std::string& name, std::int64_t number, channel_sink& sink) {
  const auto one = [&](std::string_view text, bool editable, std::string& out) {
    const auto id = sink.open(role::assistant, part_kind::tool_call, editable, name, number);
    return sink.feed(id, text, out) == channel_sink::status::released && sink.finish(id, out) == channel_sink::status::released;
  };
  std::string released;
  if (call.field == "custom.input" || !arguments_.parse(call.arguments, depth_max_)) {
    if (!one(call.arguments, true, released)) return false;
    call.arguments = std::move(released);
    return true;
  }
  std::vector<text::json::splice> splices;
  for (const auto& n : arguments_.nodes()) {
    if (n.key_end > n.key_begin && !n.key.empty()) {
      released.clear();
      if (!one(n.key, false, released)) return false;
    }
    if (n.kind != kind::string || n.text.empty()) continue;
    released.clear();
    if (!one(n.text, true, released)) return false;
    if (released != n.text) splices.push_back({n.raw_begin, n.raw_end, json_quoted(released)});
  }
  if (!splices.empty()) call.arguments = text::json::apply(std::string(call.arguments), std::move(splices));
  return true;
}

// Judges the calls of a choice at its end, when all of them are whole, and sends what was held of them.
bool chat_stream::finish_tools(std::int64_t number, channel_sink& sink, std::string& out) {
  for (auto& [position, call] : choices_[number].tools) {
    if (call.over) continue;
    call.over = true;
    const auto of = "choices[" + std::to_string(number) + "].delta.";
    const auto name = call.field == "function_call" ? of + "function_call.arguments"
                      : call.field == "custom.input" ? of + "tool_calls[" + std::to_string(position) + "].custom.input"
                                                     : of + "tool_calls[" + std::to_string(position) + "].function.arguments";
    if (!judge_arguments(call, name, number, sink)) return false;
    if (!call.held || call.arguments.empty()) continue;
    const auto text = json_quoted(call.arguments);
    std::string delta;
    if (call.field == "function_call") {
      delta = "\"function_call\":{\"arguments\":" + text + "}";
    } else {
      const auto field = call.field == "custom.input" ? "\"custom\":{\"input\":" : "\"function\":{\"arguments\":";
      delta = "\"tool_calls\":[{\"index\":" + std::to_string(position) + "," + field + text + "}}]";
    }
    synthetic(number, delta, "", out);
    call.arguments.clear();
  }
  return true;
}

}  // namespace sluice::wire
