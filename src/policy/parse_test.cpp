// Scopes and inline tests.
#include "reader.hpp"

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
  static constexpr std::string_view known[] = {"tenant", "region", "tier", "user", "conversation", "route", "model"};
  static constexpr std::string_view later[] = {"tags", "time", "conversation_tag"};
  const object from(in, node, "context", known, later);
  return {.tenant = from.string("tenant"),
          .region = from.string("region"),
          .tier = from.string("tier"),
          .user = from.string("user"),
          .conversation = from.string("conversation"),
          .route = from.string("route"),
          .model = from.string("model")};
}

std::optional<part_kind> read_part(reading& in, const object& from) {
  const yaml_node* node = from.get("part");
  if (node == nullptr) return std::nullopt;
  const auto at = read_word(in, *node, "part", part_words);
  if (!at) return std::nullopt;
  return static_cast<part_kind>(*at);
}

void read_messages(reading& in, const yaml_node& node, test_spec& out) {
  static constexpr std::string_view known[] = {"role", "content", "part"};
  if (node.kind != yaml_node::kind::sequence || node.items.empty()) {
    in.error(node, "'messages' must be a list of {role, content}");
    return;
  }
  for (const yaml_node& item : node.items) {
    const object from(in, item, "a message", known);
    test_spec::message message{.who = role::user, .content = {}, .part = part_kind::text};
    if (const yaml_node* who = from.need("role")) {
      message.who = static_cast<role>(read_word(in, *who, "role", role_words).value_or(2));
    }
    if (const yaml_node* content = from.need("content")) {
      message.content = read_string(in, *content, "content").value_or("");
    }
    message.part = read_part(in, from).value_or(message.who == role::tool ? part_kind::tool_result : part_kind::text);
    out.messages.push_back(std::move(message));
  }
}

void read_expect(reading& in, const yaml_node& node, test_spec& out) {
  static constexpr std::string_view known[] = {"rules",      "rules_any", "rules_none", "shadow",
                                               "suppressed", "action",    "text"};
  const object from(in, node, "expect", known);
  if (!from.valid()) return;
  if (from.get("rules") != nullptr) out.expect.rules = read_ids(in, from, "rules");
  out.expect.rules_any = read_ids(in, from, "rules_any");
  out.expect.rules_none = read_ids(in, from, "rules_none");
  out.expect.shadow = read_ids(in, from, "shadow");
  out.expect.suppressed = read_ids(in, from, "suppressed");
  if (const yaml_node* action_node = from.get("action")) {
    const auto at = read_word(in, *action_node, "action", action_words);
    if (at) out.expect.action = static_cast<action>(*at);
  }
  if (const yaml_node* text = from.get("text")) out.expect.text = read_string(in, *text, "text");
  if (node.members.empty()) in.error(node, "'expect' says nothing, so the test would always pass");
}

}  // namespace

scope read_scope(reading& in, const yaml_node& node, std::string_view what) {
  static constexpr std::string_view known[] = {"scope", "global", "region", "tenant", "tier", "route", "model"};
  static constexpr std::string_view later[] = {"conversation_tag", "time", "user", "conversation", "labels"};
  scope out;
  if (node.kind == yaml_node::kind::scalar) {
    if (node.scalar != "global") in.error(node, "'" + std::string(what) + "' must be global or a mapping of axes");
    return out;
  }
  const object from(in, node, what, known, later);
  if (!from.valid()) return out;
  const auto axis = [&](std::string_view key) {
    std::vector<std::string> values = from.strings(key);
    const yaml_node* given = node.find(key);
    if (given != nullptr && given->kind == yaml_node::kind::sequence && given->items.empty()) {
      in.error(*given, "'" + std::string(key) + "' is an empty list, which would fit nobody",
               "remove it or name values");
    }
    for (const std::string& value : values) {
      if (value.empty()) in.error(*given, "'" + std::string(key) + "' holds an empty value, which fits nobody");
    }
    return values;
  };
  out.region = axis("region");
  out.tenant = axis("tenant");
  out.tier = axis("tier");
  out.route = axis("route");
  out.model = axis("model");
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
  static constexpr std::string_view known[] = {"name", "context", "request", "response", "messages", "part", "expect"};
  static constexpr std::string_view later[] = {"given", "tags", "chunks"};
  test_spec out;
  out.place = in.place_of(node);
  const object from(in, node, "a test", known, later);
  if (!from.valid()) return out;
  out.name = from.need_string("name");
  if (const yaml_node* who = from.get("context")) out.who = read_context(in, *who);
  if (const yaml_node* text = from.get("request")) out.request = read_string(in, *text, "request");
  if (const yaml_node* text = from.get("response")) out.response = read_string(in, *text, "response");
  if (const yaml_node* list = from.get("messages")) read_messages(in, *list, out);
  out.part = read_part(in, from);
  const int given =
      (node.find("request") != nullptr) + (node.find("response") != nullptr) + (node.find("messages") != nullptr);
  if (given != 1) in.error(node, "a test needs exactly one of request, response and messages");
  if (out.part && node.find("messages") != nullptr) {
    in.error(node, "'part' belongs to the single messages", "write it in each of them");
  }
  if (const yaml_node* expect = from.need("expect")) read_expect(in, *expect, out);
  return out;
}

}  // namespace sluice::policy
