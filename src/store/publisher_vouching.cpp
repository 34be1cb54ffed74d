// Whose word counts of what stands in a ring: what a publisher goes on with, and what it passes over. As nodes see it, but for what they remember. See
// publisher.hpp.
#include <algorithm>
#include <utility>

#include "publisher_impl.hpp"

namespace sluice::store {
namespace {

// By the last record that somebody signed who may activate.
std::string doubt_of_step(const activation_record& record, const std::optional<activation_record>& base) {
  const auto is = "activation " + policy::to_string(record.activation) + " ";
  if (!base) return is + "is signed by a key of the role safety, and there is no activation that it could go on with";
  const auto beyond = beyond_safety(record, *base);
  return beyond.empty() ? std::string() : is + beyond;
}

}  // namespace

// Reading may be done twice: a server that was promoted a moment ago hangs up on everybody once.
result<publisher::impl::vouched_top> publisher::impl::look_at_top() {
  auto top = through_failover([&] { return read_top(redis, keys); });
  if (!top) return std::unexpected(top.error());
  vouched_top out{.top = std::move(*top)};
  const auto& record = out.top.record;
  if (out.top.lost()) out.doubt = "cannot be read (" + out.top.damage + ")";
  else if (record) out.doubt = doubt_about(*record);
  if (!record || !out.doubt.empty()) return out;
  auto step = follow_safety(*out.top.record);
  if (!step) return std::unexpected(step.error());
  out.doubt = std::move(step->doubt);
  out.jumps = step->jumps;
  return out;
}

result<head_record> publisher::head() {
  auto is = impl_->look_at_top();
  if (!is) return std::unexpected(is.error());
  const auto& record = is->top.record;
  if (!record && !is->doubt.empty()) return fail(errc::integrity, "what is live in ring " + impl_->ring + " " + is->doubt);
  if (!record) return fail(errc::not_found, "nothing was ever activated in ring " + impl_->ring + "; push a bundle first");
  auto out = to_head(*record);
  out.doubt = std::move(is->doubt);
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

std::string publisher::impl::own_doubt(const activation_record& unwritten) const {
  if (!activate_key) return {};
  const auto as_read = parse_record(unwritten.text);
  return as_read ? doubt_about(*as_read) : as_read.error().message;
}

result<publisher::impl::safety_step> publisher::impl::follow_safety(activation_record& record) {
  const auto by = whom();
  const auto activator = [&](const activation_record& each) { return check_activator(each, *by, ring, now().wall).has_value(); };
  if (!by || activator(record)) return safety_step{};
  const auto base = made_live_before(redis, keys, record, {}, activator);
  if (!base) return std::unexpected(base.error());
  const auto persons = *base ? by_persons(**base) : std::vector<rule_demotion>();
  for (auto& each : record.with.demoted) {
    each.by_safety = std::ranges::none_of(persons, [&](const rule_demotion& d) { return same_rule(d, each); });
  }
  return safety_step{.doubt = doubt_of_step(record, *base), .jumps = *base && jumps(record.activation, (*base)->activation)};
}

result<void> publisher::impl::doubt_safety(std::vector<head_record>& told, const std::vector<std::optional<activation_record>>& records) {
  const auto by = whom();
  if (!by) return {};
  const auto activator = [&](const activation_record& each) { return check_activator(each, *by, ring, now().wall).has_value(); };
  std::optional<activation_record> base;
  bool looked = false;  // in what is older than these
  for (auto i = records.size(); i-- > 0;) {
    const auto& each = records[i];
    if (!each || !told[i].doubt.empty()) continue;
    if ((each->kind != "abort" && each->kind != "demote") || activator(*each)) {
      base = each;
      looked = true;
      continue;
    }
    if (!std::exchange(looked, true)) {
      auto older = made_live_before(redis, keys, *each, {}, activator);
      if (!older) return std::unexpected(older.error());
      base = std::move(*older);
    }
    told[i].doubt = doubt_of_step(*each, base);
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
    const auto then = std::min(parse_time(record->time).value_or(now().wall), now().wall);
    if (const auto by = impl_->whom(); by && !out.back().doubt.empty()) out.back().ended_since = check_record(*record, *by, impl_->ring, then).has_value();
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
