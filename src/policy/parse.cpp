// Files to a bundle: reads every document of every file that decides, and binds policies to the bundle's modules.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "document_cache.hpp"
#include "parse_overlay.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/policy/build.hpp"

namespace sluice::policy {
namespace {

constexpr std::string_view bundle_file = "bundle.yaml";
constexpr std::size_t files_max = 10'000;
constexpr std::size_t total_bytes_max = 64u << 20;

// A document and the file it stands in. Held until the bundle is read: macros and overlays look into others.
struct held_document {
  const source_file* file;
  documents of;  // all of the file
  const yaml_node& node;
};

struct gathered {
  bundle_ast& bundle;
  diagnostics& found;
  std::vector<held_document> documents = {};
  macro_table macros = {};
  std::vector<module_use> modules = {};
  std::vector<list_ast> lists = {};
  std::vector<raw_patch> patches = {};
  std::vector<std::string> patch_overlays = {};  // by patch: the name of its overlay
  std::optional<policy::place> bundle_place = {};
  bool some_unread = false;  // a file that is no YAML: what it defines is not known
};

void refuse(diagnostics& found, policy::place at, std::string message, std::string advice) {
  found.push_back({.severity = severity::error,
                   .place = std::move(at),
                   .rule = {},
                   .message = std::move(message),
                   .advice = std::move(advice)});
}

// The kind of a document that is one; errors otherwise.
std::optional<std::size_t> kind_of(reading& in, const yaml_node& document) {
  if (document.kind != yaml_node::kind::mapping) {
    in.error(document, "a document must be a mapping", "begin it with apiVersion: sluice/v1 and kind: Policy");
    return std::nullopt;
  }
  const yaml_node* api = document.find("apiVersion");
  if (api == nullptr || api->scalar != "sluice/v1") {
    in.error(api == nullptr ? document : *api, "apiVersion must be sluice/v1");
    return std::nullopt;
  }
  const yaml_node* kind = document.find("kind");
  if (kind == nullptr) {
    in.error(document, "a document needs 'kind'", "one of: Bundle, Policy, List, Macro, Overlay, TestSuite");
    return std::nullopt;
  }
  return read_word(in, *kind, "kind", document_kinds);
}

void read_bundle_document(reading& in, const yaml_node& document, gathered& all) {
  const yaml_node& kind = *document.find("kind");
  if (in.file != bundle_file) {
    in.error(kind, "a Bundle may only stand in bundle.yaml at the root");
  } else if (all.bundle_place) {
    in.error(kind, "a second Bundle", "the first stands at " + to_string(*all.bundle_place));
  } else {
    all.bundle_place = in.place_of(kind);
    all.modules = read_bundle(in, document, all.bundle);
  }
}

enum kind_of_document : std::size_t { is_bundle, is_policy, is_list, is_macro, is_overlay, is_suite };

void read_document(const held_document& held, std::size_t kind, gathered& all) {
  reading in{.file = held.file->path, .found = all.found, .macros = &all.macros};
  switch (kind) {
    case is_bundle: read_bundle_document(in, held.node, all); break;
    case is_policy:
      all.bundle.policies.push_back(read_policy(in, held.node));
      all.bundle.policies.back().file_sha256 = held.file->sha256;
      break;
    case is_list:
      all.lists.push_back(read_list(in, held.node));
      all.lists.back().file_sha256 = held.file->sha256;
      break;
    case is_overlay: {
      auto& overlay = all.bundle.overlays.emplace_back(read_overlay(in, held.node, all.patches));
      overlay.file_sha256 = held.file->sha256;
      all.patch_overlays.resize(all.patches.size(), overlay.name);
      break;
    }
    case is_suite: all.bundle.suites.push_back(read_suite(in, held.node)); break;
    default: break;  // macros are read when a rule names them
  }
}

// Macros first, whatever file they are in; then the others in the order of files.
void read_documents(gathered& all) {
  std::vector<std::pair<const held_document*, std::size_t>> known;
  for (const held_document& held : all.documents) {
    if (held.node.kind == yaml_node::kind::null) continue;  // an empty document between two "---"
    reading in{.file = held.file->path, .found = all.found};
    const auto kind = kind_of(in, held.node);
    if (!kind) continue;
    known.emplace_back(&held, *kind);
    if (*kind != is_macro) continue;
    const yaml_node* meta = held.node.find("metadata");
    const yaml_node* name = meta == nullptr ? nullptr : meta->find("name");
    // Without a name nobody can ask for it: it is read for its errors only.
    all.macros.add(in, held.node, *held.file, name == nullptr ? "?" + to_string(in.place_of(held.node)) : name->scalar);
  }
  for (const auto& [held, kind] : known) read_document(*held, kind, all);
}

bool small_enough(const bundle_source& source, diagnostics& found) {
  std::size_t total = 0;
  for (const source_file& file : source.files) total += file.bytes.size();
  if (source.files.size() > files_max) {
    refuse(found, {},
           "the bundle has " + std::to_string(source.files.size()) + " files; at most " + std::to_string(files_max) +
               " are read",
           "split it");
  }
  if (total > total_bytes_max) {
    refuse(
        found, {},
        "the bundle has " + std::to_string(total) + " bytes; at most " + std::to_string(total_bytes_max) + " are read",
        "split it");
  }
  return !has_errors(found);
}

// Names must be unique; the error names both places.
void keep_lists(gathered& all) {
  for (list_ast& list : all.lists) {
    if (list.name.empty()) continue;
    const auto [at, fresh] = all.bundle.lists.try_emplace(list.name);
    if (fresh) {
      at->second = std::move(list);
    } else {
      refuse(all.found, list.place, "list '" + list.name + "' exists already",
             "the first stands at " + to_string(at->second.place));
    }
  }
}

void sort_policies(gathered& all) {
  auto& policies = all.bundle.policies;
  std::ranges::sort(policies, {}, [](const policy_ast& policy) {
    return std::tie(policy.name, policy.place.file, policy.place.line);
  });
  for (std::size_t i = 1; i < policies.size(); ++i) {
    if (policies[i].name.empty() || policies[i].name != policies[i - 1].name) continue;
    refuse(all.found, policies[i].place, "policy '" + policies[i].name + "' exists already",
           "the first stands at " + to_string(policies[i - 1].place));
  }
}

void sort_overlays(gathered& all) {
  const auto by_name = [&](auto& sorted, std::string_view what) {
    std::ranges::sort(sorted, {}, [](const auto& each) { return std::tie(each.name, each.place.file, each.place.line); });
    for (std::size_t i = 1; i < sorted.size(); ++i) {
      if (sorted[i].name.empty() || sorted[i].name != sorted[i - 1].name) continue;
      refuse(all.found, sorted[i].place, std::string(what) + " '" + sorted[i].name + "' exists already",
             "the first stands at " + to_string(sorted[i - 1].place));
    }
  };
  by_name(all.bundle.overlays, "overlay");
  by_name(all.bundle.suites, "test suite");
  for (const overlay_ast& overlay : all.bundle.overlays) {
    const auto same = std::ranges::find(all.bundle.policies, overlay.name, &policy_ast::name);
    if (overlay.name.empty() || same == all.bundle.policies.end()) continue;
    refuse(all.found, overlay.place, "'" + overlay.name + "' is a policy already, so a module could mean either",
           "the policy stands at " + to_string(same->place));
  }
}

// A policy or overlay that no module names would never act.
template <class Named>
void demand_bind(gathered& all, const Named& each, std::string_view what) {
  if (!each.binds.empty() || each.name.empty()) return;
  const auto told = [&](const diagnostic& other) { return to_string(other.place) == to_string(each.place) && other.message.ends_with("exists already"); };
  if (std::ranges::any_of(all.found, told)) return;  // a second of one name: which of them the module means is not known
  refuse(all.found, each.place, std::string(what) + " '" + each.name + "' is named by no module, so it would never act",
         "add {use: " + each.name + ", bind: {scope: global}} to modules in bundle.yaml");
}

void bind_modules(gathered& all) {
  auto& policies = all.bundle.policies;
  auto& overlays = all.bundle.overlays;
  std::vector<std::string_view> names;
  for (const policy_ast& policy : policies) names.push_back(policy.name);
  for (const overlay_ast& overlay : overlays) names.push_back(overlay.name);
  for (const module_use& use : all.modules) {
    const auto policy = std::ranges::find(policies, use.policy, &policy_ast::name);
    const auto overlay = std::ranges::find(overlays, use.policy, &overlay_ast::name);
    if (policy != policies.end()) {
      policy->binds.push_back(use.bind);
    } else if (overlay != overlays.end()) {
      overlay->binds.push_back(use.bind);
    } else if (!all.some_unread) {
      const std::string_view near = nearest(use.policy, names);
      refuse(all.found, use.place, "module uses policy '" + use.policy + "', which no file defines",
             near.empty() ? "" : "did you mean '" + std::string(near) + "'?");
    }
  }
  for (const policy_ast& policy : policies) demand_bind(all, policy, "policy");
  for (const overlay_ast& overlay : overlays) demand_bind(all, overlay, "overlay");
}

// Each rule of each policy beside the YAML that it was read from.
std::map<std::string, rule_source> rule_sources(gathered& all) {
  std::map<std::string, rule_source> out;
  diagnostics said_already;
  for (const held_document& held : all.documents) {
    const yaml_node* kind = held.node.find("kind");
    const yaml_node* rules = held.node.find("rules");
    if (kind == nullptr || kind->scalar != "Policy" || rules == nullptr) continue;
    const yaml_node* meta = held.node.find("metadata");
    const yaml_node* name = meta == nullptr ? nullptr : meta->find("name");
    const auto policy = std::ranges::find(all.bundle.policies, name == nullptr ? "" : name->scalar, &policy_ast::name);
    if (policy == all.bundle.policies.end()) continue;
    reading in{.file = held.file->path, .found = said_already, .macros = &all.macros};
    const rule_defaults defaults = read_defaults(in, object(in, held.node, policy_shape));
    for (const yaml_node& rule : rules->items) {
      if (const yaml_node* id = rule.find("id")) out.try_emplace(id->scalar, rule_source{&held.file->path, &rule, &*policy, defaults});
    }
  }
  return out;
}

void patch_rules(gathered& all) {
  if (all.patches.empty()) return;
  for (std::size_t i = 0; i < all.patches.size(); ++i) {
    all.patches[i].overlay = &*std::ranges::find(all.bundle.overlays, all.patch_overlays[i], &overlay_ast::name);
  }
  auto sources = rule_sources(all);
  apply_overlays({.rules = sources, .macros = all.macros, .found = all.found}, all.patches);
}

// A model belongs to a version by its bytes.
void find_models(const bundle_source& source, gathered& all) {
  std::set<std::string_view> named;
  for (model_ast& model : all.bundle.models) {
    named.insert(model.path);
    const auto at = std::ranges::find(source.files, model.path, &source_file::path);
    if (at != source.files.end()) {
      model.sha256 = at->sha256;
      model.bytes = std::make_shared<const std::string>(at->bytes);
    } else {
      refuse(all.found, model.place, "model '" + model.path + "' is not in the bundle", "put the file there, or remove the classifier");
    }
  }
  for (const source_file& file : source.files) {
    if (!file.path.starts_with("models/") || classify_file(file.path) != file_class::decides || named.contains(file.path)) continue;
    refuse(all.found, {.file = file.path}, "no classifier of bundle.yaml names this model", "add {name: …, model: " + file.path + "} to classifiers, or remove the file");
  }
}

}  // namespace

bundle_ast parse(const bundle_source& source, diagnostics& found) {
  document_cache none;
  return parse(source, found, none);
}

bundle_ast parse(const bundle_source& source, diagnostics& found, document_cache& known) {
  bundle_ast out;
  if (!small_enough(source, found)) return out;
  out.version = version_of(source);
  gathered all{.bundle = out, .found = found};
  bool has_bundle_file = false;
  for (const source_file& file : source.files) {
    if (classify_file(file.path) != file_class::decides || file.path.starts_with("models/")) continue;
    has_bundle_file = has_bundle_file || file.path == bundle_file;
    const std::size_t before = found.size();
    const auto trees = known.of(file, found);
    for (const yaml_node& document : *trees) all.documents.push_back({&file, trees, document});
    all.some_unread = all.some_unread || found.size() != before;
  }
  known.end_of_bundle();
  read_documents(all);
  find_models(source, all);
  if (!has_bundle_file) {
    refuse(found, {.file = std::string(bundle_file)}, "bundle.yaml is missing at the root of the bundle",
           "it names the policies that are in force");
  } else if (!all.bundle_place && !has_errors(found)) {
    refuse(found, {.file = std::string(bundle_file)}, "bundle.yaml holds no document of kind Bundle", {});
  }
  keep_lists(all);
  sort_policies(all);
  sort_overlays(all);
  if (all.bundle_place) bind_modules(all);
  patch_rules(all);
  all.macros.finish(found);
  return out;
}

}  // namespace sluice::policy
