// What the language can say and this engine does not act on yet: refused by name, never ignored; where less is done than is asked, and nothing let through, a warning. Each entry goes with the work that
// makes it true.
#include "check_pass.hpp"
#include "reader.hpp"

namespace sluice::policy {
namespace {

void refuse(check_pass& pass, const place& at, const std::string& what) {
  pass.error(at, what + " is not supported by this version", "remove it, or use a newer version");
}

}  // namespace

void refuse_unsupported(check_pass& pass, const rule& checked) {
  const auto& act = checked.action;
  if (!acts_on(act.type)) refuse(pass, act.place, "action '" + std::string(to_string(act.type)) + "'");
  if (act.vault_ttl.count() > 0) {
    pass.warn(act.place, "this version has no vault: a value that a later request does not repeat stays a token, whatever 'vault_ttl' says",
              "let clients send the history, or remove 'vault_ttl'");
  }
  if (!act.i18n.empty() && act.type != action::block && act.type != action::require_disclaimer) refuse(pass, act.place, "'i18n'");
  for (const auto& e : checked.exceptions) {
    if (e.match && e.match->kind != match_spec::kind::keywords && e.match->kind != match_spec::kind::regex) {
      refuse(pass, e.place, "an exception that matches more than words or a regex");
    }
    if (e.match && (e.match->near || e.match->unless_near || e.match->entropy_min || e.match->min_count != 1 || e.match->views != 0 || e.match->decode != 0)) {
      refuse(pass, e.place, "an exception with a condition on its match");
    }
  }
}

void refuse_unsupported(check_pass& pass, const policy_ast& checked) {
  if (checked.anomaly) refuse(pass, checked.anomaly->place, "'thresholds'");
}

}  // namespace sluice::policy
