// Would a pattern explode? PCRE2 is asked, about the texts that make a repeated group try everything: one or two of the pattern's own
// characters, over and over, and no end that fits. What passes the engine's limits here is an attacker's text away from being
// "matcher unavailable" in traffic.
#include <optional>

#include "regex_program.hpp"
#include "sluice/match/regex.hpp"

namespace sluice::policy {
namespace {

constexpr std::size_t probe_bytes = 1024, characters_max = 8;
constexpr std::uint32_t probe_steps_max = 20'000;  // a tenth of what traffic may take

// Only a quantified group can try exponentially many ways.
bool repeats_a_group(std::string_view pattern) {
  for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
    if (pattern[i] == ')' && (pattern[i + 1] == '*' || pattern[i + 1] == '+' || pattern[i + 1] == '{')) return true;
  }
  return false;
}

// Characters that the pattern names, and one for each class that it uses.
std::string characters_of(std::string_view pattern) {
  std::string out;
  const auto add = [&out](char c) {
    if (out.size() < characters_max && out.find(c) == std::string::npos) out += c;
  };
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char what = pattern[++i];
      if (what == 'd' || what == 'w') add('0');
      if (what == 'w' || what == 'p') add('a');
      if (what == 's') add(' ');
      if (!((what >= 'a' && what <= 'z') || (what >= 'A' && what <= 'Z') || (what >= '0' && what <= '9'))) add(what);
    } else if (static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f && std::string_view("()[]{}|*+?^$.").find(c) == std::string_view::npos) {
      add(c);
    } else if (c == '.') {
      add('a');
    }
  }
  return out;
}

std::string repeated(std::string_view unit, std::string_view end) {
  std::string out;
  while (out.size() + end.size() < probe_bytes) out += unit;
  return out += end;
}

}  // namespace

std::optional<std::string> exploding_text(std::string_view pattern, const match::regex& of) {
  if (!repeats_a_group(pattern)) return std::nullopt;
  match::match_state state;
  state.limit_steps(probe_steps_max);
  const auto characters = characters_of(pattern);
  // PCRE2 does not begin when a character that must come is nowhere: it stands behind an end that does not fit.
  const auto all = "\n~" + characters;
  for (const char a : characters) {
    for (const char b : characters) {
      std::string unit = a == b ? std::string(1, a) : std::string{a, b};
      for (const std::string_view end : {std::string_view(), std::string_view(all)}) {
        if (of.find(repeated(unit, end), 0, false, state).status == match::regex::status::unavailable) return unit;
      }
    }
  }
  return std::nullopt;
}

}  // namespace sluice::policy
