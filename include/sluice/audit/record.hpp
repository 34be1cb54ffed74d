// One decision, as the log keeps it: a JSON line (schema version 1, design "Decision record"). Matched text only masked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/policy/types.hpp"

namespace sluice::audit {

struct finding_record {
  std::string rule, policy;
  policy::action action;
  policy::enforcement enforcement;
  std::string channel;         // "messages[0].content", "choices[0].delta.content"
  std::uint32_t begin, end;    // bytes of the channel's original text
  std::uint32_t score = 0;     // what it adds to its policy's threshold
  struct place {
    std::string channel;
    std::uint32_t begin, end;
    bool operator==(const place&) const = default;
  };
  std::vector<place> more = {};  // of a match that is split over several texts: the rest of it
  std::string value;           // in the clear while in memory only: written as hmac and masked form
  bool last_turn = true;       // as in policy::finding
  bool operator==(const finding_record&) const = default;
};

// A text as the rules judged it.
struct kept_part {
  policy::role role = policy::role::user;
  policy::part_kind kind = policy::part_kind::text;
  bool last_turn = true, editable = true;
  std::string text;
  std::int32_t choice = 0;  // of an answer, as in policy::text_part
  std::string channel = {};  // as in a finding_record; "" in text that an older release kept
  bool ended = true, in_series = false;  // as in policy::text_part
  bool operator==(const kept_part&) const = default;
};
// A choice of an answer that came to its end, and whether text could be put behind it.
struct kept_choice {
  std::int32_t choice = 0;
  bool structured = false;
  bool operator==(const kept_choice&) const = default;
};

// Findings that an exception took away; channel, span and value are the first one's.
struct suppressed_record {
  std::string rule, exception;
  std::string policy = {}, owner = {}, ticket = {}, channel = {};
  std::uint32_t begin = 0, end = 0;
  std::uint64_t count = 1;
  std::string value = {};
  bool operator==(const suppressed_record&) const = default;
};

// What a policy's scores came to in one section.
struct score_record {
  std::string policy;
  std::uint64_t score = 0, shadow_score = 0;  // of enforced matches, and of those in shadow as well
  std::uint32_t threshold = 0;
  policy::action action = policy::action::block;
  bool crossed = false;
  bool operator==(const score_record&) const = default;
};

struct section {  // request or response
  bool judged = false;
  policy::verdict verdict = policy::verdict::allow, shadow_verdict = policy::verdict::allow;
  std::vector<finding_record> findings;
  std::vector<suppressed_record> suppressed;
  std::vector<std::pair<std::string, float>> classifier_scores;  // of classifiers, by "classifier.label"
  bool truncated = false;
  std::vector<score_record> scores;
  std::vector<std::string> tags;  // that enforced rules set here
  bool operator==(const section&) const = default;
};

// What the request builds upon without repeating it: text that the upstream holds, and how that was judged.
struct recalled_record {
  std::string path, version;
  policy::verdict verdict = policy::verdict::allow;
  bool operator==(const recalled_record&) const = default;
};

// What of a body nobody scanned: because it is no text, or because nobody can read it; then `type` is why.
struct attachment_record {
  std::string path, type, treatment;  // "messages[0].content[1].image_url.url", "image" or "unknown part", "flag"
  std::uint64_t bytes = 0;
  bool operator==(const attachment_record&) const = default;
};

struct record {
  enum class event : std::uint8_t { decision, opened, closed, aborted, shadow } event = event::decision;
  std::string id;
  wall_time time;
  std::string activation, version, effective, freshness;
  policy::context who;
  std::string dialect, endpoint, method, path;
  bool streamed = false;
  section request, response;
  int status = 0, upstream_status = 0;
  std::uint64_t bytes = 0;
  std::uint32_t upstream_edits = 0, edits = 0;  // replacements in what the upstream and in what the client was sent
  std::uint64_t latency_us = 0, added_us = 0;
  std::vector<std::pair<std::string, std::uint64_t>> unscanned;
  std::vector<attachment_record> attachments, unread;
  std::vector<recalled_record> recalled;
  std::string reason;
  std::vector<std::string> demoted;  // rules that the version enforces and that were in shadow
  // Of `shadow`: `version` is the one in shadow, its findings are here, and the verdicts are what was done; the shadow verdicts what it
  // would have done.
  struct shadow_side {
    std::string live_version;
    bool text_differs = false;
    std::string inexact;               // why not exactly so; "" when it is
    std::uint64_t took_us = 0, live_us = 0;
    bool operator==(const shadow_side&) const = default;
  } shadow;
  bool canary = false;   // decided by the version that a share of conversations gets
  bool stale = false;
  // Only where the log keeps text; in the clear while in memory only.
  bool with_text = false;
  std::vector<kept_part> request_text, response_text;
  std::vector<kept_choice> choices;  // of the answer, in the order in which they ended
  bool answer_ended = false;         // of a stream: none goes on
  bool takes_system_words = true;    // the request has a place for them
  std::string text_omitted;  // why it is not kept all the same
  std::string caller;        // what rollouts are sticky by where no user is known
  bool operator==(const record&) const = default;
};

// What `event` of a record may be: of exchanges, of the control plane, of the log itself.
inline constexpr std::string_view event_words[] = {"decision", "opened",  "closed",    "aborted",  "shadow",   "start",   "stop",     "serving", "activated", "refused",   "state",
                                                   "canary",   "shadowing", "demoted", "rearmed", "downgraded", "revoked", "lost", "unsynced", "retired", "erased", "standing", "checkpoint"};

// An event of the control plane in the same chain. `audit at` reads these.
struct control_event {
  // What `audit at` goes by: "start", "stop"; "activated", "state", "downgraded": `version` is live; "demoted", "rearmed": the detail begins with
  // "rule ID", of `version`, and each boot begins with one for each rule that is demoted; "canary": `version` decides for the share in the detail,
  // "" for none any more; "standing": all of it again, at the begin of a file that a boot goes on in. What it leaves out: "serving", "refused", "revoked", "shadowing"; of the log itself "lost", "unsynced", "retired", "erased", "checkpoint".
  std::string kind;
  wall_time time;
  std::string activation, version, freshness, detail;
  std::uint64_t through = 0;         // of "retired": the last record that goes, and its hash
  std::string through_hash = {};
  wall_time through_time{};          // that record's own
  milliseconds after{0};             // and the age that files may reach; 0: they went because they were too many
};

}  // namespace sluice::audit
