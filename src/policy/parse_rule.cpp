// One rule: where it looks, its exceptions, its labels and its tests.
#include <algorithm>
#include <cmath>

#include "reader.hpp"

namespace sluice::policy {
namespace {

where_spec read_where(reading& in, const yaml_node& node) {
  where_spec out;
  const object from(in, node, where_shape);
  for (const std::size_t at : from.word_list("roles")) out.roles.push_back(static_cast<role>(at));
  for (const std::size_t at : from.word_list("parts")) out.parts.push_back(static_cast<part_kind>(at));
  out.last_turn_only = from.word("messages").value_or(0) == 1;
  return out;
}

exception_spec read_exception(reading& in, const yaml_node& node) {
  exception_spec out;
  out.place = in.place_of(node);
  const object from(in, node, exception_shape);
  if (!from.valid()) return out;
  out.id = from.name("id");
  if (const yaml_node* when = from.get("when")) out.when = read_scope(in, *when, "when");
  if (const yaml_node* match = from.get("match")) out.match = read_match(in, *match);
  if (!from.has("when") && !from.has("match")) {
    in.error(node, "an exception without 'when' and 'match' would switch the rule off", "name where it holds");
  }
  out.reason = from.string("reason");
  out.owner = from.string("owner");
  out.ticket = from.string("ticket");
  out.expires = from.date("expires");
  return out;
}

rollout_spec read_rollout(reading& in, const yaml_node& node) {
  rollout_spec out;
  const object from(in, node, rollout_shape);
  if (const auto share = from.real("percentage")) {
    out.basis_points = static_cast<std::uint32_t>(std::lround(*share * 100));
    if (std::abs(*share * 100 - out.basis_points) > 1e-6) in.error(*from.get("percentage"), "'percentage' has at most two decimals");
  }
  out.by = from.word("by", rollout_spec::by::conversation_id);
  out.salt = from.string("salt");
  if (!from.boolean("shadow_outside", true)) {
    in.error(*from.get("shadow_outside"), "'shadow_outside' can only be true: outside of its share a rule is seen in shadow", "remove it");
  }
  return out;
}

promote_spec read_promote(reading& in, const yaml_node& node) {
  promote_spec out;
  const object from(in, node, promote_shape);
  out.min_samples = from.number("min_samples", 0);
  out.fpr_upper95 = from.real("fpr_upper95").value_or(1);
  out.min_days = static_cast<std::uint32_t>(from.number("min_days", 0));
  if (from.valid() && node.members.empty()) in.error(node, "'promote_when' says nothing");
  return out;
}

void read_labels(const object& from, rule& out) {
  out.title = from.string("title");
  out.category = from.string("category");
  out.severity = severity_words[from.word("severity").value_or(1)];
  out.relaxable = from.boolean("relaxable", false);
  out.score = static_cast<int>(from.number("score", 0));
  out.falsepositives = from.strings("falsepositives");
  out.references = from.strings("references");
  out.tags = from.strings("tags");
  (void)from.string("owner");
  (void)from.string("ticket");
  (void)from.string("description");
}

}  // namespace

rule_defaults read_defaults(reading& in, const object& from) {
  rule_defaults out{.ceiling = from.word("enforcement", enforcement::enforce)};
  if (const yaml_node* share = from.get("rollout")) out.rollout = read_rollout(in, *share);
  if (const yaml_node* when = from.get("promote_when")) out.promote_when = read_promote(in, *when);
  return out;
}

rule read_rule(reading& in, const yaml_node& node, const rule_defaults& policy) {
  rule out;
  out.place = in.place_of(node);
  if (const yaml_node* id = node.find("id"); id != nullptr && is_name(id->scalar)) in.rule = id->scalar;
  const object from(in, node, rule_shape);
  if (from.valid()) {
    out.id = from.name("id");
    read_labels(from, out);
    out.enforcement = std::min(policy.ceiling, from.word("enforcement", enforcement::enforce));
    constexpr std::size_t both = 2;
    out.direction = static_cast<direction>(from.word("direction").value_or(both) + 1);
    if (const yaml_node* where = from.get("where")) out.where = read_where(in, *where);
    if (const yaml_node* match = from.get("match")) out.match = read_match(in, *match);
    if (const yaml_node* act = from.get("action")) out.action = read_action(in, *act);
    if (const yaml_node* stream = from.get("stream")) out.hold_full = object(in, *stream, stream_shape).word("hold").value_or(0) == 1;
    out.rollout = policy.rollout;
    out.promote_when = policy.promote_when;
    if (const yaml_node* share = from.get("rollout")) out.rollout = read_rollout(in, *share);
    if (const yaml_node* when = from.get("promote_when")) out.promote_when = read_promote(in, *when);
    out.max_block_rate = from.real("max_block_rate");
    out.never_demote = from.boolean("never_demote", false);
    if (out.rollout && out.rollout->salt.empty()) out.rollout->salt = out.id;
    from.each("exceptions", [&](const yaml_node& item) { out.exceptions.push_back(read_exception(in, item)); });
    from.each("tests", [&](const yaml_node& item) { out.tests.push_back(read_test(in, item)); });
  }
  in.rule.clear();
  return out;
}

}  // namespace sluice::policy
