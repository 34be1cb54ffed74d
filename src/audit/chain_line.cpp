// See chain_line.hpp.
#include "chain_line.hpp"

#include <charconv>

#include "sluice/crypto/digest.hpp"

namespace sluice::audit {
namespace {

std::uint64_t number(std::string_view digits) {
  std::uint64_t n = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), n);
  return n;
}

}  // namespace

std::uint64_t sequence_of(std::string_view line) {
  const auto at = line.find("\"seq\":");
  return at == std::string_view::npos ? 0 : number(line.substr(at + 6));
}

std::string_view last_member(std::string_view line, std::string_view name) {
  const auto wanted = "\"" + std::string(name) + "\":";
  const auto at = line.rfind(wanted);
  if (at == std::string_view::npos) return {};
  auto rest = line.substr(at + wanted.size());
  if (rest.starts_with('"')) return rest.substr(1, rest.find('"', 1) - 1);
  return rest.substr(0, rest.find_first_of(",}"));
}

std::uint64_t last_number(std::string_view line, std::string_view name) { return number(last_member(line, name)); }

std::string first_text(std::string_view line, std::string_view name) {
  const auto wanted = "\"" + std::string(name) + "\":\"";
  const auto at = line.find(wanted);
  if (at == std::string_view::npos) return {};
  const auto rest = line.substr(at + wanted.size());
  return std::string(rest.substr(0, rest.find('"')));
}

bool hash_fits(std::string_view line) {
  if (line.size() < hash_member_bytes || !line.ends_with("\"}")) return false;
  const auto end = line.size() - hash_member_bytes;
  return line.substr(end).starts_with(",\"hash\":\"") && crypto::sha256_hex(std::string(line.substr(0, end)) + "}") == last_member(line, "hash");
}

}  // namespace sluice::audit
