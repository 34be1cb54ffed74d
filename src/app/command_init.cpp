// sluice init and sluice new: folders and files to begin with. Nothing that is there is written over.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "scaffold.hpp"
#include "sluice/app/command.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/store/directory.hpp"

namespace sluice::app {
namespace {

namespace fs = std::filesystem;

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 100 && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string::npos;
}

bool write(const fs::path& path, const std::string& content) {
  std::error_code failed;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), failed);
  std::ofstream out(path, std::ios::binary);
  out << content;
  out.close();
  if (!failed && out) return true;
  complain(path.string() + " cannot be written", "may this user write there?");
  return false;
}

std::string name_of_folder(const fs::path& folder) {
  std::string name = fs::absolute(folder).lexically_normal().filename().string();
  if (name.empty()) name = fs::absolute(folder).lexically_normal().parent_path().filename().string();
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return is_name(name) ? name : "policies";
}

int init(const std::string& folder) {
  std::error_code failed;
  if (folder.empty()) {
    complain("a bundle needs a folder, and the name given is empty", "sluice init DIR");
    return 2;
  }
  if (fs::exists(folder, failed) && (!fs::is_directory(folder, failed) || !fs::is_empty(folder, failed))) {
    complain(folder + " is there already and not empty", "name a new folder; sluice new policy NAME --in " + folder + " adds to a bundle");
    return 1;
  }
  for (const auto& [path, content] : scaffold::bundle(name_of_folder(folder))) {
    if (!write(fs::path(folder) / path, content)) return 1;
  }
  std::cout << "made " << folder << " with one policy and one golden set\n  sluice check " << folder << "\n  sluice test " << folder << '\n';
  return 0;
}

int add_file(const std::string& folder, const std::string& name, const std::string& content, const std::string& next) {
  const auto path = fs::path(folder) / (name + ".yaml");
  if (fs::exists(path)) {
    complain(path.string() + " is there already", "choose another name");
    return 1;
  }
  if (!write(path, content)) return 1;
  std::cout << "wrote " << path.string() << '\n' << next;
  return 0;
}

// Where the bundle has a rule of that id; empty: nowhere, as far as it can be read.
std::string place_of_rule(const std::string& folder, const std::string& id) {
  const auto source = store::load_directory(folder, {});
  if (!source) return {};
  policy::diagnostics unused;
  const auto bundle = policy::parse(*source, unused);
  for (const auto& owner : bundle.policies) {
    const auto at = std::ranges::find(owner.rules, id, &policy::rule::id);
    if (at != owner.rules.end()) return policy::to_string(at->place);
  }
  return {};
}

struct options {
  std::string kind, name, folder = ".";
};

int add_new(const options& asked) {
  if (!is_name(asked.name)) {
    complain("'" + asked.name + "' is no name", "use a-z, 0-9, '-' and '_'");
    return 2;
  }
  if (!fs::exists(fs::path(asked.folder) / "bundle.yaml")) {
    complain(asked.folder + " holds no bundle.yaml", "name the bundle with --in DIR, or make one with sluice init DIR");
    return 1;
  }
  if (asked.kind == "policy") {
    return add_file(asked.folder, asked.name, scaffold::policy(asked.name, asked.name),
                    "it acts once bundle.yaml names it; below 'modules', add:\n  - {use: " + asked.name + ", bind: {scope: global}}\n");
  }
  if (asked.kind == "list") {
    return add_file(asked.folder, asked.name, scaffold::list(asked.name), "a rule uses it with:\n    match: {list: " + asked.name + "}\n");
  }
  if (const auto at = place_of_rule(asked.folder, asked.name); !at.empty()) {
    complain("rule '" + asked.name + "' exists already, at " + at, "ids are unique in a bundle; choose another");
    return 1;
  }
  std::cout << scaffold::rule(asked.name, asked.name);
  std::cerr << "put this below 'rules:' of a policy\n";
  return 0;
}

}  // namespace

void add_init(CLI::App& root, invocation& call) {
  CLI::App* command = root.add_subcommand("init", "Make a folder of policies to begin with");
  const auto folder = std::make_shared<std::string>();
  command->add_option("DIR", *folder, "the folder to make")->required();
  command->footer("Example:\n  sluice init policies && sluice check policies");
  command->callback([folder, &call] { call.exit_code = init(*folder); });
}

void add_new(CLI::App& root, invocation& call) {
  CLI::App* command = root.add_subcommand("new", "Write a policy, a rule or a list to begin with");
  command->require_subcommand(1);
  const std::pair<const char*, const char*> kinds[] = {{"policy", "Write NAME.yaml with a policy of one rule"},
                                                       {"rule", "Print a rule, to be put into a policy"},
                                                       {"list", "Write NAME.yaml with a list of words"}};
  for (const auto& [kind, about] : kinds) {
    CLI::App* each = command->add_subcommand(kind, about);
    const auto asked = std::make_shared<options>();
    asked->kind = kind;
    each->add_option("NAME", asked->name, "its name, or the rule's id")->required();
    each->add_option("--in", asked->folder, "the folder that holds bundle.yaml; here by default");
    each->footer(std::string("Example:\n  sluice new ") + kind + " tone-of-voice --in policies");
    each->callback([asked, &call] { call.exit_code = add_new(*asked); });
  }
  command->footer("Example:\n  sluice new policy tone-of-voice --in policies");
}

}  // namespace sluice::app
