// What stands for values that a rule tokenizes, and the way back. A map belongs to one exchange: it is filled while the request is
// judged, from the values that the request carries, and forgotten with the exchange. Nothing of it is ever logged.
//
// In traffic `{n}` is a keyed hash of the value within the tenant and its conversation (else its user, else its caller): the same
// value of one conversation has the same token at every turn and on every node of one key, and two conversations share none. It is
// made of letters without vowels, so that no rule about numbers or words finds it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/types.hpp"

namespace sluice::policy {

// What the vault (store/vault.hpp) is told and asked of one conversation, in one question: values that later requests may not repeat, and
// what earlier ones said. Only conversations with a name have one, so that no two callers ever share it.
struct kept_value {
  std::string token, value;
  milliseconds ttl{0};
};
struct vault_question {
  std::string tenant, conversation;
  std::vector<kept_value> keep;
};
struct vault_answer {
  bool available = false;          // false: not all of it was kept, or not all of it is known
  std::vector<kept_value> values;  // of earlier requests; `ttl`: what is left of it
};

class token_map {
 public:
  // Entries of one exchange. Past it values still become tokens, which stay tokens in the answer.
  static constexpr std::size_t entries_max = 65'536;

  struct original {
    std::string value;
    milliseconds vault_ttl{0};  // 0: not for the vault
  };

  token_map();  // `{n}` counts from 1 for each template: tests, golden sets, explanations
  // `letters`: of the hash, four bits each; where two values of a conversation would share a token, one of them gets more.
  token_map(std::string_view key, const context& who, std::string_view caller, std::size_t letters = 12);
  ~token_map();
  token_map(const token_map&) = delete;
  token_map& operator=(const token_map&) = delete;

  // The token of a value by a rule's template, "<IBAN_{n}>". `restore`: the answer may have the value back.
  [[nodiscard]] std::string token_of(std::string_view token_template, std::string_view value, bool restore, milliseconds vault_ttl);
  // A mapping that an earlier request of the conversation made. What this exchange made itself goes before it.
  void recall(std::string_view token, std::string_view value);
  // Of the tokens that may be put back.
  [[nodiscard]] bool restores() const;
  [[nodiscard]] const std::map<std::string, original, std::less<>>& originals() const;

  // Those of this exchange that the vault should have.
  [[nodiscard]] std::vector<kept_value> for_vault() const;

  // The next place at or after `from` where such a token could begin; the text's size when there is none.
  [[nodiscard]] std::size_t next_begin(std::string_view text, std::size_t from) const;
  // The longest of them at the text's first byte.
  struct found {
    std::size_t size = 0;  // 0: none
    bool open = false;     // with more text it could become one, or a longer one
    const std::string* value = nullptr;
  };
  [[nodiscard]] found at_begin(std::string_view text) const;

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

// True when some rule that applies here tokenizes, so that an exchange needs a map.
[[nodiscard]] bool tokenizes(const ruleset& rules);
// True when values of an earlier request may have to be put back, so that the vault is asked; and when an exchange that cannot ask it is
// refused.
[[nodiscard]] bool recalls_values(const ruleset& rules);
[[nodiscard]] bool needs_vault(const ruleset& rules);

}  // namespace sluice::policy
