// See shown_blocks.hpp. A share is written as [blocked, of].
#include "sluice/store/shown_blocks.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

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

void shown_blocks::add(const shown_blocks& more) {
  std::map<std::string, block_share> sums;
  for (const auto* names : {&std::as_const(rules), &more.rules}) {
    for (const auto& [rule, share] : *names) {
      const auto mine = of(rule), theirs = more.of(rule);
      sums[rule] = {.blocked = mine.blocked + theirs.blocked, .of = mine.of + theirs.of};
    }
  }
  all = {.blocked = all.blocked + more.all.blocked, .of = all.of + more.all.of};
  rules = std::move(sums);
}

std::string to_json(const shown_blocks& of) { return text_of(tree_of(of)); }

std::string to_json(const shown_by_version& of) {
  json out = json::object();
  for (const auto& [version, each] : of) out[version] = tree_of(each);
  return text_of(out);
}

shown_blocks shown_from(std::string_view text) { return shown_of(json::parse(text, nullptr, false)).value_or(shown_blocks{}); }

shown_by_version shown_by_version_from(std::string_view text) {
  shown_by_version out;
  const auto j = json::parse(text, nullptr, false);
  if (!j.is_object()) return out;
  for (const auto& [version, each] : j.items()) {
    if (auto shown = shown_of(each)) out.emplace(version, std::move(*shown));
  }
  return out;
}

}  // namespace sluice::store
