// See checkpoint.hpp.
#include "checkpoint.hpp"


#include "sluice/base/strings.hpp"
#include "sluice/crypto/signing.hpp"

namespace sluice::audit {
namespace {

// The same key may one day sign other things; none of those can be taken for a checkpoint.
constexpr std::string_view purpose = "sluice audit checkpoint 1\n";
constexpr std::string_view signature_member = ",\"signature\":\"";
constexpr std::string_view hash_member = ",\"hash\":\"";

}  // namespace

void checkpoint_schedule::append(std::string& out, std::string_view kind, instant now, const line_context& in) {
  append_event(out, {.kind = "checkpoint", .time = now.wall, .activation = "", .version = "", .freshness = "", .detail = std::string(kind)}, in);
  out += ",\"checkpoint\":{\"number\":" + std::to_string(++number_) + ",\"records\":" + std::to_string(since_) +
         ",\"every_records\":" + std::to_string(config_->checkpoint_records) + ",\"every_ms\":" + std::to_string(config_->checkpoint_interval.count());
  if (number_ == 1) {
    out += ",\"after\":{\"boot\":" + json_quoted(before_.boot) + ",\"seq\":" + std::to_string(before_.sequence) + ",\"hash\":\"" + before_.hash + "\"}";
  }
  out += ",\"key\":\"" + hex(config_->signing->public_key()) + "\"}";
  since_ = 0;
  last_ = now.mono;
}

void sign_line(std::string& line, const crypto::signing_key& key) {
  const auto signature = key.sign(std::string(purpose) + line);
  line.pop_back();
  line.append(signature_member).append(hex(signature)).append("\"}");
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
