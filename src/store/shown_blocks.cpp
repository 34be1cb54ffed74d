// See shown_blocks.hpp. A share is written as [blocked, of].
#include "sluice/store/shown_blocks.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "sluice/base/foreign_json.hpp"

namespace sluice::store {
namespace {

using nlohmann::json;

json tree_of(const block_share& share) { return json::array({share.blocked, share.of}); }

json tree_of(const shown_blocks& of) {
  json rules = json::object();
  for (const auto& [rule, share] : of.rules) rules[rule] = tree_of(share);
  return {{"all", tree_of(of.all)}, {"rules", std::move(rules)}};
}

std::optional<block_share> share_from(const json& j) {
  if (!j.is_array() || j.size() != 2 || !j[0].is_number() || !j[1].is_number_unsigned()) return std::nullopt;
  const block_share out{.blocked = j[0].get<double>(), .of = j[1].get<std::size_t>()};
  if (!(out.blocked >= 0 && out.blocked <= static_cast<double>(out.of))) return std::nullopt;
  return out;
}

std::optional<shown_blocks> shown_of(const json& j) {
  if (!j.is_object() || !j.contains("all") || !j.contains("rules") || !j["rules"].is_object()) return std::nullopt;
  const auto all = share_from(j["all"]);
  if (!all) return std::nullopt;
  shown_blocks out{.all = *all, .rules = {}};
  for (const auto& [rule, each] : j["rules"].items()) {
    const auto share = share_from(each);
    if (!share) return std::nullopt;
    out.rules.emplace(rule, *share);
  }
  return out;
}

std::string text_of(const json& j) { return j.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace

block_share shown_blocks::of(const std::string& rule) const {
  const auto at = rules.find(rule);
  return at != rules.end() ? at->second : block_share{.blocked = 0, .of = all.of};
}

shown_blocks together(std::span<const shown_blocks> nodes) {
  const auto pooled = [&](auto share_of) {
    block_share sum;
    std::size_t most = 0;
    for (const auto& node : nodes) {
      const block_share one = share_of(node);
      sum = {.blocked = sum.blocked + one.blocked, .of = sum.of + one.of};
      most = std::max(most, one.of);
    }
    return block_share{.blocked = sum.of == 0 ? 0 : sum.blocked / static_cast<double>(sum.of) * static_cast<double>(most), .of = most};
  };
  shown_blocks out;
  out.all = pooled([](const shown_blocks& node) { return node.all; });
  for (const auto& node : nodes) {
    for (const auto& [rule, share] : node.rules) {
      if (!out.rules.contains(rule)) out.rules[rule] = pooled([&](const shown_blocks& each) { return each.of(rule); });
    }
  }
  return out;
}

std::string to_json(const shown_blocks& of) { return text_of(tree_of(of)); }

std::string to_json(const shown_by_version& of) {
  json out = json::object();
  for (const auto& [version, each] : of) out[version] = tree_of(each);
  return text_of(out);
}

shown_blocks shown_from(std::string_view text) { return shown_of(parse_bounded<json>(text)).value_or(shown_blocks{}); }

shown_by_version shown_by_version_from(std::string_view text) {
  shown_by_version out;
  const auto j = parse_bounded<json>(text);
  if (!j.is_object()) return out;
  for (const auto& [version, each] : j.items()) {
    if (auto shown = shown_of(each)) out.emplace(version, std::move(*shown));
  }
  return out;
}

}  // namespace sluice::store
