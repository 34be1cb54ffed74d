// What the language can say and this engine does not act on yet: refused by name, never ignored. Each entry goes with
// the work that makes it true.
#include "check_pass.hpp"
#include "reader.hpp"

namespace sluice::policy {
namespace {

void refuse(check_pass& pass, const place& at, const std::string& what) {
  pass.error(at, what + " is not supported by this version", "remove it, or use a newer version");
}

// Of the few words of a finding a model says too little, and whoever writes them has a say in what it says.
void refuse_in_exception(check_pass& pass, const match_spec& match, const exception_spec& of) {
  for (const auto& child : match.children) refuse_in_exception(pass, child, of);
  if (match.kind == match_spec::kind::classifier) refuse(pass, of.place, "an exception that asks a classifier");
}

}  // namespace

void refuse_unsupported(check_pass& pass, const rule& checked) {
  const auto& act = checked.action;
  if (!act.i18n.empty() && act.type != action::block && act.type != action::require_disclaimer) refuse(pass, act.place, "'i18n'");
  for (const auto& e : checked.exceptions) {
    if (e.match) refuse_in_exception(pass, *e.match, e);
  }
}

}  // namespace sluice::policy
