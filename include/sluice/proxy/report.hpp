// What an exchange did, as plain data: the app turns it into an audit record and metrics.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/policy/evaluate.hpp"

namespace sluice::proxy {

// `ledger`: of server state only; what the ledger knows passes, the rest is denied. `flag`: of attachments only; they pass, and the
// exchange is flagged.
enum class unreadable_policy : std::uint8_t { deny, pass, ledger, flag };

[[nodiscard]] std::string_view to_string(unreadable_policy p);

enum class report_kind : std::uint8_t {
  whole,    // an exchange that was not streamed, complete
  opened,   // a stream, before its first byte leaves
  closed,   // the same stream, before its last bytes leave
  aborted,  // the client went before all of what `whole` or `closed` counted was written
};

// What the rules judged, part by part; of a stream, channel by channel. Lent as the report is.
struct judged_text {
  static constexpr std::size_t bytes_max = 1u << 20;  // of both sides; above it `too_large`, and the parts mean nothing
  bool too_large = false;
  std::vector<policy::text_part> request, response;
  struct choice_end {
    std::int32_t choice;
    bool structured;
  };
  std::vector<choice_end> choices;  // of the answer, in the order in which they ended
  bool answer_ended = false;        // of a stream: by its end, so that no choice is open
  bool takes_system_words = true;   // the request has a place for them
};
// Of one exchange: opened, closed, aborted.
inline constexpr unsigned records_max = 3;

// Which text a finding was made in: "messages[0].content".
class text_names {
 public:
  // `part` as in policy::finding.
  [[nodiscard]] virtual std::string of(std::uint32_t part) const = 0;

 protected:
  ~text_names() = default;
};

// Why text was passed unscanned. Every reason in a report is one of these.
inline constexpr auto unscanned_reasons = std::to_array<std::string_view>({
    "unknown path", "denied path", "form", "unknown part", "attachment", "server state", "not UTF-8", "unreadable request", "compressed request",
    "unreadable answer", "compressed answer", "charset", "behind the end", "listing",
    "upstream fetch", "JSON nested in strings"});

// What of the ledger an exchange built upon.
struct recalled_handle {
  std::string path;     // of the field that named it; "path" where the path did
  std::string version;  // under which it was judged
  policy::verdict verdict;
};

// What of a body nobody scanned: because it is no text, or because nobody can read it.
struct seen_attachment {
  std::string path;
  std::string_view type;  // one of wire::attachment_names, or of unscanned_reasons
  unreadable_policy how;
  std::uint64_t bytes;    // of its literal in the body
};

// Lent by the exchange for the call of services::record, so that a record costs no copy but the log's own.
struct exchange_report {
  report_kind kind = report_kind::whole;
  std::string_view decision_id;
  wall_time time;
  const policy::active_policy& policy;  // pinned: snapshot, activation, freshness
  const policy::context& who;
  std::string_view effective;           // 64 hex digits
  const policy::ruleset* rules = nullptr;  // that applied, of policy.snapshot; null: none was chosen yet
  std::string_view dialect, endpoint;
  std::string_view method, path;        // path without query
  bool streamed = false;
  const policy::outcome& request;
  const policy::outcome& response;
  const text_names& request_names;
  const text_names& response_names;
  bool request_judged = false, response_judged = false;
  // The verdict is block, whatever the outcome says. `request_refused`: the client got an error of the gateway's before the upstream was asked: a
  // rule's block, or one without a rule (unreadable, unknown path, over a limit, no policy). `answer_withheld`: of an answer, without a rule.
  bool request_refused = false, answer_withheld = false;
  // Would have been, if it were not for mode: shadow: the shadow verdict is block.
  bool request_spared = false, answer_spared = false;
  std::span<const std::pair<std::string, std::uint64_t>> unscanned;  // reason → bytes, each reason once
  std::span<const recalled_handle> recalled;
  std::span<const seen_attachment> attachments;  // the first of them
  std::span<const seen_attachment> unread;       // the same of other parts that nobody can scan
  bool request_flagged = false, answer_flagged = false;  // by an attachment, without a rule: the verdict is flag at least
  int status = 0;                    // of the answer to the client
  int upstream_status = 0;           // 0: never asked
  std::uint64_t bytes = 0;           // handed to the socket for the client, head included
  std::uint32_t request_edits = 0;   // replacements in what the upstream was sent
  std::uint32_t edits = 0;           // replacements in what the client was sent
  std::uint64_t latency_us = 0;      // whole exchange
  std::uint64_t added_us = 0;        // of it inside Sluice: request until sent upstream, plus answer until sent
  const judged_text* text = nullptr; // where services::keeps_text() or a version is in shadow, of `whole` and `closed`; null otherwise
  std::string_view caller;           // of the identity
  std::string_view counted_as;       // of the identity, or `caller`
  bool reserved = false;             // there is a place for it in the audit log
  std::string_view reason;           // why a verdict or an error came without a rule; "" otherwise
};

}  // namespace sluice::proxy
