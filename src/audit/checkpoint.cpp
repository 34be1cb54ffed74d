// See checkpoint.hpp.
#include "checkpoint.hpp"

#include <optional>

#include "sluice/base/strings.hpp"
#include "sluice/crypto/signing.hpp"

namespace sluice::audit {
namespace {

// The same key may one day sign other things; none of those can be taken for a checkpoint.
constexpr std::string_view purpose = "sluice audit checkpoint 1\n";
constexpr std::string_view signature_member = ",\"signature\":\"";
constexpr std::string_view hash_member = ",\"hash\":\"";

std::string as_hex(const std::string& bytes) { return hex(std::span(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size())); }

int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

std::optional<std::string> from_hex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
  }
  return text.size() % 2 == 0 ? std::optional(out) : std::nullopt;
}

}  // namespace

void checkpoint_schedule::append(std::string& out, std::string_view kind, instant now, const line_context& in) {
  append_event(out, {.kind = "checkpoint", .time = now.wall, .activation = "", .version = "", .freshness = "", .detail = std::string(kind)}, in);
  out += ",\"checkpoint\":{\"number\":" + std::to_string(++number_) + ",\"records\":" + std::to_string(since_) +
         ",\"every_records\":" + std::to_string(config_->checkpoint_records) + ",\"every_ms\":" + std::to_string(config_->checkpoint_interval.count());
  if (number_ == 1) {
    out += ",\"after\":{\"boot\":" + json_quoted(before_.boot) + ",\"seq\":" + std::to_string(before_.sequence) + ",\"hash\":\"" + before_.hash + "\"}";
  }
  out += ",\"key\":\"" + as_hex(config_->signing->public_key()) + "\"}";
  since_ = 0;
  last_ = now.mono;
}

void sign_line(std::string& line, const crypto::signing_key& key) {
  const auto signature = key.sign(std::string(purpose) + line);
  line.pop_back();
  line.append(signature_member).append(as_hex(signature)).append("\"}");
}

bool signature_fits(std::string_view line, std::string_view public_key_hex) {
  const auto at = line.rfind(signature_member);
  if (at == std::string_view::npos) return false;
  const auto rest = line.substr(at + signature_member.size());
  if (rest.size() < signature_digits + 1 || !rest.substr(signature_digits + 1).starts_with(hash_member)) return false;
  const auto signature = from_hex(rest.substr(0, signature_digits));
  const auto key = from_hex(public_key_hex);
  return signature && key && crypto::verifies(*key, std::string(purpose).append(line.substr(0, at)).append("}"), *signature);
}

}  // namespace sluice::audit
