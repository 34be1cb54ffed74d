// Composition: which policies and overlays, and so which rules and exceptions, are in force together.
#include "scope_map.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::policy {

namespace {

// One bit a condition.
using bits = std::vector<std::uint64_t>;
void set(bits& b, std::size_t i) { b[i / 64] |= 1ull << (i % 64); }
bool has(const bits& b, std::size_t i) { return (b[i / 64] >> (i % 64) & 1) != 0; }

// What stands before the digest of a macro's or a model's file in a signature.
constexpr char drawn = '\3';
// A signature as it was before it had those.
std::string without_drawn(std::string_view signature) {
  constexpr std::size_t digest = 64;
  std::string out;
  for (std::size_t i = 0; i < signature.size();) {
    if (signature[i] == drawn) {
      i += 1 + digest;
    } else {
      out += signature[i++];
    }
  }
  return out;
}

}  // namespace

class composer {
 public:
  composer(const bundle_ast& bundle, std::shared_ptr<const program> owner, diagnostics& found)
      : bundle_(bundle), owner_(std::move(owner)), found_(found) {}

  scope_map run() {
    collect();
    if (has_errors(found_)) return std::move(map_);
    walk();
    if (!has_errors(found_)) make_rulesets();
    return std::move(map_);
  }

 private:
  struct placed {  // a policy or an overlay
    std::uint32_t own;
    std::vector<std::uint32_t> binds;
  };

  void refuse(std::string message) {
    found_.push_back({.place = {"bundle.yaml", 0, 0}, .rule = {}, .message = std::move(message), .advice = "bind policies to fewer axes at once"});
  }

  std::uint32_t condition(const scope& s) {
    return conditions_.try_emplace(s, static_cast<std::uint32_t>(conditions_.size())).first->second;
  }

  template <class Each>
  placed place_of(const Each& each) {
    placed out{.own = condition(each.scope), .binds = {}};
    for (const auto& bind : each.binds) out.binds.push_back(condition(bind));
    return out;
  }

  void collect() {
    for (const auto& p : bundle_.policies) policies_.push_back(place_of(p));
    for (const auto& o : bundle_.overlays) overlays_.push_back(place_of(o));
    for (const auto& r : owner_->rules) {
      for (const auto& e : r.exceptions) (void)condition(e.when);
    }
    index_variants();
    scopes_.resize(conditions_.size());
    for (const auto& [s, i] : conditions_) scopes_[i] = &s;
    words_ = (scopes_.size() + 63) / 64;
    std::map<std::string, bits> tags;
    for (std::size_t i = 0; i < scopes_.size(); ++i) {
      for (const auto& tag : scopes_[i]->conversation_tag) set(tags.try_emplace(tag, bits(words_)).first->second, i);
      if (scopes_[i]->time) (void)map_.windows_.add(*scopes_[i]->time);
    }
    for (auto& [tag, in] : tags) {
      auto same = std::ranges::find(tags_, in);
      if (same == tags_.end()) same = tags_.insert(tags_.end(), std::move(in));
      map_.tag_of_.emplace(tag, static_cast<std::uint32_t>(same - tags_.begin()));
    }
    if (tags_.size() > scope_map::tags_max) refuse("the scopes of this bundle tell more than " + std::to_string(scope_map::tags_max) + " conversation tags apart");
    if (map_.windows_.size() > scope_map::windows_max) refuse("the scopes of this bundle name more than " + std::to_string(scope_map::windows_max) + " windows of time");
  }

  // One step of the walk: from each state, by each class, to the states of the next.
  template <class Next>
  void take(scope_map::step& step, std::uint32_t count, Next&& next) {
    if (has_errors(found_)) return;
    step.count = count;
    std::map<bits, std::uint32_t> known;
    std::vector<bits> after;
    for (const auto& state : states_) {
      for (std::uint32_t c = 0; c < count; ++c) {
        const auto [it, fresh] = known.try_emplace(next(state, c), static_cast<std::uint32_t>(after.size()));
        if (fresh) after.push_back(it->first);
        step.next.push_back(it->second);
      }
      if (after.size() > scope_map::states_max) return refuse("the scopes of this bundle cross in more than " + std::to_string(scope_map::states_max) + " ways");
    }
    states_ = std::move(after);
    map_.memory_bytes_ += step.next.capacity() * sizeof(std::uint32_t);
  }

  void walk() {
    bits first(words_);
    for (std::size_t i = 0; i < scopes_.size(); ++i) {
      if (scopes_[i]->conversation_tag.empty()) set(first, i);
    }
    states_ = {std::move(first)};
    map_.tag_steps_.resize(tags_.size());
    for (std::size_t t = 0; t < tags_.size(); ++t) {
      take(map_.tag_steps_[t], 2, [&](bits state, std::uint32_t there) {
        for (std::size_t w = 0; there != 0 && w < words_; ++w) state[w] |= tags_[t][w];
        return state;
      });
    }
    for (std::size_t a = 0; a < scope_axes.size(); ++a) take_axis(a);
    map_.window_steps_.resize(map_.windows_.size());
    for (std::uint32_t w = 0; w < map_.windows_.size(); ++w) {
      take(map_.window_steps_[w], 2, [&](bits state, std::uint32_t inside) {
        for (std::size_t i = 0; inside == 0 && i < scopes_.size(); ++i) {
          if (scopes_[i]->time == map_.windows_.window(w)) state[i / 64] &= ~(1ull << (i % 64));
        }
        return state;
      });
    }
  }

  // Values that every scope treats alike are one class; class 0 is all those that none names.
  void take_axis(std::size_t a) {
    bits unnamed(words_);
    std::map<std::string, bits> named;
    for (std::size_t i = 0; i < scopes_.size(); ++i) {
      const auto& wanted = scopes_[i]->*scope_axes[a].allowed;
      if (wanted.empty()) set(unnamed, i);
      for (const auto& value : wanted) set(named.try_emplace(value, bits(words_)).first->second, i);
    }
    std::vector<bits> classes = {unnamed};
    std::map<bits, std::uint32_t> known = {{unnamed, 0}};
    for (auto& [value, in] : named) {
      for (std::size_t w = 0; w < words_; ++w) in[w] |= unnamed[w];
      const auto [it, fresh] = known.try_emplace(in, static_cast<std::uint32_t>(classes.size()));
      if (fresh) classes.push_back(in);
      map_.class_of_[a].emplace(value, it->second);
      map_.memory_bytes_ += value.size() + 64;
    }
    take(map_.axis_steps_[a], static_cast<std::uint32_t>(classes.size()), [&](bits state, std::uint32_t c) {
      for (std::size_t w = 0; w < words_; ++w) state[w] &= classes[c][w];
      return state;
    });
  }

  static bool in_force(const placed& p, const bits& state) {
    return has(state, p.own) && std::ranges::any_of(p.binds, [&](std::uint32_t bind) { return has(state, bind); });
  }

  void make_rulesets() {
    std::map<std::string, std::uint32_t> known;
    std::string signature;
    for (const auto& state : states_) {
      auto one = compose_one(state, signature);
      const auto [it, fresh] = known.try_emplace(signature, static_cast<std::uint32_t>(map_.rulesets_.size()));
      map_.last_.push_back(it->second);
      if (!fresh) continue;
      one->effective = crypto::sha256_hex(signature);
      if (const auto before = without_drawn(signature); before != signature) one->effective_before = crypto::sha256_hex(before);
      map_.memory_bytes_ += one->memory_bytes();
      map_.rulesets_.push_back(std::move(one));
      if (map_.memory_bytes_ > scope_map::rulesets_bytes_max) return refuse("the scopes of this bundle make " + std::to_string(map_.rulesets_.size()) + " different sets of rules and more");
    }
  }

  // The entry in force for a rule: the rule itself, or the variant of exactly those overlays that fit.
  std::uint32_t entry_of(std::size_t policy, std::uint32_t first, std::uint32_t base, const bits& state) {
    const auto& p = bundle_.policies[policy];
    const auto at = patched_.find({policy, base});
    if (at == patched_.end()) return first + base;
    std::vector<std::uint32_t> fit;
    for (const auto overlay : at->second.overlays) {
      if (in_force(overlays_[overlay], state)) fit.push_back(overlay);
    }
    if (fit.empty()) return first + base;
    const auto variant = at->second.variant_of.find(fit);
    if (variant != at->second.variant_of.end()) return static_cast<std::uint32_t>(first + p.rules.size() + variant->second);
    refuse("rule '" + p.rules[base].id + "' is patched by overlays together that were not read together");
    return first + base;
  }

  void index_variants() {
    std::map<std::string_view, std::uint32_t> overlay_of;
    for (std::uint32_t i = 0; i < bundle_.overlays.size(); ++i) overlay_of.emplace(bundle_.overlays[i].name, i);
    for (std::size_t p = 0; p < bundle_.policies.size(); ++p) {
      const auto& variants = bundle_.policies[p].variants;
      for (std::uint32_t v = 0; v < variants.size(); ++v) {
        std::vector<std::uint32_t> set;
        for (const auto& name : variants[v].overlays) {
          if (const auto found = overlay_of.find(name); found != overlay_of.end()) set.push_back(found->second);
        }
        std::ranges::sort(set);
        auto& of = patched_[{p, variants[v].base}];
        if (set.size() == 1) of.overlays.insert(set[0]);
        of.variant_of.emplace(std::move(set), v);
      }
    }
  }

  // What decides here: the active rules and their exceptions, as text; equal text, equal ruleset.
  std::unique_ptr<ruleset> compose_one(const bits& state, std::string& signature) {
    auto made = std::make_unique<ruleset>();
    made->owner = owner_;
    signature.clear();
    std::uint32_t first = 0;
    for (std::size_t p = 0; p < bundle_.policies.size(); ++p) {
      const auto& policy = bundle_.policies[p];
      const bool here = in_force(policies_[p], state);
      for (std::uint32_t i = 0; here && i < policy.rules.size(); ++i) {
        const auto entry = policy.variants.empty() ? first + i : entry_of(p, first, i, state);
        add_entry(policy, entry, first, state, *made, signature);
      }
      first += static_cast<std::uint32_t>(policy.rules.size() + policy.variants.size());
    }
    made->needs_record = wants_records(state);
    if (made->needs_record) signature += "\4on_full";
    // A variant's entry stands behind those of rules that come later.
    std::ranges::sort(made->exceptions);
    std::ranges::sort(made->composed);
    for (auto* set : {&made->active, &made->scoring, &made->deriving}) set->shrink();
    for (const auto view : both_views) {
      made->regexes[view].shrink();
      made->words[view].shrink();
    }
    return made;
  }

  [[nodiscard]] bool wants_records(const bits& state) const {
    bool any = false;
    for (std::size_t p = 0; p < policies_.size(); ++p) any = any || (needs_record(bundle_.policies[p]) && in_force(policies_[p], state));
    for (std::size_t o = 0; o < overlays_.size(); ++o) any = any || (needs_record(bundle_.overlays[o]) && in_force(overlays_[o], state));
    return any;
  }

  void add_entry(const policy_ast& p, std::uint32_t entry, std::uint32_t first, const bits& state, ruleset& made, std::string& signature) {
    const auto& c = owner_->rules[entry];
    if (c.enforcement == enforcement::off) return;
    made.active.add(entry);
    for (auto t = c.terms_begin; t < c.terms_end; ++t) {
      const auto& term = owner_->terms[t];
      if (term.kind == term::kind::classifier) made.scoring.add(t);
      if (term.kind == term::kind::regex) made.regexes[term.view].add(t);
      if (term.kind == term::kind::words) made.words[term.view].add(t);
      if (term.readings != 0) made.deriving.add(t);
      for (const auto d : {direction::request, direction::response}) {
        auto& reach = made.join_reach[static_cast<std::size_t>(d)];
        if ((static_cast<unsigned>(c.direction) & static_cast<unsigned>(d)) != 0) reach = std::max(reach, term.reach());
      }
    }
    if (c.expression) made.composed.push_back(entry);
    made.role_mask = static_cast<std::uint8_t>(made.role_mask | c.role_mask);
    const auto d = static_cast<unsigned>(c.direction);
    made.asks_last_turn = made.asks_last_turn || c.last_turn_only;
    made.any_request = made.any_request || (d & 1) != 0;
    made.any_response = made.any_response || (d & 2) != 0;
    made.tags_requests = made.tags_requests || ((d & 1) != 0 && c.action == action::tag);
    made.adds = made.adds || c.action == action::append || c.action == action::require_disclaimer;
    if (c.disclaimer) made.disclaimers.push_back(c.disclaimer.get());
    made.tokenizes = made.tokenizes || c.action == action::tokenize;
    const bool recalls = c.restores && c.vault_ttl.count() > 0 && c.enforcement == enforcement::enforce;
    made.recalls = made.recalls || recalls;
    made.needs_vault = made.needs_vault || (recalls && c.needs_vault);
    signature += owner_->infos[entry].id + '\0' + p.file_sha256 + '\0' + std::string(to_string(c.enforcement));
    const auto local = entry - first;
    const bool patched = local >= p.rules.size();
    const rule& said = patched ? p.variants[local - p.rules.size()].rule : p.rules[local];
    sign_files(said.match, signature);
    for (const auto& e : said.exceptions) {
      if (e.match) sign_files(*e.match, signature);
    }
    const auto disclaimer = p.disclaimers.find(said.action.disclaimer);
    if (disclaimer != p.disclaimers.end() && disclaimer->second.present_if) sign_files(*disclaimer->second.present_if, signature);
    if (patched) {
      for (const auto& name : p.variants[local - p.rules.size()].overlays) {
        const auto o = std::ranges::find(bundle_.overlays, name, &overlay_ast::name);
        signature += '\1' + name + '\0' + (o == bundle_.overlays.end() ? "" : o->file_sha256);
      }
    }
    for (std::size_t e = 0; e < c.exceptions.size(); ++e) {
      if (!has(state, conditions_.at(c.exceptions[e].when))) continue;
      made.exceptions.emplace_back(entry, static_cast<std::uint16_t>(e));
      signature += '\0' + c.exceptions[e].id;
    }
    signature += '\n';
  }

  // Lists, macros and models stand in files of their own.
  void sign_files(const match_spec& m, std::string& signature) const {
    const auto list = m.keywords.list.empty() ? bundle_.lists.end() : bundle_.lists.find(m.keywords.list);
    if (list != bundle_.lists.end()) signature += '\2' + list->second.file_sha256;
    for (const auto& file : m.macro_files) signature += drawn + file;
    const auto model = m.kind == match_spec::kind::classifier ? std::ranges::find(bundle_.models, m.classifier.name, &model_ast::name) : bundle_.models.end();
    if (model != bundle_.models.end()) signature += drawn + model->sha256;
    for (const auto& child : m.children) sign_files(child, signature);
  }

  const bundle_ast& bundle_;
  std::shared_ptr<const program> owner_;
  diagnostics& found_;
  scope_map map_;
  std::map<scope, std::uint32_t> conditions_;
  std::vector<const scope*> scopes_;  // by condition
  std::size_t words_ = 0;
  std::vector<bits> tags_;            // by class of tags: the conditions that ask for one of it
  struct patched {
    std::set<std::uint32_t> overlays;
    std::map<std::vector<std::uint32_t>, std::uint32_t> variant_of;  // by the overlays that fit, sorted
  };
  std::map<std::pair<std::size_t, std::uint32_t>, patched> patched_;  // by policy and rule
  std::vector<placed> policies_, overlays_;
  std::vector<bits> states_;
};

scope_map scope_map::compose(const bundle_ast& bundle, const std::shared_ptr<const program>& owner, diagnostics& found) {
  return composer(bundle, owner, found).run();
}

const ruleset& scope_map::find(const context& who) const {
  std::uint32_t state = 0;
  if (!tag_steps_.empty()) {
    std::uint64_t there = 0;
    for (const auto& tag : who.tags) {
      const auto it = tag_of_.find(tag);
      if (it != tag_of_.end()) there |= 1ull << it->second;
    }
    for (std::size_t t = 0; t < tag_steps_.size(); ++t) state = tag_steps_[t].next[state * 2 + (there >> t & 1)];
  }
  for (std::size_t a = 0; a < scope_axes.size(); ++a) {
    state = axis_steps_[a].next[state * axis_steps_[a].count + class_at(a, who.*scope_axes[a].value)];
  }
  for (std::uint32_t w = 0; w < window_steps_.size(); ++w) state = window_steps_[w].next[state * 2 + (windows_.fits(w, who.minute) ? 1 : 0)];
  return *rulesets_[last_[state]];
}

bool scope_map::tells_apart(std::string context::*axis, std::string_view a, std::string_view b) const {
  const auto at = static_cast<std::size_t>(std::ranges::find(scope_axes, axis, &scope_axis::value) - scope_axes.begin());
  return class_at(at, a) != class_at(at, b);
}

}  // namespace sluice::policy
