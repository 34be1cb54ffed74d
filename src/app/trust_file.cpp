// See trust_file.hpp.
#include "trust_file.hpp"

#include <algorithm>

#include "config_reader.hpp"
#include "gateway_setup.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t public_key_bytes = 32;

store::trusted_key read_key(section entry) {
  store::trusted_key out;
  std::string digits, not_after;
  std::vector<std::string> roles;
  entry.text("name", out.name);
  entry.text("public_key", digits);
  entry.list("roles", roles);
  entry.text("not_after", not_after);
  if (out.name.empty()) entry.complain("name", "a trusted key has no name", "name it after whoever holds it: ci, operations");
  out.public_key = from_hex(digits).value_or("");
  if (out.public_key.size() != public_key_bytes) entry.complain("public_key", "'public_key' is not a public key: 64 digits 0-9 a-f are wanted", "sluice keygen prints the entry");
  for (const auto& word : roles) {
    const auto known = std::ranges::find(role_names, word, &role_name::name);
    if (known == std::end(role_names)) {
      entry.complain("roles", "there is no role '" + word + "'", "build (signs manifests), activate (signs activations), approve (the second key of a weaker version) or safety (signs aborts and demotions)");
    } else {
      out.roles |= static_cast<unsigned>(known->role);
    }
  }
  if (roles.empty()) entry.complain("roles", "a trusted key without a role may sign nothing", "roles: [build, activate]");
  if (!not_after.empty()) {
    if (const auto time = parse_time(not_after)) {
      out.not_after = *time;
    } else {
      entry.complain("not_after", "'not_after' " + time.error().message, "write it like 2027-12-31T00:00:00Z");
    }
  }
  entry.finish();
  return out;
}

}  // namespace

std::vector<store::trusted_key> read_trusted_keys(const std::string& file, std::string_view bytes, policy::diagnostics& found) {
  std::vector<store::trusted_key> out;
  const auto documents = policy::parse_yaml(file, bytes, {}, found);
  if (policy::has_errors(found)) return out;
  std::vector<named_path> none;
  section root(file, found, none, documents.empty() ? nullptr : &documents[0], "");
  for (auto& entry : root.items("keys")) out.push_back(read_key(entry));
  root.finish();
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (out[i].name == out[k].name || out[i].public_key == out[k].public_key) root.complain("keys", "'" + out[i].name + "' stands there twice", "give each key one entry with all its roles");
    }
  }
  if (out.empty()) root.complain("keys", "no key is trusted, so no policy could be taken", "keys: [{name: ci, public_key: …, roles: [build, activate]}]");
  return out;
}

result<store::trust> read_trust(const policy_config& from) {
  store::trust out;
  if (from.trust_file.empty()) return out;
  const auto bytes = read_file(from.trust_file, "policy.trust.keys_file");
  if (!bytes) return std::unexpected(bytes.error());
  policy::diagnostics found;
  out = {.keys = read_trusted_keys(from.trust_file, *bytes, found), .required = from.require_signature, .gate = from.require_gate, .approval = from.require_approval};
  if (policy::has_errors(found)) return fail(errc::invalid_argument, "policy.trust.keys_file:\n" + policy::to_text(found));
  return out;
}

std::string trusted_key_text(const store::trusted_key& key) {
  std::string roles;
  for (const auto& each : role_names) {
    if ((key.roles & static_cast<unsigned>(each.role)) != 0) roles += (roles.empty() ? "" : ", ") + std::string(each.name);
  }
  const auto digits = hex(key.public_key);
  return "  - {name: " + json_quoted(key.name) + ", public_key: " + digits + ", roles: [" + roles + "]" +
         (key.not_after ? ", not_after: " + rfc3339(*key.not_after) : "") + "}\n";
}

}  // namespace sluice::app
