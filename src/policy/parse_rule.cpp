// One rule: where it looks, what it does, its exceptions and its tests.
#include <algorithm>

#include "reader.hpp"

namespace sluice::policy {
namespace {

constexpr std::string_view rule_known[] = {"id",          "title",     "description", "severity",   "category",
                                           "enforcement", "direction", "where",       "match",      "action",
                                           "stream",      "relaxable", "score",       "owner",      "falsepositives",
                                           "references",  "tags",      "ticket",      "exceptions", "tests"};
constexpr std::string_view rule_later[] = {"rollout", "promote_when", "thresholds",       "audit",
                                           "scope",   "given",        "conversation_tag", "time"};
constexpr std::string_view severity_words[] = {"low", "medium", "high", "critical"};
constexpr std::string_view direction_words[] = {"request", "response", "both"};
constexpr std::uint64_t keep_max = 64;
constexpr std::uint64_t score_max = 1000;
constexpr std::size_t message_bytes_max = 4096;

where_spec read_where(reading& in, const yaml_node& node) {
  static constexpr std::string_view known[] = {"roles", "parts", "messages"};
  static constexpr std::string_view messages_words[] = {"all", "last_turn"};
  where_spec out;
  const object from(in, node, "where", known);
  if (!from.valid()) return out;
  const auto each = [&](std::string_view key, words table, auto add) {
    const yaml_node* list = from.get(key);
    if (list == nullptr) return;
    if (list->kind != yaml_node::kind::sequence || list->items.empty()) {
      in.error(*list, "'" + std::string(key) + "' must be a list with at least one value",
               "leave it out to mean every one");
      return;
    }
    for (const yaml_node& item : list->items) {
      if (const auto at = read_word(in, item, key, table)) add(*at);
    }
  };
  each("roles", role_words, [&](std::size_t at) { out.roles.push_back(static_cast<role>(at)); });
  each("parts", part_words, [&](std::size_t at) { out.parts.push_back(static_cast<part_kind>(at)); });
  if (const yaml_node* messages = from.get("messages")) {
    out.last_turn_only = read_word(in, *messages, "messages", messages_words).value_or(0) == 1;
  }
  return out;
}

// Keys of an action that only one type knows; given with another type they would do nothing.
void refuse_foreign(reading& in, const object& from, action type) {
  static constexpr std::string_view of_redact[] = {"mask", "keep_first", "keep_last"};
  static constexpr std::string_view of_block[] = {"message", "http_status", "message_in_stream", "finish_reason"};
  for (const auto& [key, value] : from.node().members) {
    const bool redact_only = std::ranges::find(of_redact, key.scalar) != std::end(of_redact);
    const bool block_only = std::ranges::find(of_block, key.scalar) != std::end(of_block);
    if ((redact_only && type != action::redact) || (block_only && type != action::block)) {
      in.error(key, "'" + key.scalar + "' does nothing with type: " + std::string(to_string(type)),
               std::string("it belongs to type: ") + (redact_only ? "redact" : "block"));
    }
  }
}

void read_block(reading& in, const object& from, action_spec& out) {
  out.message = from.string("message");
  if (out.message.size() > message_bytes_max) {
    in.error(*from.get("message"), "'message' is longer than " + std::to_string(message_bytes_max) + " bytes");
  }
  out.message_in_stream = from.boolean("message_in_stream", false);
  if (const yaml_node* status = from.get("http_status")) {
    if (status->scalar == "200") {
      out.http_status = 200;
    } else if (status->scalar != "400") {
      in.error(*status, "'http_status' must be 400 or 200", "200 answers with the API's own refusal");
    }
  }
  if (const yaml_node* reason = from.get("finish_reason"); reason != nullptr && reason->scalar != "content_filter") {
    in.error(*reason, "'finish_reason' can only be content_filter in this version", "remove it: it is the default");
  }
}

action_spec read_action(reading& in, const yaml_node& node) {
  static constexpr std::string_view known[] = {"type",    "mask",        "keep_first",        "keep_last",
                                               "message", "http_status", "message_in_stream", "finish_reason"};
  static constexpr std::string_view later[] = {"i18n",     "then",       "replacement", "token",
                                               "restore",  "vault_ttl",  "text",        "disclaimer",
                                               "position", "on_missing", "tags"};
  action_spec out;
  out.place = in.place_of(node);
  const object from(in, node, "action", known, later);
  const yaml_node* type = from.need("type");
  if (type == nullptr) return out;
  const auto at = read_word(in, *type, "action", action_words);
  if (!at) return out;
  out.type = static_cast<action>(*at);
  refuse_foreign(in, from, out.type);
  if (out.type == action::redact) {
    out.mask = "[REDACTED]";
    if (const yaml_node* mask = from.get("mask")) out.mask = read_string(in, *mask, "mask").value_or(out.mask);
    out.keep_first = static_cast<std::uint32_t>(from.number("keep_first", 0, keep_max));
    out.keep_last = static_cast<std::uint32_t>(from.number("keep_last", 0, keep_max));
  }
  if (out.type == action::block) read_block(in, from, out);
  return out;
}

exception_spec read_exception(reading& in, const yaml_node& node) {
  static constexpr std::string_view known[] = {"id", "when", "match", "reason", "owner", "ticket", "expires"};
  exception_spec out;
  out.place = in.place_of(node);
  const object from(in, node, "an exception", known);
  if (!from.valid()) return out;
  out.id = read_name(in, from.need("id"), "id");
  if (const yaml_node* when = from.get("when")) out.when = read_scope(in, *when, "when");
  if (const yaml_node* match = from.get("match")) out.match = read_match(in, *match);
  if (node.find("when") == nullptr && node.find("match") == nullptr) {
    in.error(node, "an exception without 'when' and 'match' would switch the rule off", "name where it holds");
  }
  out.reason = from.need_string("reason");
  out.owner = from.need_string("owner");
  out.ticket = from.need_string("ticket");
  if (from.need("expires") != nullptr) out.expires = from.date("expires");
  return out;
}

template <class Read, class Out>
void read_each(reading& in, const object& from, std::string_view key, Read read, Out& out) {
  const yaml_node* list = from.get(key);
  if (list == nullptr) return;
  if (list->kind != yaml_node::kind::sequence) {
    in.error(*list, "'" + std::string(key) + "' must be a list");
    return;
  }
  for (const yaml_node& item : list->items) out.push_back(read(in, item));
}

void read_stream(reading& in, const yaml_node& node, rule& out) {
  static constexpr std::string_view known[] = {"hold"};
  static constexpr std::string_view hold_words[] = {"auto", "full"};
  static constexpr std::string_view hold_later[] = {"bytes"};
  const object from(in, node, "stream", known);
  if (const yaml_node* hold = from.need("hold")) {
    out.hold_full = read_word(in, *hold, "hold", hold_words, hold_later).value_or(0) == 1;
  }
}

void read_labels(reading& in, const object& from, rule& out) {
  out.title = from.string("title");
  out.category = from.string("category");
  out.severity = "medium";
  if (const yaml_node* node = from.get("severity")) {
    out.severity = severity_words[read_word(in, *node, "severity", severity_words).value_or(1)];
  }
  out.relaxable = from.boolean("relaxable", false);
  out.score = static_cast<int>(from.number("score", 0, score_max));
  out.falsepositives = from.strings("falsepositives");
  out.references = from.strings("references");
  out.tags = from.strings("tags");
  (void)from.string("owner");
  (void)from.string("ticket");
  (void)from.string("description");
}

}  // namespace

enforcement read_enforcement(reading& in, const object& from, enforcement otherwise) {
  const yaml_node* node = from.get("enforcement");
  if (node == nullptr) return otherwise;
  const auto at = read_word(in, *node, "enforcement", enforcement_words);
  return at ? static_cast<enforcement>(*at) : otherwise;
}

rule read_rule(reading& in, const yaml_node& node, enforcement ceiling) {
  rule out;
  out.place = in.place_of(node);
  if (const yaml_node* id = node.find("id"); id != nullptr && is_name(id->scalar)) in.rule = id->scalar;
  const object from(in, node, "a rule", rule_known, rule_later);
  if (from.valid()) {
    out.id = read_name(in, from.need("id"), "id");
    read_labels(in, from, out);
    out.enforcement = std::min(ceiling, read_enforcement(in, from, enforcement::enforce));
    if (const yaml_node* way = from.need("direction")) {
      constexpr std::size_t both = 2;
      out.direction = static_cast<direction>(read_word(in, *way, "direction", direction_words).value_or(both) + 1);
    }
    if (const yaml_node* where = from.get("where")) out.where = read_where(in, *where);
    if (const yaml_node* match = from.need("match")) out.match = read_match(in, *match);
    if (const yaml_node* act = from.need("action")) out.action = read_action(in, *act);
    if (const yaml_node* stream = from.get("stream")) read_stream(in, *stream, out);
    read_each(in, from, "exceptions", read_exception, out.exceptions);
    read_each(in, from, "tests", read_test, out.tests);
  }
  in.rule.clear();
  return out;
}

}  // namespace sluice::policy
