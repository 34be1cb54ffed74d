// See handle_ledger.hpp.
#include "handle_ledger.hpp"

namespace sluice::app {

// The handles of one exchange share an entry; each is counted with all of it.
std::size_t handle_ledger::kept::bytes() const {
  if (!entry) return 0;
  const auto& who = entry->who;
  std::size_t out = sizeof(proxy::ledger_entry) + entry->version.size();
  for (const auto* text : {&who.tenant, &who.region, &who.tier, &who.user, &who.conversation, &who.route, &who.model}) out += text->size();
  for (const auto& tag : who.tags) out += sizeof(tag) + tag.size();
  return out;
}

std::shared_ptr<const proxy::ledger_entry> handle_ledger::recall(const ledger_key& of, mono_time now) {
  std::shared_ptr<const proxy::ledger_entry> out;
  known_.find(key_of(of), now, [&out](const kept& known) { out = known.entry; });
  return out;
}

bool handle_ledger::keep(const ledger_key& of, mono_time now, proxy::kept_handle what) {
  if (what.instead_of && recall(of, now) == nullptr) return false;  // forgotten, and no room is made for it
  bool stands = true;
  known_.change(key_of(of), now, [&](kept& known) {
    stands = !what.instead_of || known.entry == what.instead_of;
    if (stands && (!known.entry || known.entry->verdict != policy::verdict::block)) known.entry = std::move(what.as);
  });
  return stands;
}

}  // namespace sluice::app
