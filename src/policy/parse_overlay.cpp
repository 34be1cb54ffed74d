// Overlays: patches written into copies of the rules that they name. A patched rule is read like any other, so a patch cannot say
// what a rule could not; what is wrong with it is shown where the patch stands.
#include "parse_overlay.hpp"

#include <algorithm>

#include "sluice/base/strings.hpp"
#include "time_windows.hpp"

namespace sluice::policy {
namespace {

constexpr std::size_t patches_max = 6;  // of one rule: each set of them that may fit together is a rule of its own

constexpr std::string_view fixed[] = {"id", "tests", "relaxable"};

// The place of a dotted field in a rule's tables; null, with an error at `at`, when there is none.
const field* field_at(reading& in, const yaml_node& at, std::string_view path) {
  const shape* in_shape = &rule_shape;
  while (true) {
    const std::size_t dot = path.find('.');
    const std::string_view part = path.substr(0, dot);
    std::vector<std::string_view> known;
    for (const field& each : in_shape->fields) {
      if (each.holds != holds::refused) known.push_back(each.key);
    }
    const field* found = find_field(*in_shape, part);
    if (found == nullptr || found->holds == holds::refused) {
      const std::string_view near = nearest(part, known);
      in.error(at, "'" + clipped(at.scalar, 80) + "' is no field of a rule", near.empty() ? "" : "did you mean '" + std::string(near) + "'?");
      return nullptr;
    }
    if (dot == std::string_view::npos) return found;
    if (found->of == nullptr || found->holds != holds::mapping) {
      in.error(at, "'" + std::string(part) + "' has no fields of its own", "replace it as a whole");
      return nullptr;
    }
    in_shape = found->of;
    path.remove_prefix(dot + 1);
  }
}

bool is_list(const field& of) {
  return of.holds == holds::texts || of.holds == holds::text_list || of.holds == holds::word_list || of.holds == holds::mappings;
}

// What `override` names, checked against the tables.
void read_fields(reading& in, const object& from, std::string_view how, std::vector<patch_field>& out) {
  const yaml_node* node = from.get(how);
  if (node == nullptr) return;
  if (node->kind != yaml_node::kind::mapping) {
    in.error(*node, "'" + std::string(how) + "' must be a mapping from fields to values", "write {action.mask: \"[X]\"}");
    return;
  }
  for (const auto& [key, value] : node->members) {
    const field* of = field_at(in, key, key.scalar);
    if (of == nullptr) continue;
    if (std::ranges::find(fixed, key.scalar) != std::end(fixed)) {
      in.error(key, "'" + key.scalar + "' cannot be changed by an overlay", "change it in the rule itself");
    } else if (how == "append" && !is_list(*of)) {
      in.error(key, "'" + key.scalar + "' is no list, so nothing can be appended to it", "use replace");
    } else if (how == "append" && value.kind != yaml_node::kind::sequence) {
      in.error(value, "what is appended must be a list");
    } else {
      out.push_back({.key = &key, .value = &value, .append = how == "append"});
    }
  }
}

bool overlaps(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  return b.starts_with(a) && (a.size() == b.size() || b[a.size()] == '.');
}

void mark(yaml_node& node, const std::string* file) {
  node.file = file;
  for (yaml_node& item : node.items) mark(item, file);
  for (auto& [key, value] : node.members) {
    mark(key, file);
    mark(value, file);
  }
}

yaml_node copied(const yaml_node& from, const std::string* file) {
  yaml_node out = from;
  mark(out, file);
  return out;
}

yaml_node* member(yaml_node& in, std::string_view key) {
  for (auto& [name, value] : in.members) {
    if (name.scalar == key) return &value;
  }
  return nullptr;
}

// The value of the field, made when it is not there.
yaml_node& value_at(yaml_node& rule, const yaml_node& key, const std::string* file) {
  std::string_view path = key.scalar;
  yaml_node* at = &rule;
  while (true) {
    const std::size_t dot = path.find('.');
    const std::string_view part = path.substr(0, dot);
    yaml_node* next = member(*at, part);
    if (next == nullptr) {
      yaml_node name = copied(key, file);
      name.scalar = part;
      yaml_node value;
      value.line = key.line;
      value.column = key.column;
      value.file = file;
      if (dot != std::string_view::npos) value.kind = yaml_node::kind::mapping;
      at->members.push_back({.first = std::move(name), .second = std::move(value)});
      next = &at->members.back().second;
    }
    if (dot == std::string_view::npos) return *next;
    at = next;
    path.remove_prefix(dot + 1);
  }
}

void apply(yaml_node& rule, const raw_patch& patch) {
  for (const patch_field& change : patch.fields) {
    yaml_node& value = value_at(rule, *change.key, patch.file);
    if (!change.append) {
      value = copied(*change.value, patch.file);
      continue;
    }
    if (value.kind == yaml_node::kind::scalar) {
      yaml_node one = value;
      value.items = {std::move(one)};
    }
    value.kind = yaml_node::kind::sequence;
    for (const yaml_node& item : change.value->items) value.items.push_back(copied(item, patch.file));
  }
}

bool axis_meets(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return a.empty() || b.empty() || std::ranges::any_of(a, [&](const std::string& value) { return std::ranges::find(b, value) != b.end(); });
}

bool overlays_meet(const overlay_ast& a, const overlay_ast& b) {
  if (!scopes_meet(a.scope, b.scope)) return false;
  return std::ranges::any_of(a.binds, [&](const scope& one) {
    return scopes_meet(one, a.scope) && scopes_meet(one, b.scope) &&
           std::ranges::any_of(b.binds, [&](const scope& other) { return scopes_meet(one, other); });
  });
}

// Two overlays that fit at once must change different things: no order decides between them.
bool conflict(const patching& all, const raw_patch& a, const raw_patch& b) {
  for (const patch_field& one : a.fields) {
    for (const patch_field& other : b.fields) {
      if (!overlaps(one.key->scalar, other.key->scalar) || (one.append && other.append && one.key->scalar == other.key->scalar)) continue;
      reading in{.file = *b.file, .found = all.found, .rule = a.rule};
      in.error(*other.key, "overlay '" + b.overlay->name + "' and overlay '" + a.overlay->name + "' both change '" + one.key->scalar + "' of rule '" + a.rule + "' and may fit at once",
               "the other stands at " + *a.file + ":" + std::to_string(one.key->line) + "; bind them to different places, or say it in one of them");
      return true;
    }
  }
  return false;
}

std::vector<std::string> changed_by(const raw_patch& patch) {
  std::vector<std::string> out;
  for (const patch_field& each : patch.fields) out.push_back(each.key->scalar);
  return out;
}

bool has_error(const diagnostics& found, const std::string& rule) {
  return std::ranges::any_of(found, [&](const diagnostic& d) { return d.severity == severity::error && d.rule == rule; });
}

// Reads the rule with a set of patches; false when that gave errors.
bool add_variant(const patching& all, const rule_source& source, std::uint32_t base, const std::vector<const raw_patch*>& patches) {
  yaml_node node = *source.node;
  std::erase_if(node.members, [](const yaml_member& m) { return m.first.scalar == "tests"; });
  rule_variant variant{.base = base, .overlays = {}, .patches = {}, .rule = {}};
  for (const raw_patch* patch : patches) {
    apply(node, *patch);
    variant.overlays.push_back(patch->overlay->name);
    variant.patches.push_back({.rule = patch->rule, .changed = changed_by(*patch), .place = patch->place});
  }
  diagnostics fresh;
  reading in{.file = *source.file, .found = fresh, .macros = &all.macros};
  variant.rule = read_rule(in, node, source.defaults);
  check_disclaimer(in, node, variant.rule, *source.policy);
  for (diagnostic& each : fresh) {
    const bool known = std::ranges::any_of(all.found, [&](const diagnostic& d) { return to_text(d) == to_text(each); });
    if (!known) all.found.push_back(each);
  }
  if (has_errors(fresh)) return false;
  source.policy->variants.push_back(std::move(variant));
  return true;
}

void patch_rule(const patching& all, const rule_source& source, std::vector<const raw_patch*> patches) {
  std::ranges::sort(patches, {}, [](const raw_patch* p) { return std::tie(p->overlay->name, p->place.file, p->place.line); });
  if (patches.size() > patches_max) {
    reading in{.file = *source.file, .found = all.found};
    in.error(*source.node, "more than " + std::to_string(patches_max) + " overlays patch rule '" + patches[0]->rule + "'", "join some of them");
    return;
  }
  std::uint32_t meets[patches_max] = {};  // by patch: those before it that may be in force at once
  bool good = true;
  for (std::size_t b = 0; b < patches.size(); ++b) {
    for (std::size_t a = 0; a < b; ++a) {
      const bool same = patches[a]->overlay == patches[b]->overlay;
      if (!same && !overlays_meet(*patches[a]->overlay, *patches[b]->overlay)) continue;
      meets[b] |= 1u << a;
      good = good && !conflict(all, *patches[a], *patches[b]);
    }
  }
  if (!good) return;
  const auto& rules = source.policy->rules;
  const auto base = static_cast<std::uint32_t>(std::ranges::find(rules, patches[0]->rule, &rule::id) - rules.begin());
  for (std::uint32_t set = 1; set < 1u << patches.size(); ++set) {
    std::vector<const raw_patch*> chosen;
    bool possible = true;
    for (std::size_t i = 0; i < patches.size(); ++i) {
      if ((set >> i & 1) == 0) continue;
      possible = possible && (set & ((1u << i) - 1) & ~meets[i]) == 0;
      chosen.push_back(patches[i]);
    }
    if (possible && !add_variant(all, source, base, chosen)) return;
  }
}

}  // namespace

bool scopes_meet(const scope& a, const scope& b) {
  return std::ranges::all_of(scope_axes, [&](const scope_axis& axis) { return axis_meets(a.*axis.allowed, b.*axis.allowed); }) &&
         (!a.time || !b.time || common_minute(*a.time, *b.time));
}

overlay_ast read_overlay(reading& in, const yaml_node& document, std::vector<raw_patch>& patches) {
  overlay_ast out;
  const object from(in, document, overlay_shape);
  const metadata meta = read_metadata(in, from);
  out.name = meta.name;
  out.owner = meta.owner;
  out.title = meta.title;
  out.place = meta.place;
  if (const yaml_node* scope_node = from.get("scope")) out.scope = read_scope(in, *scope_node, "scope");
  out.audit = read_audit(in, from);
  from.each("patches", [&](const yaml_node& item) {
    const object fields(in, item, patch_shape);
    raw_patch patch{.overlay = nullptr, .file = &in.file, .at = &item, .rule = fields.name("rule"), .fields = {}, .place = in.place_of(item)};
    const yaml_node* override_node = fields.get("override");
    if (override_node == nullptr || patch.rule.empty()) return;
    const object how(in, *override_node, override_shape);
    read_fields(in, how, "replace", patch.fields);
    read_fields(in, how, "append", patch.fields);
    for (std::size_t i = 0; i < patch.fields.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (!overlaps(patch.fields[i].key->scalar, patch.fields[j].key->scalar)) continue;
        in.error(*patch.fields[i].key, "'" + patch.fields[i].key->scalar + "' is named twice in one patch", "replace it, or append to it");
      }
    }
    if (patch.fields.empty() && how.valid() && override_node->members.empty()) in.error(*override_node, "the patch changes nothing", "write replace: {…} or append: {…}");
    const auto same = [&](const overlay_patch& p) { return p.rule == patch.rule; };
    if (std::ranges::any_of(out.patches, same)) in.error(item, "rule '" + patch.rule + "' is patched twice by one overlay", "join the two patches");
    out.patches.push_back({.rule = patch.rule, .changed = changed_by(patch), .place = patch.place});
    patches.push_back(std::move(patch));
  });
  return out;
}

void apply_overlays(const patching& all, const std::vector<raw_patch>& patches) {
  std::map<std::string_view, std::vector<const raw_patch*>> by_rule;
  for (const raw_patch& patch : patches) by_rule[patch.rule].push_back(&patch);
  std::vector<std::string_view> names;
  for (const auto& [id, source] : all.rules) names.push_back(id);
  // Of them a rule that is not there may be: files that could not be read as a whole.
  std::vector<std::string> unread;
  for (const diagnostic& each : all.found) {
    if (each.severity == severity::error && each.rule.empty() && each.place.file != "bundle.yaml") unread.push_back(each.place.file);
  }
  for (const auto& [id, of_rule] : by_rule) {
    const auto source = all.rules.find(std::string(id));
    if (source != all.rules.end()) {
      if (!has_error(all.found, source->first)) patch_rule(all, source->second, of_rule);
      continue;
    }
    const std::string_view near = nearest(id, names);
    for (const raw_patch* patch : of_rule) {
      if (std::ranges::any_of(unread, [&](const std::string& file) { return file != *patch->file; })) continue;
      reading in{.file = *patch->file, .found = all.found};
      const yaml_node* at = patch->at->find("rule");
      in.error(*at, "overlay '" + patch->overlay->name + "' patches rule '" + std::string(id) + "', which no policy has",
               near.empty() ? "" : "did you mean '" + std::string(near) + "'?");
    }
  }
}

}  // namespace sluice::policy
