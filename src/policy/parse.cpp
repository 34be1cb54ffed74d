// Files to a bundle: reads every document of every file that decides, and binds policies to the bundle's modules.
#include <algorithm>
#include <optional>
#include <tuple>

#include "reader.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/policy/build.hpp"

namespace sluice::policy {
namespace {

constexpr std::string_view bundle_file = "bundle.yaml";
constexpr std::size_t files_max = 10'000;
constexpr std::size_t total_bytes_max = 64u << 20;

struct gathered {
  bundle_ast& bundle;
  diagnostics& found;
  std::vector<module_use> modules;
  std::vector<list_ast> lists;
  std::optional<policy::place> bundle_place;
};

void refuse(diagnostics& found, policy::place at, std::string message, std::string advice) {
  found.push_back({.severity = severity::error,
                   .place = std::move(at),
                   .rule = {},
                   .message = std::move(message),
                   .advice = std::move(advice)});
}

void read_document(const source_file& file, const yaml_node& document, gathered& all) {
  static constexpr std::string_view kinds[] = {"Bundle", "Policy", "List"};
  static constexpr std::string_view kinds_later[] = {"Macro", "Overlay", "TestSuite"};
  reading in{.file = file.path, .found = all.found};
  if (document.kind != yaml_node::kind::mapping) {
    if (document.kind == yaml_node::kind::null) return;  // an empty document between two "---"
    in.error(document, "a document must be a mapping", "begin it with apiVersion: sluice/v1 and kind: Policy");
    return;
  }
  const yaml_node* api = document.find("apiVersion");
  if (api == nullptr || api->scalar != "sluice/v1") {
    in.error(api == nullptr ? document : *api, "apiVersion must be sluice/v1");
    return;
  }
  const yaml_node* kind = document.find("kind");
  if (kind == nullptr) {
    in.error(document, "a document needs 'kind'", "one of: Bundle, Policy, List");
    return;
  }
  const auto which = read_word(in, *kind, "kind", kinds, kinds_later);
  if (!which) return;
  if (*which == 0) {
    if (file.path != bundle_file) {
      in.error(*kind, "a Bundle may only stand in bundle.yaml at the root");
    } else if (all.bundle_place) {
      in.error(*kind, "a second Bundle", "the first stands at " + to_string(*all.bundle_place));
    } else {
      all.bundle_place = in.place_of(*kind);
      all.modules = read_bundle(in, document, all.bundle);
    }
  } else if (*which == 1) {
    all.bundle.policies.push_back(read_policy(in, document));
    all.bundle.policies.back().file_sha256 = file.sha256;
  } else {
    all.lists.push_back(read_list(in, document));
  }
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

void bind_modules(gathered& all) {
  auto& policies = all.bundle.policies;
  std::vector<std::string_view> names;
  for (const policy_ast& policy : policies) names.push_back(policy.name);
  for (const module_use& use : all.modules) {
    const auto at = std::ranges::find(policies, use.policy, &policy_ast::name);
    if (at != policies.end()) {
      at->binds.push_back(use.bind);
      continue;
    }
    const std::string_view near = nearest(use.policy, names);
    refuse(all.found, use.place, "module uses policy '" + use.policy + "', which no file defines",
           near.empty() ? "" : "did you mean '" + std::string(near) + "'?");
  }
  for (const policy_ast& policy : policies) {
    if (!policy.binds.empty() || policy.name.empty()) continue;
    refuse(all.found, policy.place, "policy '" + policy.name + "' is named by no module, so it would never act",
           "add {use: " + policy.name + ", bind: {scope: global}} to modules in bundle.yaml");
  }
}

}  // namespace

bundle_ast parse(const bundle_source& source, diagnostics& found) {
  bundle_ast out;
  if (!small_enough(source, found)) return out;
  out.version = version_of(source);
  gathered all{.bundle = out, .found = found, .modules = {}, .lists = {}, .bundle_place = {}};
  bool has_bundle_file = false;
  for (const source_file& file : source.files) {
    if (classify_file(file.path) != file_class::decides) continue;
    if (file.path.starts_with("models/")) {
      refuse(found, {.file = file.path}, "'models' is not supported by this version", "remove the file");
      continue;
    }
    has_bundle_file = has_bundle_file || file.path == bundle_file;
    for (const yaml_node& document : parse_yaml(file.path, file.bytes, {}, found)) read_document(file, document, all);
  }
  if (!has_bundle_file) {
    refuse(found, {.file = std::string(bundle_file)}, "bundle.yaml is missing at the root of the bundle",
           "it names the policies that are in force");
  } else if (!all.bundle_place && !has_errors(found)) {
    refuse(found, {.file = std::string(bundle_file)}, "bundle.yaml holds no document of kind Bundle", {});
  }
  keep_lists(all);
  sort_policies(all);
  if (all.bundle_place) bind_modules(all);
  return out;
}

}  // namespace sluice::policy
