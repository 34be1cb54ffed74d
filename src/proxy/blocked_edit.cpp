// What a client reads where a rule that only changes text had to stop it: a rule of that kind has no words of its own for that.
#include "exchange_impl.hpp"
#include "sluice/wire/shown_path.hpp"

namespace sluice::proxy {
namespace {

// Why a text of this kind that may not be edited cannot be.
std::string_view reason_of(wire::part_kind kind) {
  using enum wire::part_kind;
  switch (kind) {
    case name: return "a name, by which others call it";
    case tool_definition: return "part of a schema or of what a tool is called, which would mean something else";
    case tool_call: case tool_result: return "a key, a number or a literal of a tool's data, whose form its reader counts on";
    case attachment: return "an address or an attachment, which cannot be written anew in its form";
    case reasoning: return "signed reasoning, which the API refuses once it is changed";
    case annotation: return "a field whose form its reader counts on";
    case text: case refusal: case transcript: case error: return "a place where only these very words, or a number, have their meaning";
  }
  return "";
}

}  // namespace

std::string exchange::impl::blocked_message(const policy::outcome& of) const {
  constexpr std::string_view blocked = "The request or its answer was blocked by policy.";
  const auto& rules_of_all = active->snapshot->rules();
  if (of.block.rule >= rules_of_all.size() || rules_of_all[of.block.rule].action == policy::action::block || !policy::changes_match(rules_of_all[of.block.rule].action)) return std::string(blocked);
  const bool asked_for = &of == &request_outcome;
  const auto parts = asked_for ? request->parts() : content ? content->parts() : std::span<const wire::part>();
  const wire::part* found = nullptr;
  const auto look_at = [&](std::uint32_t part) {
    if (part < parts.size() && (found == nullptr || (found->editable && !parts[part].editable))) found = &parts[part];
  };
  for (const auto& f : of.findings) {
    if (f.rule != of.block.rule || !f.enforced) continue;
    look_at(f.part);
    for (const auto& other : f.more) look_at(other.part);
  }
  if (found == nullptr) return std::string(blocked);
  // Of what could be edited otherwise, it is a number or a literal of JSON (policy_language.md 5.3).
  const auto why = found->editable ? std::string_view("a number or a literal of JSON, for which its schema has no other value") : reason_of(found->kind);
  const auto place = wire::shown_path(asked_for ? request->path(*found) : content->path(*found));
  return std::string(blocked) + " A rule would have changed what it found in " + place + ", but that is " + std::string(why) +
         (asked_for ? "; write it otherwise, or leave it out." : ", so the answer was withheld.");
}

}  // namespace sluice::proxy
