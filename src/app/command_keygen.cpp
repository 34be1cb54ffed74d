// sluice keygen: a key that signs what is pushed, and the line that makes nodes trust it.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <nlohmann/json.hpp>

#include "gateway_setup.hpp"
#include "sluice/app/command.hpp"
#include "sluice/base/durable_file.hpp"
#include "sluice/base/strings.hpp"
#include "trust_file.hpp"

namespace sluice::app {
namespace {

struct keygen_options {
  std::string file, name, trust_file;
  std::vector<std::string> roles;
  unsigned days = 0;
};

// A new file that its owner alone may read; one that is there already is never written over.
bool write_private(const std::string& file, const std::string& text) {
  const auto written = write_file(file, text, {.start = file_start::fresh, .named = true});
  if (!written) complain("cannot make the key: " + written.error().message, written.error().code == errc::conflict ? "a key is never written over: name another file" : "");
  return written.has_value();
}

// The file of trusted keys with one more. A file that has a mistake is left as it is.
std::optional<std::string> with_entry(const std::string& file, const store::trusted_key& entry) {
  std::error_code failed;
  std::string bytes = std::filesystem::exists(file, failed) ? "" : "keys:\n";
  if (bytes.empty()) {
    auto read = read_file(file, "--trust-file");
    if (!read) return complain(read.error().message), std::nullopt;
    bytes = std::move(*read);
    if (!bytes.empty() && !bytes.ends_with('\n')) bytes += '\n';
  }
  policy::diagnostics found;
  const auto there = read_trusted_keys(file, bytes, found);
  if (std::ranges::find(there, entry.name, &store::trusted_key::name) != there.end()) {
    complain(file + " has a key of the name '" + entry.name + "' already, and names tell keys apart; nothing was written", "another --name; where the new key is to take the place of the old one, take that entry out first");
    return std::nullopt;
  }
  found = {};
  bytes += trusted_key_text(entry);
  (void)read_trusted_keys(file, bytes, found);
  if (!policy::has_errors(found)) return bytes;
  complain(file + " would not be right with this key:\n" + policy::to_text(found), "its list 'keys' must stand last in the file; add the entry by hand");
  return std::nullopt;
}

int keygen(const keygen_options& options, bool json) {
  const auto key = crypto::signing_key::generate();
  store::trusted_key entry{.name = options.name, .public_key = key.public_key(), .roles = 0, .not_after = {}};
  for (const auto& word : options.roles) {
    for (const auto& each : role_names) entry.roles |= each.name == word ? static_cast<unsigned>(each.role) : 0U;
  }
  if (options.days > 0) entry.not_after = now().wall + std::chrono::days(options.days);
  const auto trusted = options.trust_file.empty() ? std::optional(std::string()) : with_entry(options.trust_file, entry);
  if (!trusted || !write_private(options.file, key.to_pem())) return 1;
  if (!options.trust_file.empty()) {
    if (auto kept = replace_file(options.trust_file, *trusted); !kept) return complain(kept.error().message), 1;
  }
  if (json) {
    const auto digits = hex(entry.public_key);
    std::cout << nlohmann::ordered_json{{"file", options.file}, {"id", crypto::key_id(entry.public_key)}, {"public_key", digits}, {"trusted_keys_entry", trusted_key_text(entry)}}.dump(2) << '\n';
  } else {
    std::cout << "# " << options.file << " holds the private key " << crypto::key_id(entry.public_key) << ": keep it where only '" << options.name << "' can read it.\n";
    if (!options.trust_file.empty()) std::cout << "# Nodes that read " << options.trust_file << " (policy.trust.keys_file) trust it by this entry:\n" << trusted_key_text(entry);
    else std::cout << "# Nodes trust it by this entry in the file that policy.trust.keys_file names:\nkeys:\n" << trusted_key_text(entry);
  }
  return 0;
}

constexpr unsigned days_max = 36'500;

std::string check_days(const std::string& text) {
  unsigned days = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), days);
  const bool fine = read.ec == std::errc{} && read.ptr == text.data() + text.size() && days >= 1 && days <= days_max;
  return fine ? std::string() : "takes 1 to " + std::to_string(days_max) + " days, not '" + text + "'; a key without an end is made without it";
}

}  // namespace

void add_keygen(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("keygen", "Make a key that signs what is pushed");
  auto options = std::make_shared<keygen_options>();
  command->add_option("file", options->file, "Where the private key goes (PEM, Ed25519)")->required();
  command->add_option("--name", options->name, "Who holds it, for messages: ci, operations")->required();
  command->add_option("--role", options->roles, "What it may sign: build, activate, approve, safety; several with commas")
      ->delimiter(',')->default_val(std::vector<std::string>{"build", "activate"})->check(CLI::IsMember({"build", "activate", "approve", "safety"}));
  command->add_option("--days", options->days, "After how many days it expires, 1 to 36500; without it the key has no end")->check(CLI::Validator(check_days, ""));
  command->add_option("--trust-file", options->trust_file, "Adds the entry to this file of trusted keys, and makes it when it is not there");
  add_json(*command, call);
  command->footer("Example:\n  sluice keygen ci.pem --name ci --role build,activate --days 365 --trust-file trusted_keys.yaml\n"
                  "  sluice push policies --redis redis://127.0.0.1:6379 --ring prod --key ci.pem");
  command->callback([options, &call] { call.exit_code = keygen(*options, call.json); });
}

}  // namespace sluice::app
