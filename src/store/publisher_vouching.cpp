// Whose word counts of what stands in a ring: what a publisher goes on with, and what it passes over. As nodes see it, but for what they remember. See
// publisher.hpp.
#include <algorithm>
#include <utility>

#include "publisher_impl.hpp"
#include "stream_reader.hpp"

namespace sluice::store {
namespace {

constexpr const char* nothing_before = "is signed by a key of the role safety, and there is no activation that it could go on with";

bool takes_harm_away(std::string_view kind) { return kind == "abort" || kind == "demote"; }

// By the last record that somebody signed who may activate, and whether all between the two is there: who owns Redis can take entries away, and that must
// lead back to nothing older.
std::string doubt_of_step(const activation_record& record, const std::optional<activation_record>& base, bool whole) {
  const auto is = "activation " + policy::to_string(record.activation) + " ";
  if (!base) return is + nothing_before;
  if (!whole) return is + "is signed by a key of the role safety, and entries of the log between it and " + policy::to_string(base->activation) + ", which it would go on with, are missing or cannot be read";
  const auto beyond = beyond_safety(record, *base);
  return beyond.empty() ? std::string() : is + beyond;
}

struct base_in_log {
  std::optional<activation_record> record;
  bool whole = true;  // every number between the two is there, and can be read
};

result<base_in_log> base_of(redis_client& redis, const ring_keys& keys, const activation_record& record, const std::function<bool(const activation_record&)>& by_activator) {
  base_in_log out;
  auto expected = record.activation.generation;
  const auto read = read_back(redis, keys.log(), {.newest = "(" + policy::to_string(record.activation)}, [&](const std::string& id, const redis_reply& fields) {
    auto each = parse_record(fields.field("record"));
    const bool fits = each && policy::to_string(each->activation) == id;
    out.whole = out.whole && fits && each->activation.generation + 1 == expected;
    if (fits) expected = each->activation.generation;
    if (!fits || !by_activator(*each)) return true;
    out.record = std::move(*each);
    return false;
  });
  if (!read) return std::unexpected(read.error());
  return out;
}

}  // namespace

// Reading may be done twice: a server that was promoted a moment ago hangs up on everybody once.
result<head_record> publisher::head() {
  auto top = impl_->through_failover([&] { return read_top(impl_->redis, impl_->keys); });
  if (!top) return std::unexpected(top.error());
  auto doubt = impl_->doubt_about(*top);
  if (!top->record && !doubt.empty()) return fail(errc::integrity, "what is live in ring " + impl_->ring + " " + doubt);
  if (!top->record) return fail(errc::not_found, "nothing was ever activated in ring " + impl_->ring + "; push a bundle first");
  if (doubt.empty()) {
    auto step = impl_->follow_safety(*top->record);
    if (!step) return std::unexpected(step.error());
    doubt = std::move(step->doubt);
  }
  auto out = to_head(*top->record);
  out.doubt = std::move(doubt);
  return out;
}

result<head_record> publisher::vouched_head() {
  auto live = head();
  if (live && !live->doubt.empty()) return std::unexpected(cannot_go_on(impl_->ring, live->doubt));
  return live;
}

std::optional<trust> publisher::impl::whom() const { return publisher_trust(trusted, build_key, activate_key); }

std::string publisher::impl::doubt_about(const activation_record& record) const {
  const auto by = whom();
  if (!by) return {};
  const auto counts = check_record(record, *by, ring, now().wall);
  return counts ? std::string() : counts.error().message;
}

std::string publisher::impl::doubt_about(const ring_top& top) const {
  if (top.lost()) return "cannot be read (" + top.damage + ")";
  return top.record ? doubt_about(*top.record) : std::string();
}

std::string publisher::impl::own_doubt(const activation_record& unwritten) const {
  if (!activate_key) return {};
  const auto as_read = parse_record(unwritten.text);
  return as_read ? doubt_about(*as_read) : as_read.error().message;
}

result<publisher::impl::safety_step> publisher::impl::follow_safety(activation_record& record) {
  const auto by = whom();
  const auto activator = [&](const activation_record& each) { return check_activator(each, *by, ring, now().wall).has_value(); };
  if (!by || activator(record)) return safety_step{};
  const auto base = base_of(redis, keys, record, activator);
  if (!base) return std::unexpected(base.error());
  const auto persons = base->record ? by_persons(*base->record) : std::vector<rule_demotion>();
  for (auto& each : record.with.demoted) {
    each.by_safety = std::ranges::none_of(persons, [&](const rule_demotion& d) { return same_rule(d, each); });
  }
  return safety_step{.doubt = doubt_of_step(record, base->record, base->whole), .jumps = base->record && jumps(record.activation, base->record->activation)};
}

result<void> publisher::impl::doubt_safety(std::vector<head_record>& told, const std::vector<std::optional<activation_record>>& records) {
  const auto by = whom();
  if (!by) return {};
  const auto activator = [&](const activation_record& each) { return check_activator(each, *by, ring, now().wall).has_value(); };
  base_in_log base;
  bool looked = false;  // in what is older than these
  std::optional<std::uint64_t> before;
  for (auto i = records.size(); i-- > 0;) {
    const auto& each = records[i];
    base.whole = base.whole && each && (!before || each->activation.generation == *before + 1);
    before = each ? std::optional(each->activation.generation) : std::nullopt;
    if (!each || !told[i].doubt.empty()) continue;
    if (!takes_harm_away(each->kind) || activator(*each)) {
      base = {.record = each};
      looked = true;
      continue;
    }
    if (!std::exchange(looked, true)) {
      auto older = base_of(redis, keys, *each, activator);
      if (!older) return std::unexpected(older.error());
      base = std::move(*older);
    }
    told[i].doubt = doubt_of_step(*each, base.record, base.whole);
  }
  return {};
}

error cannot_go_on(const std::string& ring, const std::string& doubt) {
  return {errc::refused, "what stands at the head of ring " + ring + " is not gone on with, and nothing was changed: " + doubt +
                             ". Name the file of the keys that count (--trust, or SLUICE_TRUST); where it is nobody's word, make a version that you know live anew: sluice push, or sluice activate VERSION"};
}

result<std::vector<head_record>> publisher::history(std::size_t limit) {
  std::vector<head_record> out;
  std::vector<std::optional<activation_record>> records;
  const auto done = impl_->newest(impl_->keys.log(), limit, [&](const std::string& id, const redis_reply& fields) {
    const auto number = parse_activation(id).value_or(policy::activation{});
    auto record = parse_record(fields.field("record"));
    if (record && record->activation != number) record = fail(errc::integrity, "an entry of the log is a copy of " + policy::to_string(record->activation) + " under another number");
    records.push_back(record ? std::optional(*record) : std::nullopt);
    if (!record) {
      out.push_back({.activation = number, .version = {}, .kind = std::string(damaged_kind), .actor = {}, .note = {}, .time = {}, .doubt = record.error().message});
      return;
    }
    out.push_back(to_head(*record));
    out.back().doubt = impl_->doubt_about(*record);
  });
  if (!done) return std::unexpected(done.error());
  if (auto told = impl_->doubt_safety(out, records); !told) return std::unexpected(told.error());
  return out;
}

result<std::optional<head_record>> publisher::last_vouched() {
  auto all = history(0);
  if (!all) return std::unexpected(all.error());
  const auto at = std::ranges::find_if(*all, [](const head_record& e) { return e.doubt.empty() && e.kind != damaged_kind; });
  return at == all->end() ? std::optional<head_record>() : std::optional(std::move(*at));
}

}  // namespace sluice::store
