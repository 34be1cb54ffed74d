// What a bundle demands of its gate and its breaker: the mappings `gate` and `breaker` of bundle.yaml.

#include "reader.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::policy {
namespace {

void read_floors(reading& in, const object& from, gate_spec& out) {
  const yaml_node* node = from.get("floors");
  if (node == nullptr) return;
  if (node->kind != yaml_node::kind::mapping) return in.error(*node, "'floors' must be a mapping from a slice to a recall", "write {jailbreak: 0.9}");
  for (const auto& [key, value] : node->members) {
    const auto floor = read_real(value);
    if (!floor || !(*floor > 0 && *floor < 1)) {
      // No number of cases shows a recall of 1.
      in.error(value, "the floor of '" + clipped(key.scalar, 60) + "' must be a number above 0 and below 1", "write 0.9; a case that must never be missed belongs to must_block");
      continue;
    }
    out.floors.emplace(key.scalar, *floor);
  }
}

void read_rate(reading& in, const object& from, std::string_view key, double& out) {
  const auto given = from.real(key);
  if (!given) return;
  if (*given <= 0) in.error(*from.get(key), "'" + std::string(key) + "' must be above 0", "no number of cases shows a rate of 0; a case that must never be touched belongs to must_pass");
  out = *given;
}

void read_cost(reading& in, const yaml_node& node, gate_spec& out) {
  const object from(in, node, gate_cost_shape);
  out.compile_max = from.duration("compile").value_or(out.compile_max);
  if (from.has("compile_bytes")) out.compile_bytes_max = from.number("compile_bytes", 0);
  if (from.has("database_bytes")) out.database_bytes_max = from.number("database_bytes", 0);
  if (from.has("rule_us")) out.rule_us_max = static_cast<std::uint32_t>(from.number("rule_us", 0));
  out.slower_max = from.real("slower").value_or(out.slower_max);
}

}  // namespace

gate_spec read_gate(reading& in, const yaml_node& node) {
  gate_spec out;
  out.place = in.place_of(node);
  const object from(in, node, gate_shape);
  for (const std::size_t at : from.word_list("require")) out.require.emplace_back(golden_set_words[at]);
  read_floors(in, from, out);
  if (const yaml_node* rates = from.get("false_positives")) {
    const object fields(in, *rates, gate_rates_shape);
    read_rate(in, fields, "total", out.false_positives_total);
    read_rate(in, fields, "slice", out.false_positives_slice);
    read_rate(in, fields, "rule", out.false_positives_rule);
  }
  if (const yaml_node* cost = from.get("cost")) read_cost(in, *cost, out);
  from.each("waivers", [&](const yaml_node& item) {
    const object fields(in, item, waiver_shape);
    gate_waiver waiver{.check = {}, .of = fields.string("of"), .by = fields.string("by"), .reason = fields.string("reason"), .expires = fields.date("expires"), .place = in.place_of(item)};
    if (const auto at = fields.word("check")) waiver.check = waivable_words[*at];
    if (!waiver.check.empty()) out.waivers.push_back(std::move(waiver));
  });
  return out;
}

breaker_terms read_breaker(reading& in, const yaml_node& node) {
  breaker_terms out;
  const object from(in, node, breaker_shape);
  out.on = from.boolean("on", out.on);
  out.rule = from.real("rule").value_or(out.rule);
  out.version = from.real("version").value_or(out.version);
  out.users_min = static_cast<std::uint32_t>(from.number("users_min", out.users_min));
  return out;
}

}  // namespace sluice::policy
