// What a rule does with what it found.
#include <algorithm>

#include "reader.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::policy {
namespace {

constexpr std::size_t text_bytes_max = 4096;
constexpr milliseconds vault_ttl_max = std::chrono::hours(24 * 30);

// A text that goes out with every message: bounded, and there when the type needs it.
std::string read_text(reading& in, const object& from, std::string_view key, bool needed) {
  const yaml_node* node = from.get(key);
  if (node == nullptr) {
    if (needed && !from.has(key)) in.error(from.node(), "action " + from.string("type") + " needs '" + std::string(key) + "'");
    return {};
  }
  std::string text = read_string(in, *node, key).value_or("");
  if (text.size() > text_bytes_max) {
    in.error(*node, "'" + std::string(key) + "' is longer than " + std::to_string(text_bytes_max) + " bytes");
  }
  if (needed && text.empty() && node->kind == yaml_node::kind::scalar) in.error(*node, "'" + std::string(key) + "' is empty");
  return text;
}

// de, pt-br, zh-hant-tw.
bool is_language(std::string_view text) {
  if (text.size() < 2 || text.size() > 35 || text.front() == '-' || text.back() == '-') return false;
  return std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

void read_languages(reading& in, const object& from, action_spec& out) {
  const yaml_node* node = from.get("i18n");
  if (node == nullptr) return;
  if (node->kind != yaml_node::kind::mapping) {
    in.error(*node, "'i18n' must be a mapping from a language to the message in it", "write {de: …, fr: …}");
    return;
  }
  for (const auto& [key, value] : node->members) {
    const std::string language = lower(key.scalar);
    if (!is_language(language)) in.error(key, "'" + clipped(key.scalar, 40) + "' is no language", "write it as de or pt-BR");
    const auto text = read_string(in, value, "i18n");
    if (!text) continue;
    if (text->empty() || text->size() > text_bytes_max) in.error(value, "a message of 1 to " + std::to_string(text_bytes_max) + " bytes is needed");
    if (!out.i18n.emplace(language, *text).second) in.error(key, "'" + language + "' is given twice", "keep one");
  }
}

void read_block(reading& in, const object& from, action_spec& out) {
  out.message = read_text(in, from, "message", false);
  read_languages(in, from, out);
  out.message_in_stream = from.boolean("message_in_stream", false);
  (void)from.word("finish_reason");
  const yaml_node* status = from.get("http_status");
  if (status == nullptr) return;
  if (status->scalar == "200") {
    out.http_status = 200;
  } else if (status->scalar != "400") {
    in.error(*status, "'http_status' must be 400 or 200", "200 answers with the API's own refusal");
  }
}

void read_redact(reading& in, const object& from, action_spec& out) {
  out.mask = "[REDACTED]";
  if (const yaml_node* mask = from.get("mask")) out.mask = read_string(in, *mask, "mask").value_or(out.mask);
  out.keep_first = static_cast<std::uint32_t>(from.number("keep_first", 0));
  out.keep_last = static_cast<std::uint32_t>(from.number("keep_last", 0));
  out.hashed = from.boolean("hash", false);
}

void read_tokenize(reading& in, const object& from, action_spec& out) {
  out.token = "<TOKEN_{n}>";
  if (const yaml_node* token = from.get("token")) {
    out.token = read_string(in, *token, "token").value_or(out.token);
    const std::size_t at = out.token.find("{n}");
    if (at == std::string::npos || out.token.find("{n}", at + 1) != std::string::npos) {
      in.error(*token, "'token' must hold {n} once", "write it as \"<IBAN_{n}>\"; without it, two values could not be told");
    }
    if (out.token.size() > 64 || at == 0 || at + 3 == out.token.size()) {
      in.error(*token, "'token' must have something on both sides of {n} and at most 64 bytes", "write it as \"<IBAN_{n}>\"");
    }
  }
  out.restore = from.boolean("restore", false);
  out.vault_ttl = from.duration("vault_ttl").value_or(milliseconds{0});
  if (from.has("vault_ttl") && !out.restore) in.error(*from.get("vault_ttl"), "'vault_ttl' does nothing without restore: true", "remove it, or add restore: true");
  if (out.vault_ttl > vault_ttl_max) in.error(*from.get("vault_ttl"), "'vault_ttl' may be 30d at most", "what has to be known for longer belongs into a store of the client's");
  out.on_vault_unavailable = from.word("on_vault_unavailable", on_vault_unavailable::keep);
  if (from.has("on_vault_unavailable") && !from.has("vault_ttl")) in.error(*from.get("on_vault_unavailable"), "'on_vault_unavailable' does nothing without 'vault_ttl'", "remove it, or write how long values are kept");
}

void read_disclaimer(reading& in, const object& from, action_spec& out) {
  out.disclaimer = from.name("disclaimer");
  if (!from.has("disclaimer")) in.error(from.node(), "action require_disclaimer needs 'disclaimer'", "name one of the policy's disclaimers");
  out.on_missing = from.word("on_missing", on_missing::append);
  if (out.on_missing == on_missing::rewrite) {
    out.replacement = read_text(in, from, "replacement", true);
  } else if (const yaml_node* text = from.get("replacement")) {
    in.error(*text, "'replacement' does nothing without on_missing: rewrite", "remove it");
  }
  read_block(in, from, out);
  if (out.on_missing == on_missing::block || out.on_structured == on_structured::block) return;
  for (const char* key : {"message", "i18n", "http_status", "message_in_stream"}) {
    if (const yaml_node* idle = from.get(key)) in.error(*idle, "'" + std::string(key) + "' does nothing without on_missing: block or on_structured: block", "remove it");
  }
}

void read_tags(reading& in, const object& from, action_spec& out) {
  constexpr std::size_t tags_max = 16;
  out.tags = from.strings("tags");
  const yaml_node* node = from.get("tags");
  if (node == nullptr) {
    if (!from.has("tags")) in.error(from.node(), "action tag needs 'tags'", "write tags: [investing]");
    return;
  }
  if (out.tags.empty() || out.tags.size() > tags_max) in.error(*node, "'tags' must hold 1 to " + std::to_string(tags_max) + " tags");
  for (const std::string& tag : out.tags) {
    if (!is_name(tag)) in.error(*node, "tag '" + clipped(tag, 60) + "' is no name", "use a-z, 0-9, '-' and '_', at most 100 characters");
  }
}

}  // namespace

action_spec read_action(reading& in, const yaml_node& node) {
  action_spec out;
  out.place = in.place_of(node);
  const object from(in, node, action_shape);
  const auto type = from.word("type");
  if (!type) return out;
  out.type = static_cast<action>(*type);
  // What steers the model must not be lost because a client chose a request that has no place for it.
  out.on_structured = from.word("on_structured", out.type == action::inject_system ? on_structured::block : on_structured::skip);
  switch (out.type) {
    case action::allow:
    case action::flag: break;
    case action::tag: read_tags(in, from, out); break;
    case action::append: out.text = read_text(in, from, "text", true); break;
    case action::require_disclaimer: read_disclaimer(in, from, out); break;
    case action::inject_system:
      out.text = read_text(in, from, "text", true);
      out.position = from.word("position", inject_position::append);
      break;
    case action::rewrite:
      out.replacement = read_text(in, from, "replacement", false);
      out.has_replacement = from.has("replacement");
      break;
    case action::tokenize: read_tokenize(in, from, out); break;
    case action::redact: read_redact(in, from, out); break;
    case action::block: read_block(in, from, out); break;
  }
  return out;
}

}  // namespace sluice::policy
