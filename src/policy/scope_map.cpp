// Composition: which policies, and so which rules and exceptions, are in force in each cell.
#include "scope_map.hpp"

#include <map>
#include <set>

#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::policy {
namespace {

using member = std::vector<std::string> scope::*;
constexpr std::array<member, axis_count> scope_axis = {&scope::region, &scope::tenant, &scope::tier, &scope::route, &scope::model};
using context_member = std::string context::*;
constexpr std::array<context_member, axis_count> context_axis = {&context::region, &context::tenant, &context::tier, &context::route,
                                                                 &context::model};

bool fits(const scope& s, const context& who) {
  for (std::size_t a = 0; a < axis_count; ++a) {
    const auto& wanted = s.*scope_axis[a];
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), who.*context_axis[a]) == wanted.end()) return false;
  }
  return true;
}

bool in_force(const policy_ast& p, const context& who) {
  if (!fits(p.scope, who)) return false;
  return std::any_of(p.binds.begin(), p.binds.end(), [&](const scope& s) { return fits(s, who); });
}

std::vector<const scope*> all_scopes(const bundle_ast& bundle) {
  std::vector<const scope*> all;
  for (const auto& p : bundle.policies) {
    all.push_back(&p.scope);
    for (const auto& b : p.binds) all.push_back(&b);
    for (const auto& r : p.rules) {
      for (const auto& e : r.exceptions) all.push_back(&e.when);
    }
  }
  return all;
}

// What decides in one context: the active rules and their exceptions, as text; equal text, equal ruleset.
std::unique_ptr<ruleset> compose_one(const bundle_ast& bundle, const std::shared_ptr<const program>& owner, const context& who,
                                     std::string& signature) {
  auto made = std::make_unique<ruleset>();
  const auto count = owner->rules.size();
  made->owner = owner;
  made->active = index_set(count);
  made->deriving = index_set(owner->terms.size());
  for (const auto view : both_views) made->regexes[view] = made->words[view] = index_set(owner->terms.size());
  made->exceptions.resize(count);
  std::uint32_t n = 0;
  signature.clear();
  for (const auto& p : bundle.policies) {
    const bool here = in_force(p, who);
    for (const auto& r : p.rules) {
      const auto i = n++;
      const auto& c = owner->rules[i];
      if (!here || c.enforcement == enforcement::off) continue;
      made->active.add(i);
      for (auto t = c.terms_begin; t < c.terms_end; ++t) {
        const auto& term = owner->terms[t];
        (term.is_regex ? made->regexes : made->words)[term.view].add(t);
        if (term.readings != 0) made->deriving.add(t);
      }
      if (c.expression) made->composed.push_back(i);
      made->role_mask = static_cast<std::uint8_t>(made->role_mask | c.role_mask);
      const auto d = static_cast<unsigned>(c.direction);
      made->any_request = made->any_request || (d & 1) != 0;
      made->any_response = made->any_response || (d & 2) != 0;
      made->hold_full = made->hold_full || ((d & 2) != 0 && c.hold_full && c.changes() && c.enforcement == enforcement::enforce);
      signature += r.id + '\0' + p.file_sha256 + '\0' + std::string(to_string(c.enforcement));
      for (std::size_t e = 0; e < c.exceptions.size(); ++e) {
        if (!fits(c.exceptions[e].when, who)) continue;
        made->exceptions[i].push_back(static_cast<std::uint16_t>(e));
        signature += '\0' + c.exceptions[e].id;
      }
      signature += '\n';
    }
  }
  return made;
}

}  // namespace

scope_map scope_map::compose(const bundle_ast& bundle, const std::shared_ptr<const program>& owner, diagnostics& found) {
  scope_map map;
  const auto scopes = all_scopes(bundle);
  std::array<std::vector<std::string>, axis_count> sample;  // a value of each class
  std::size_t cells = 1;
  for (std::size_t a = 0; a < axis_count; ++a) {
    std::set<std::string> named;
    for (const auto* s : scopes) named.insert((s->*scope_axis[a]).begin(), (s->*scope_axis[a]).end());
    // Two values are one class when every scope treats them alike.
    std::map<std::vector<bool>, std::uint32_t> classes = {{std::vector<bool>(scopes.size(), false), 0}};
    sample[a].emplace_back();
    for (const auto& value : named) {
      std::vector<bool> in(scopes.size());
      for (std::size_t i = 0; i < scopes.size(); ++i) {
        const auto& wanted = scopes[i]->*scope_axis[a];
        in[i] = std::find(wanted.begin(), wanted.end(), value) != wanted.end();
      }
      const auto [it, fresh] = classes.try_emplace(in, static_cast<std::uint32_t>(classes.size()));
      if (fresh) sample[a].push_back(value);
      map.axes_[a].class_of.emplace(value, it->second);
    }
    map.axes_[a].classes = static_cast<std::uint32_t>(sample[a].size());
    cells *= sample[a].size();
    if (cells > rulesets_max * 16) break;
  }
  if (cells > rulesets_max * 16) {
    found.push_back({.place = {"bundle.yaml", 0, 0},
                     .rule = {},
                     .message = "the scopes of this bundle cross in more than " + std::to_string(rulesets_max * 16) + " ways",
                     .advice = "bind policies to fewer axes at once"});
    cells = 0;
  }
  std::map<std::string, std::uint32_t> known;
  std::string signature;
  for (std::size_t cell = 0; cell < cells; ++cell) {
    context who;
    auto rest = cell;
    for (std::size_t a = 0; a < axis_count; ++a) {
      who.*context_axis[a] = sample[a][rest % sample[a].size()];
      rest /= sample[a].size();
    }
    auto one = compose_one(bundle, owner, who, signature);
    const auto [it, fresh] = known.try_emplace(signature, static_cast<std::uint32_t>(map.rulesets_.size()));
    if (fresh) {
      one->effective = crypto::sha256_hex(signature);
      map.rulesets_.push_back(std::move(one));
    }
    map.cell_.push_back(it->second);
  }
  return map;
}

const ruleset& scope_map::find(const context& who) const {
  std::size_t cell = 0, radix = 1;
  for (std::size_t a = 0; a < axis_count; ++a) {
    const auto it = axes_[a].class_of.find(who.*context_axis[a]);
    if (it != axes_[a].class_of.end()) cell += it->second * radix;
    radix *= axes_[a].classes;
  }
  return *rulesets_[cell_[cell]];
}

}  // namespace sluice::policy
