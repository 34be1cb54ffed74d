// sluice rules: the rules of a bundle as a catalogue: whose, what they look for and do, how they read text, and the texts they promise to find.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "bundle_input.hpp"
#include "sluice/app/command.hpp"
#include "sluice/text/derived.hpp"

namespace sluice::app {
namespace {

using json = nlohmann::ordered_json;

// How a rule reads text: what each of its matches of text asks for.
struct reading {
  std::uint32_t decode = 0xffffffff;
  std::uint8_t views = 0xff;
  std::uint32_t depth = 4;
  bool folded = true, any_case = true, text = false;
};

bool ignores_case(const policy::match_spec& leaf) {
  if (leaf.kind == policy::match_spec::kind::keywords) return !leaf.keywords.case_sensitive;
  return leaf.regex.folded || leaf.regex.pattern.starts_with("(?i");
}

// Of `any`, `all` and their like only what every match of text asks for; what must not be there asks for nothing.
void add_reading(const policy::match_spec& match, reading& out) {
  using spec = policy::match_spec;
  if (match.kind == spec::kind::negation || match.kind == spec::kind::classifier) return;
  if (match.kind == spec::kind::any || match.kind == spec::kind::all) {
    for (const auto& child : match.children) add_reading(child, out);
    return;
  }
  out.text = true;
  out.decode &= match.decode;
  out.views &= match.views;
  out.depth = std::min(out.depth, match.decode_depth);
  out.folded = out.folded && (match.kind == spec::kind::keywords ? match.keywords.fold : match.regex.folded);
  out.any_case = out.any_case && ignores_case(match);
}

json reading_of(const policy::match_spec& match) {
  reading how;
  add_reading(match, how);
  json normalize = json::array(), decode = json::array();
  if (how.text) {
    normalize = {"nfkc", "strip_zero_width"};
    if (how.folded) normalize.push_back("confusables");
    if ((how.views & static_cast<unsigned>(policy::extra_view::spaced)) != 0) normalize.push_back("collapse_space");
    if ((how.views & static_cast<unsigned>(policy::extra_view::leet)) != 0) normalize.push_back("leet");
    if ((how.views & static_cast<unsigned>(policy::extra_view::marks)) != 0) normalize.push_back("strip_marks");
    text::each_reading(how.decode, [&](std::string_view name) { decode.push_back(name); });
  }
  return {{"case", how.text && how.any_case ? "insensitive" : "sensitive"}, {"normalize", normalize}, {"decode", decode}, {"max_depth", decode.empty() ? 0 : how.depth}};
}

json messages_of(const policy::test_spec& test) {
  json out = json::array();
  const auto add = [&](policy::role who, policy::part_kind part, const std::string& text) {
    out.push_back({{"role", policy::to_string(who)}, {"part", policy::to_string(part)}, {"content", text}});
  };
  for (const auto& each : test.messages) add(each.who, each.part, each.content);
  if (test.request) add(policy::role::user, test.part.value_or(policy::part_kind::text), *test.request);
  if (test.response) add(policy::role::assistant, test.part.value_or(policy::part_kind::text), *test.response);
  return out;
}

bool finds(const policy::rule& of, const policy::test_spec& test) {
  const auto names = [&](const std::vector<std::string>& ids) { return std::ranges::find(ids, of.id) != ids.end(); };
  return (test.expect.rules && names(*test.expect.rules)) || names(test.expect.rules_any) || names(test.expect.shadow);
}

json tests_of(const policy::rule& of) {
  json out = json::array();
  for (const policy::test_spec& test : of.tests) {
    out.push_back({{"name", test.name},
                   {"direction", test.response ? "response" : "request"},
                   {"found", finds(of, test)},
                   {"given", !test.given.empty()},
                   {"messages", messages_of(test)}});
  }
  return out;
}

template <class Values>
json words(const Values& values) {
  json out = json::array();
  for (const auto each : values) out.push_back(policy::to_string(each));
  return out;
}

void print_json(const policy::bundle_ast& bundle) {
  json rules = json::array();
  for (const policy::policy_ast& owner : bundle.policies) {
    for (const policy::rule& each : owner.rules) {
      rules.push_back({{"rule", each.id},
                       {"policy", owner.name},
                       {"owner", owner.owner},
                       {"title", each.title},
                       {"severity", each.severity},
                       {"category", each.category},
                       {"place", to_string(each.place)},
                       {"enforcement", policy::to_string(each.enforcement)},
                       {"direction", policy::to_string(each.direction)},
                       {"roles", words(each.where.roles)},
                       {"parts", words(each.where.parts)},
                       {"last_turn", each.where.last_turn_only},
                       {"action", policy::to_string(each.action.type)},
                       {"reads", reading_of(each.match)},
                       {"falsepositives", each.falsepositives},
                       {"references", each.references},
                       {"tests", tests_of(each)}});
    }
  }
  std::cout << json{{"version", bundle.version}, {"rules", rules}}.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

void print_text(const policy::bundle_ast& bundle) {
  std::vector<std::vector<std::string>> rows = {{"RULE", "POLICY", "OWNER", "ENFORCEMENT", "DIRECTION", "ACTION", "SEVERITY", "TITLE"}};
  for (const policy::policy_ast& owner : bundle.policies) {
    for (const policy::rule& each : owner.rules) {
      rows.push_back({each.id, owner.name, owner.owner, std::string(policy::to_string(each.enforcement)), std::string(policy::to_string(each.direction)),
                      std::string(policy::to_string(each.action.type)), each.severity, each.title});
    }
  }
  std::cout << table(rows);
}

}  // namespace

void add_rules(CLI::App& root, invocation& call) {
  CLI::App* command = root.add_subcommand("rules", "List the rules of a bundle: whose they are, what they do, how they read text");
  const auto path = std::make_shared<std::string>();
  const auto day = std::make_shared<std::string>();
  command->add_option("BUNDLE", *path, "the folder that holds bundle.yaml")->required();
  command->add_option("--now", *day, "take this day for today (expiry of exceptions), as 2026-12-31")->check(CLI::Validator(check_day, ""));
  add_json(*command, call);
  command->footer("Example:\n  sluice rules policies\n  sluice rules policies --json | jq -r '.rules[] | select(.owner == \"privacy\") | .rule'");
  command->callback([path, day, &call] {
    bundle_compiler compiler = make_bundle_compiler();
    const auto input = need_bundle(*path, *day, compiler);
    call.exit_code = input ? 0 : 1;
    if (!input) return;
    call.json ? print_json(input->report.bundle) : print_text(input->report.bundle);
  });
}

}  // namespace sluice::app
