// Decisions that the gateway made by itself, before any rule was asked. See replay.hpp.
#include <nlohmann/json.hpp>

#include "sluice/audit/replay.hpp"
#include "sluice/base/foreign_json.hpp"

namespace sluice::audit {
namespace {

using nlohmann::json;

constexpr int least_refusal = 400;  // of the statuses with which a gateway refuses

void check(replay_report& out, bool as_told, std::string what, std::string otherwise) {
  (as_told ? out.checked : out.differences).push_back(std::move(as_told ? what : otherwise));
}

void check_outcome(replay_report& out, const json& record) {
  const auto status = static_cast<int>(natural(member(record, "sent"), "status"));
  const auto verdict = word(record, "verdict");
  // Whoever goes before a rule is asked was neither refused nor let through.
  if (status == 0) return check(out, verdict == "allow", "verdict allow: nothing was refused and nothing answered", "the record says verdict " + verdict + ", and that nothing was answered");
  const auto with = "status " + std::to_string(status);
  if (status < least_refusal) return out.differences.push_back("the record says " + with + ", which is no refusal, and that no rule was asked");
  check(out, verdict == "block", "verdict block: the gateway's own refusal, " + with, "the record says verdict " + verdict + ", and a refusal with " + with);
}

}  // namespace

result<std::optional<replay_report>> replay_unasked(const std::string& line) {
  const auto record = parse_bounded<json>(line, record_bounds);
  if (!record.is_object() || !record.contains("id")) return fail(errc::parse, "the line is no decision");
  if (!word(record, "effective").empty()) return std::nullopt;
  try {
    replay_report out;
    out.unasked = true;
    const auto reason = word(record, "reason"), state = word(record, "state");
    const bool by_state = state == "EXPIRED" || state == "NONE";
    check(out, !reason.empty() || by_state, "no rule was asked: " + (reason.empty() ? "the policy's state was " + state : reason), "no rule was asked, and the record has no reason why");
    if (by_state) out.checked.push_back("the policy's state was " + state + ", in which this node refuses");
    check_outcome(out, record);
    for (const char* side : {"request", "response"}) {
      const auto at = record.find(side);
      check(out, at == record.end() || at->is_null(), std::string(side) + ": was not judged", std::string(side) + ": the record says that it was judged, and by no rules");
    }
    const auto upstream = static_cast<int>(natural(record, "upstream_status"));
    check(out, upstream == 0, "the upstream was not asked", "no rule was asked, and the upstream answered with status " + std::to_string(upstream));
    return out;
  } catch (const json::exception&) {
    return fail(errc::parse, "the record is not of this release: a member has another type");
  }
}

}  // namespace sluice::audit
