// See tokens.hpp.
#include "sluice/policy/tokens.hpp"

#include <algorithm>

#include "program.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::policy {
namespace {

constexpr std::string_view alphabet = "bcdfghjkmnpqrstv";  // 4 bits each
constexpr std::size_t letters_step = 4, letters_max = 64;
constexpr std::string_view place_of_n = "{n}";

std::string_view bytes_of(const crypto::digest& d) { return {reinterpret_cast<const char*>(d.data()), d.size()}; }

// Each field is led by its length, so that no two sets of fields read alike.
void add_field(std::string& to, std::string_view field) {
  to += std::to_string(field.size()) + ':';
  to += field;
}

std::string filled(std::string_view token_template, std::string_view n) {
  const auto at = token_template.find(place_of_n);
  std::string out(token_template.substr(0, at));
  out += n;
  if (at != std::string_view::npos) out += token_template.substr(at + place_of_n.size());
  return out;
}

}  // namespace

struct token_map::impl {
  std::string key;  // of this conversation; empty: `{n}` is counted
  std::size_t letters = 0;
  std::map<std::string, std::string, std::less<>> made;          // token → value
  std::map<std::string, original, std::less<>> originals;        // of those that may be put back
  std::vector<std::size_t> sizes;                                // of their tokens
  std::string begins;                                            // bytes with which they begin
  std::map<std::string, std::string, std::less<>> counted;       // template and value → token
  std::map<std::string, std::uint32_t, std::less<>> last_number; // by template

  std::string next_number(std::string_view token_template, std::string_view value) {
    std::string both;
    add_field(both, token_template);
    both += value;
    if (const auto known = counted.find(both); known != counted.end()) return known->second;
    auto& last = last_number.try_emplace(std::string(token_template), 0).first->second;
    auto token = filled(token_template, std::to_string(++last));
    if (counted.size() < entries_max) counted.emplace(std::move(both), token);
    return token;
  }

  // Where the short hash is another value's already it grows: two values never share a token.
  std::string hashed(std::string_view token_template, std::string_view value) const {
    std::string both;
    add_field(both, token_template);
    both += value;
    std::string spelled;
    for (const auto byte : crypto::hmac_sha256(key, both)) {
      spelled += alphabet[byte >> 4];
      spelled += alphabet[byte & 15];
    }
    for (auto size = letters;; size += letters_step) {
      auto token = filled(token_template, std::string_view(spelled).substr(0, size));
      const auto other = made.find(token);
      if (other == made.end() || other->second == value || size >= letters_max) return token;
    }
  }

  void put_back(const std::string& token, std::string_view value, milliseconds vault_ttl) {
    if (token.empty() || originals.size() >= entries_max) return;
    const auto [at, fresh] = originals.try_emplace(token, original{std::string(value), vault_ttl});
    if (!fresh) {
      at->second.vault_ttl = std::max(at->second.vault_ttl, vault_ttl);
      return;
    }
    if (std::ranges::find(sizes, token.size()) == sizes.end()) {
      sizes.push_back(token.size());
      std::ranges::sort(sizes, std::ranges::greater());
    }
    if (begins.find(token.front()) == std::string::npos) begins += token.front();
  }
};

token_map::token_map() : impl_(std::make_unique<impl>()) {}

token_map::token_map(std::string_view key, const context& who, std::string_view caller, std::size_t letters) : impl_(std::make_unique<impl>()) {
  std::string owner;
  add_field(owner, who.tenant);
  owner += !who.conversation.empty() ? 'c' : !who.user.empty() ? 'u' : 'k';
  add_field(owner, !who.conversation.empty() ? std::string_view(who.conversation) : !who.user.empty() ? std::string_view(who.user) : caller);
  impl_->letters = letters;
  impl_->key = bytes_of(crypto::hmac_sha256(key, owner));
}

token_map::~token_map() = default;

std::string token_map::token_of(std::string_view token_template, std::string_view value, bool restore, milliseconds vault_ttl) {
  auto& x = *impl_;
  auto token = x.key.empty() ? x.next_number(token_template, value) : x.hashed(token_template, value);
  if (x.made.size() < entries_max) x.made.try_emplace(token, value);
  // Of a value that found no room it is not known whether its token is its own.
  const auto own = x.made.find(token);
  if (restore && own != x.made.end() && own->second == value) x.put_back(token, value, vault_ttl);
  return token;
}

void token_map::recall(std::string_view token, std::string_view value) {
  if (!impl_->made.contains(token)) impl_->put_back(std::string(token), value, milliseconds(0));
}

bool token_map::restores() const { return !impl_->originals.empty(); }
const std::map<std::string, token_map::original, std::less<>>& token_map::originals() const { return impl_->originals; }

std::size_t token_map::next_begin(std::string_view text, std::size_t from) const {
  const auto at = text.find_first_of(impl_->begins, from);
  return at == std::string_view::npos ? text.size() : at;
}

token_map::found token_map::at_begin(std::string_view text) const {
  const auto& all = impl_->originals;
  found out;
  for (const auto size : impl_->sizes) {
    if (size > text.size()) continue;
    const auto at = all.find(text.substr(0, size));
    if (at == all.end()) continue;
    out.size = size;
    out.value = &at->second.value;
    break;
  }
  const auto next = all.upper_bound(text);
  out.open = next != all.end() && next->first.size() > text.size() && next->first.starts_with(text);
  return out;
}

std::vector<kept_value> token_map::for_vault() const {
  std::vector<kept_value> out;
  for (const auto& [token, of] : impl_->originals) {
    if (of.vault_ttl.count() > 0) out.push_back({.token = token, .value = of.value, .ttl = of.vault_ttl});
  }
  return out;
}

bool tokenizes(const ruleset& rules) { return rules.tokenizes; }
bool recalls_values(const ruleset& rules) { return rules.recalls; }
bool needs_vault(const ruleset& rules) { return rules.needs_vault; }

}  // namespace sluice::policy
