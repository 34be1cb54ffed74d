// See kept_texts.hpp.
#include "kept_texts.hpp"

#include <utility>

#include "gateway_audit.hpp"
#include "gateway_setup.hpp"
#include "sluice/app/command.hpp"
#include "sluice/audit/query.hpp"

namespace sluice::app {

result<std::string> record_of_decision(const std::vector<std::string>& log_folders, const std::string& id) {
  std::string best;
  audit::filter by_id;
  by_id.decision = id;
  const auto found = audit::query(log_folders, by_id, [&](const std::string& line) {
    // What `opened` began one of the others ends, and only that one says what came of it.
    if (best.empty() || line.contains("\"event\":\"closed\"") || line.contains("\"event\":\"aborted\"")) best = line;
    return true;
  });
  if (!found) return std::unexpected(found.error());
  if (best.empty()) return fail(errc::not_found, "these logs have no decision " + id);
  return best;
}

std::optional<std::string> read_master(const std::string& file) {
  if (file.empty()) return std::string();
  auto secret = read_secret(file, "--secret");
  if (secret) return std::move(*secret);
  complain(secret.error().message);
  return std::nullopt;
}

kept_texts::kept_texts(std::string master, std::vector<std::string> key_folders, const std::vector<std::string>& states) : master_(std::move(master)), folders_(std::move(key_folders)) {
  for (const auto& state : states) folders_.push_back(text_key_directory(state));
  if (folders_.empty()) folders_.emplace_back();  // whether a text was kept at all is known without keys
}

result<audit::kept_exchange> kept_texts::open(const std::string& line) const {
  if (master_.empty()) return fail(errc::not_found, "without --secret its text cannot be opened");
  result<audit::kept_exchange> out = fail(errc::not_found, "");
  for (bool first = true; const auto& folder : folders_) {
    auto here = audit::open_kept_text(line, text_keys_of(folder, master_));
    // Most folders lack the key, which says nothing where another has it and cannot open it, or knows that it was erased.
    if (here || first || here.error().code != errc::unavailable) out = std::move(here);
    if (out) break;
    first = false;
  }
  return out;
}

}  // namespace sluice::app
