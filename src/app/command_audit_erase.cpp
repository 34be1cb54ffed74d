// sluice audit erase: text for good, by its keys; the log itself stays as it is.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "audit_options.hpp"
#include "gateway_audit.hpp"
#include "kept_texts.hpp"
#include "sluice/audit/text_keys.hpp"
#include "sluice/base/printable.hpp"

namespace sluice::app {
namespace {

struct erase_options {
  std::string state, before, day, tenant, secret_file;
  bool one_tenant = false;
};

bool is_day(const std::string& text) { return text.size() == 10 && parse_time(text).has_value(); }

std::string summary(const audit::erasure& done) {
  const auto before = done.before == 0 ? std::string() : "; " + std::to_string(done.before) + " were erased before";
  if (done.erased.empty()) return "nothing to erase: there is no key of these days" + before;
  return std::to_string(done.erased.size()) + " keys were erased: the text that they sealed cannot be read any more" + before;
}

int erase(const erase_options& o, bool raw) {
  if (o.before.empty() == o.day.empty()) return complain("say which days", "either --day 2026-12-01 or --before 2026-12-01"), 2;
  if (!is_day(o.before.empty() ? o.day : o.before)) return complain("'" + (o.before.empty() ? o.day : o.before) + "' is no day", "write it as 2026-12-01"), 2;
  const auto today = rfc3339(now().wall).substr(0, 10);
  if (o.before > today || o.day >= today) return complain("today's key is in use", "today's text can be erased tomorrow (UTC)"), 2;
  audit::erase_request which{.before = o.before, .day = o.day, .tenant_hash = {}};
  if (o.one_tenant) {
    if (o.secret_file.empty()) return complain("--tenant is looked for by its keyed hash", "give the gateway's secret with --secret"), 2;
    const auto master = read_master(o.secret_file);
    if (!master) return 2;
    which.tenant_hash = audit::tenant_hash(audit_value_key(*master), o.tenant);
    if (!text_keys_of(text_key_directory(o.state), *master).fit()) return complain("the secret opens none of the keys in " + text_key_directory(o.state), "--secret is the file that the gateway's secrets.key_file names"), 1;
  }
  const auto done = audit::erase_keys(text_key_directory(o.state), which, now().wall);
  if (!done) {
    return complain(done.error().message, done.error().code == errc::not_found ? "--state is a gateway's state directory; it has keys where audit.text is 'encrypted'" : ""), 1;
  }
  // Whoever asks for a tenant and is given nothing must not think that it is done.
  const bool missed = done->erased.empty() && done->before == 0 && done->others > 0;
  if (missed) complain("nothing was erased: of the " + std::to_string(done->others) + " keys of these days none is of tenant '" + o.tenant + "'", "is the name what the records' context says?");
  if (raw) {
    std::cout << nlohmann::json{{"erased", done->erased}, {"erased_before", done->before}, {"of_others", done->others}}.dump(2) << '\n';
  } else if (!missed) {
    for (const auto& id : done->erased) std::cout << "erased " << printable(id) << '\n';
    std::cout << summary(*done) << '\n';
  }
  return missed ? 1 : 0;
}

}  // namespace

void add_audit_erase(CLI::App& audit, invocation& call) {
  auto o = std::make_shared<erase_options>();
  auto* e = audit.add_subcommand("erase", "Erase kept text for good by erasing its keys");
  e->add_option("--state", o->state, "The gateway's state directory, which holds the keys; of each node")->required();
  e->add_option("--day", o->day, "Of this day (UTC), as 2026-12-01");
  e->add_option("--before", o->before, "Of every day before this one");
  auto* tenant = e->add_option("--tenant", o->tenant, "Of this tenant only; needs --secret");
  e->add_option("--secret", o->secret_file, "The file with the gateway's master secret");
  add_json(*e, call);
  e->footer("No line of the log changes, so the chain stays whole, and the gateway adds one that says what was erased.\n\nExample:\n  sluice audit erase --state /var/lib/sluice --before 2026-09-01");
  e->callback([o, tenant, &call] {
    o->one_tenant = tenant->count() > 0;
    call.exit_code = erase(*o, call.json);
  });
}

}  // namespace sluice::app
