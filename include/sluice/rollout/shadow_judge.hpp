// What a version in shadow would have done to an exchange that another version decided: the same text, judged again where no client
// waits for it. Pure but for the processor's time that it measures; a scratch belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/kept_stream.hpp"
#include "sluice/policy/snapshot.hpp"

namespace sluice::rollout {

struct shadow_part {
  policy::role role = policy::role::user;
  policy::part_kind kind = policy::part_kind::text;
  bool last_turn = true, editable = true;
  std::int32_t choice = 0;
  std::string name;  // where the text stands, for the record
  std::string text;
  bool ended = true, in_series = false;  // as in policy::text_part
};

// An exchange as `live` decided it.
struct shadow_exchange {
  std::shared_ptr<const policy::snapshot> candidate, live;
  policy::context who;  // with the tags that the conversation had before
  std::string caller, counted_as;  // as of proxy::exchange_report
  std::vector<shadow_part> request, response;
  bool streamed = false, takes_system_words = true;
  std::vector<policy::ended_choice> choices;  // of the answer: see policy::kept_stream
  bool answer_ended = false;
  bool response_judged = false;
  bool broken_off = false;               // the client went, or a limit ended the answer: its text is not whole
  policy::verdict request_verdict = policy::verdict::allow, response_verdict = policy::verdict::allow;
  // What it changed, where the answer was no stream.
  std::vector<policy::edit> request_edits, response_edits;
  policy::system_addition system;
  std::vector<policy::addition> additions;
};

struct shadow_keys {
  std::string hash, token;  // as proxy::settings has them
};

struct shadow_judgement {
  policy::outcome request, response;  // findings by the parts of the exchange
  std::string effective;              // the rules that would have applied to the request
  bool response_judged = false;
  bool text_differs = false;          // somebody would have read another text: the upstream or the client
  std::string inexact;                // why the answer's side is not exactly what would have been; "" when it is
  microseconds took{0}, live_took{0}; // processor time; live_took: 0 where it was not judged again
};

// Whether also the cost of the same work with the live version is taken. Whoever is second finds the text in the processor's cache, so
// that a fair comparison takes turns.
enum class compare_cost : std::uint8_t { no, live_second, live_first };
// A scratch for each version: one that changes hands is made to fit again each time.
[[nodiscard]] shadow_judgement judge_in_shadow(const shadow_exchange& of, const shadow_keys& keys, compare_cost with_live, policy::scratch& working, policy::scratch& live_working);

}  // namespace sluice::rollout
