// Scopes and inline tests.
#include "reader.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/text/time_zone.hpp"

namespace sluice::policy {
namespace {

std::vector<std::string> read_ids(reading& in, const object& from, std::string_view key) {
  const yaml_node* node = from.get(key);
  if (node == nullptr) return {};
  if (node->kind != yaml_node::kind::sequence) {
    in.error(*node, "'" + std::string(key) + "' must be a list of ids", "write [id]");
    return {};
  }
  return read_strings(in, *node, key);
}

context read_context(reading& in, const yaml_node& node) {
  const object from(in, node, context_shape);
  context out{.tenant = from.string("tenant"),
              .region = from.string("region"),
              .tier = from.string("tier"),
              .user = from.string("user"),
              .conversation = from.string("conversation"),
              .route = from.string("route"),
              .model = from.string("model"),
              .tags = from.strings("tags")};
  if (const yaml_node* time = from.get("time")) {
    const auto read = parse_time(time->scalar);
    if (read) {
      out.minute = minute_of(*read);
    } else {
      in.error(*time, "'time' must be a time with its offset", "write it as 2026-12-01T10:00:00Z");
    }
  }
  return out;
}

std::optional<part_kind> read_part(const object& from) {
  const auto at = from.word("part");
  if (!at) return std::nullopt;
  return static_cast<part_kind>(*at);
}

void read_messages(reading& in, const yaml_node& node, test_spec& out) {
  if (node.kind != yaml_node::kind::sequence || node.items.empty()) {
    in.error(node, "'messages' must be a list of {role, content}");
    return;
  }
  for (const yaml_node& item : node.items) {
    const object from(in, item, message_shape);
    test_spec::message message{.who = from.word("role", role::user), .content = {}, .part = part_kind::text};
    if (const yaml_node* content = from.get("content")) {
      message.content = read_string(in, *content, "content").value_or("");
    }
    message.part = read_part(from).value_or(message.who == role::tool ? part_kind::tool_result : part_kind::text);
    out.messages.push_back(std::move(message));
  }
}

void read_expect(reading& in, const yaml_node& node, test_spec& out) {
  const object from(in, node, expect_shape);
  if (!from.valid()) return;
  if (from.get("rules") != nullptr) out.expect.rules = read_ids(in, from, "rules");
  out.expect.rules_any = read_ids(in, from, "rules_any");
  out.expect.rules_none = read_ids(in, from, "rules_none");
  out.expect.shadow = read_ids(in, from, "shadow");
  out.expect.suppressed = read_ids(in, from, "suppressed");
  if (const auto at = from.word("action")) out.expect.action = static_cast<action>(*at);
  if (const yaml_node* text = from.get("text")) out.expect.text = read_string(in, *text, "text");
  if (node.members.empty()) in.error(node, "'expect' says nothing, so the test would always pass");
}

void read_given(reading& in, const yaml_node& node, test_spec& out) {
  if (node.kind != yaml_node::kind::mapping) {
    in.error(node, "'given' must be a mapping from a score's name to the score", "write {topic.financial_advice: 0.9}");
    return;
  }
  for (const auto& [key, value] : node.members) {
    const std::size_t dot = key.scalar.find('.');
    if (dot == std::string::npos || dot == 0 || dot + 1 == key.scalar.size()) {
      in.error(key, "'" + clipped(key.scalar, 60) + "' is no score's name", "write classifier.label, as topic.financial_advice");
    }
    const auto score = read_real(value);
    if (score && *score >= 0 && *score <= 1) {
      out.given.emplace(key.scalar, *score);
    } else {
      in.error(value, "a score is a number from 0 to 1");
    }
  }
}

// "09:30" in minutes; "24:00" is the end of the day.
std::uint16_t read_clock(reading& in, const object& from, std::string_view key, std::uint16_t otherwise) {
  const yaml_node* node = from.get(key);
  if (node == nullptr) return otherwise;
  const std::string& text = node->scalar;
  const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : 99; };
  if (node->kind == yaml_node::kind::scalar && text.size() == 5 && text[2] == ':') {
    const int hours = digit(0) * 10 + digit(1), minutes = digit(3) * 10 + digit(4);
    if (hours * 60 + minutes <= 24 * 60 && minutes < 60) return static_cast<std::uint16_t>(hours * 60 + minutes);
  }
  in.error(*node, "'" + std::string(key) + "' must be a time of the day from \"00:00\" to \"24:00\"");
  return otherwise;
}

time_window read_time(reading& in, const yaml_node& node) {
  time_window out;
  const object from(in, node, time_shape);
  out.zone = from.string("tz");
  if (!out.zone.empty() && text::zone_offsets(out.zone).empty()) {
    const auto all = text::zone_names();
    const std::vector<std::string_view> names(all.begin(), all.end());
    const std::string_view near = nearest(out.zone, names);
    in.error(*from.get("tz"), "time zone '" + clipped(out.zone, 60) + "' does not exist",
             near.empty() ? "use a name of the IANA database, as Europe/Berlin" : "did you mean '" + std::string(near) + "'?");
  }
  if (from.has("days")) {
    out.days = 0;
    for (const std::size_t day : from.word_list("days")) out.days = static_cast<std::uint8_t>(out.days | 1u << day);
  }
  out.from = read_clock(in, from, "from", out.from);
  out.to = read_clock(in, from, "to", out.to);
  if (from.valid() && out.from == out.to) in.error(node, "the window is empty: 'from' and 'to' are the same", "leave both out to mean whole days");
  return out;
}

std::vector<std::string> read_axis(reading& in, const object& from, std::string_view key) {
  std::vector<std::string> values = from.strings(key);
  const yaml_node* given = from.node().find(key);
  if (given != nullptr && given->kind == yaml_node::kind::sequence && given->items.empty()) {
    in.error(*given, "'" + std::string(key) + "' is an empty list, which would fit nobody", "remove it or name values");
  }
  for (const std::string& value : values) {
    if (value.empty()) in.error(*given, "'" + std::string(key) + "' holds an empty value, which fits nobody");
  }
  return values;
}

}  // namespace

scope read_scope(reading& in, const yaml_node& node, std::string_view what) {
  scope out;
  if (node.kind == yaml_node::kind::scalar) {
    if (node.scalar != "global") in.error(node, "'" + std::string(what) + "' must be global or a mapping of axes");
    return out;
  }
  const object from(in, node, scope_shape, what);
  if (!from.valid()) return out;
  for (const auto& axis : scope_axes) out.*axis.allowed = read_axis(in, from, axis.name);
  out.conversation_tag = read_axis(in, from, "conversation_tag");
  if (const yaml_node* time = from.get("time")) out.time = read_time(in, *time);
  bool says_global = from.boolean("global", false);
  if (const yaml_node* word = from.get("scope")) {
    says_global = word->scalar == "global";
    if (!says_global) in.error(*word, "'scope' can only be global here", "name an axis instead, as region: [eu]");
  }
  if (says_global && !out.global()) {
    in.error(node, "'" + std::string(what) + "' says global and names an axis too", "keep one");
  }
  if (!says_global && out.global()) {
    in.error(node, "'" + std::string(what) + "' names no axis", "write global, or name one as region: [eu]");
  }
  return out;
}

test_spec read_test(reading& in, const yaml_node& node) {
  test_spec out;
  out.place = in.place_of(node);
  const object from(in, node, test_shape);
  if (!from.valid()) return out;
  out.name = from.string("name");
  if (const yaml_node* who = from.get("context")) out.who = read_context(in, *who);
  if (const yaml_node* given = from.get("given")) read_given(in, *given, out);
  if (const yaml_node* text = from.get("request")) out.request = read_string(in, *text, "request");
  if (const yaml_node* text = from.get("response")) out.response = read_string(in, *text, "response");
  if (const yaml_node* list = from.get("messages")) read_messages(in, *list, out);
  out.part = read_part(from);
  if (from.has("request") + from.has("response") + from.has("messages") != 1) {
    in.error(node, "a test needs exactly one of request, response and messages");
  }
  if (out.part && from.has("messages")) in.error(node, "'part' belongs to the single messages", "write it in each of them");
  if (const yaml_node* expect = from.get("expect")) read_expect(in, *expect, out);
  return out;
}

}  // namespace sluice::policy
