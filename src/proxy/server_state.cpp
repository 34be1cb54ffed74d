// Text that the upstream holds and requests only name. With `ledger`, a handle counts when what it stands for went through here and was
// not blocked: then the exchange goes on, with the tags of what it builds upon; what is read back is judged in the context in which it was
// made. An exchange that was read to its end adds its own handles.
#include <algorithm>

#include "exchange_impl.hpp"

namespace sluice::proxy {
namespace {

constexpr std::string_view unknown = "The gateway has not seen what this refers to, or has forgotten it; send the text itself.";
constexpr std::string_view unknown_in_path = "The gateway has not seen what this path names, or has forgotten it; only what was made through this gateway can be read, continued or ended through it.";
constexpr std::string_view unfinished = "The answer that this refers to has not been read through the gateway yet; read it first.";
constexpr std::string_view left = "An answer in what this refers to was not read through the gateway to its end; read all of its items back first, in one page.";
constexpr std::string_view blocked = "What this refers to holds an answer that was blocked; begin anew without it.";

// Why nothing may be built upon what this is of; "" where it may.
std::string_view why_not(const ledger_entry* known) {
  if (known == nullptr) return unknown;
  if (!known->whole) return known->left ? left : unfinished;
  return known->verdict == policy::verdict::block ? blocked : std::string_view();
}

}  // namespace

// Those that the request refers to, in its path and in its fields, and that an answer can have brought.
std::vector<std::string> exchange::impl::named_handles() const {
  std::vector<std::string> out;
  if (!endpoint.handle.empty()) out.emplace_back(endpoint.handle);
  if (!request) return out;
  for (const auto& u : request->unread_parts()) {
    if (u.reason == "server state" && !u.later && !u.handle.empty() && u.stands_for.empty()) out.push_back(u.handle);
  }
  return out;
}

void exchange::impl::look_up(effects& out) {
  if (!uses_ledger()) return judge_request(out);
  const auto handles = named_handles();
  if (handles.empty()) return judge_request(out);
  ledger_answer at_once;
  const auto ticket = worker.ask_ledger({.tenant = caller.who.tenant, .dialect = dialect->name(), .recall = handles, .keep = {}}, at_once);
  if (ticket == 0) return looked_up(at_once, handles, out);
  out.awaits = ticket;
  now = state::looking_up;
}

void exchange::impl::looked_up(const ledger_answer& what, std::span<const std::string> handles, effects& out) {
  if (!what.available && !spares(request_spared, "ledger unavailable")) return refuse_without_ledger(out);
  for (std::size_t i = 0; i < handles.size() && i < what.found.size(); ++i) {
    if (what.found[i]) known_handles.emplace(handles[i], what.found[i]);
  }
  judge_request(out);
}

// The entry of a handle, noted for the record; null when it is not in the ledger.
std::shared_ptr<const ledger_entry> exchange::impl::recall(const std::string& handle, std::string_view at) {
  const auto place = known_handles.find(handle);
  if (place == known_handles.end()) return nullptr;
  const auto& found = place->second;
  recalled.push_back({wire::named_path(at), found->version, found->verdict});
  for (const auto& tag : found->who.tags) {
    if (std::ranges::find(handle_tags, tag) == handle_tags.end()) handle_tags.push_back(tag);
  }
  return found;
}

// What the path names. False: the answer was written.
bool exchange::impl::recall_path(effects& out) {
  if (!uses_ledger() || endpoint.handle.empty()) return true;
  const std::string handle(endpoint.handle);
  const auto entry = recall(handle, "path");
  if (!entry) return spares(request_spared, "unreadable: server state") || refuse_state(unknown_in_path, "", out);
  if (endpoint.grows) {
    const auto why = why_not(entry.get());
    if (!why.empty()) return spares(request_spared, "unreadable: server state") || refuse_state(why, "", out);
    grown.push_back({handle, entry});
    return true;
  }
  caller.who = entry->who;  // of the same tenant, or it would not have been found
  caller.who.minute = minute_of(started.wall);
  return true;
}

// What a field of the request names. False: the answer was written.
bool exchange::impl::recall_field(const wire::unread& field, effects& out) {
  if (field.later) return true;  // its handle goes into the ledger as one that is not whole
  if (!field.instead.empty()) {
    return spares(request_spared, "unreadable: server state") || refuse_state("The gateway does not support what " + wire::named_path(field.path) + " asks for; " + std::string(field.instead) + ".", wire::named_path(field.path), out);
  }
  if (!field.stands_for.empty()) {
    const auto place = wire::named_path(field.path);
    const auto what = "What " + place + " names is " + std::string(field.stands_for) + ", so the gateway does not see its texts; leave it out, or ask your operator (unreadable.server_state: pass).";
    return spares(request_spared, "unreadable: server state") || refuse_state(what, place, out);
  }
  const auto entry = field.handle.empty() ? nullptr : recall(field.handle, field.path);
  const auto why = why_not(entry.get());
  if (!why.empty()) return spares(request_spared, "unreadable: server state") || refuse_state(why, wire::named_path(field.path), out);
  if (field.grows) grown.push_back({field.handle, entry});
  return true;
}

bool exchange::impl::refuse_state(std::string_view why, std::string_view param, effects& out) {
  out.upstream_request.clear();
  unread = "server state";
  reason = "unreadable: server state";
  answer_error(wire::gateway_error::bad_request, why, param, out);
  return false;
}

// Nobody knows whether it was seen.
void exchange::impl::refuse_without_ledger(effects& out) {
  ledger_away = true;
  reason = "ledger unavailable";
  out.upstream_request.clear();
  answer_error(wire::gateway_error::busy, "The gateway cannot reach what it knows of the text that this refers to; try again later, or send the text itself.", "", out);
}

// What grows is unfinished from before the upstream is asked until the answer was judged: should this node die meanwhile, or not reach the
// ledger again, nobody builds upon text that nobody read. Only one exchange at a time has its mark there: what it says in the end is then the last that
// was added. False: the upstream is asked later, or not at all.
bool exchange::impl::marks_grown(effects& out) {
  if (grown.empty() || std::exchange(grown_marked, true)) return true;
  ledger_question told{.tenant = caller.who.tenant, .dialect = dialect->name(), .recall = {}, .keep = {}};
  for (auto& each : grown) {
    each.mark = entry_of(strongest(), false);
    told.keep.push_back({each.id, each.mark, each.before});
  }
  ledger_answer at_once;
  const auto ticket = worker.ask_ledger(std::move(told), at_once);
  for (std::size_t i = 0; i < at_once.as_stored.size() && i < grown.size(); ++i) {
    auto known = std::make_shared<ledger_entry>(*grown[i].mark);
    known->stored = std::move(at_once.as_stored[i]);
    grown[i].mark = std::move(known);
  }
  if (ticket == 0) return marked(at_once, out);
  upstream_request = std::exchange(out.upstream_request, {});
  out.awaits = ticket;
  now = state::marking;
  return false;
}

// False: the answer was written.
bool exchange::impl::marked(const ledger_answer& what, effects& out) {
  if (what.available && !what.missed) return true;
  // Another exchange adds to it, or has since this one looked.
  if (what.missed) return spares(request_spared, "unreadable: server state") || refuse_state(unfinished, "", out);
  if (!spares(request_spared, "ledger unavailable")) {
    refuse_without_ledger(out);
    return false;
  }
  for (auto& each : grown) each.mark = nullptr;
  return true;
}

std::shared_ptr<const ledger_entry> exchange::impl::entry_of(policy::verdict v, bool whole) const {
  auto made = std::make_shared<ledger_entry>();
  made->who = caller.who;
  made->version = active->snapshot->version();
  made->verdict = v;
  made->whole = whole;
  for (const policy::outcome* judged : std::initializer_list<const policy::outcome*>{&request_outcome, &judged_response()}) {
    for (const auto& tag : judged->tags) {
      if (std::ranges::find(made->who.tags, tag) == made->who.tags.end()) made->who.tags.push_back(tag);
    }
  }
  return made;
}

// The client went, or the upstream broke off, before the answer was at its end; or it is still being made.
std::shared_ptr<const ledger_entry> exchange::impl::left_unread(policy::verdict v) const {
  auto made = std::make_shared<ledger_entry>(*entry_of(v, false));
  made->left = true;
  return made;
}

// Whether this answer has all that an earlier one left unread. While one is still being read, nobody knows what it will add.
bool exchange::impl::reads_rest() const {
  const auto entry = known_handles.find(std::string(endpoint.handle));
  return entry != known_handles.end() && entry->second->left && answer_judged && content && content->lists_all();
}

// Those that the answer brings.
std::vector<wire::handle> exchange::impl::handles_of_answer() const {
  if (!answer_judged || !succeeded(answer.get().status)) return {};
  if (stream) return stream->handles();
  return content ? std::vector<wire::handle>(content->handles().begin(), content->handles().end()) : std::vector<wire::handle>();
}

void exchange::impl::add_handles(std::span<const wire::handle> handles, ledger_question& to, policy::verdict v) const {
  if (v == policy::verdict::block || handles.empty()) return;
  const auto whole = entry_of(v, true), begun = entry_of(v, false);
  for (const auto& each : handles) {
    // What the path names was known before, and is no other for what was told about it.
    if (!endpoint.describes || each.id != endpoint.handle) to.keep.push_back({std::string(each.id), each.whole ? whole : begun});
  }
}

// Before the last byte leaves: the client may go on at once, by another gateway. 0: nothing has to be waited for.
std::uint64_t exchange::impl::tell_ledger() {
  if (!uses_ledger() || !scanned || std::exchange(ledger_told, true)) return 0;
  ledger_question told{.tenant = caller.who.tenant, .dialect = dialect->name(), .recall = {}, .keep = {}};
  if (asked == mono_time{} || unreached) {
    if (!grown_marked) return 0;
    for (const auto& each : grown) {
      if (each.mark) told.keep.push_back({each.id, each.before, each.mark});
    }
  } else {
    // What the upstream was told is part of what it grows from now on, and so is what it answered: of that nobody knows the end that nobody read.
    const auto v = strongest();
    const auto handles = handles_of_answer();
    const bool told_all = std::ranges::all_of(handles, &wire::handle::whole) && (!stream || !handles.empty());
    const bool known = v == policy::verdict::block || (answer_judged && told_all);
    for (const auto& each : grown) told.keep.push_back({each.id, known ? entry_of(v, true) : left_unread(v), v == policy::verdict::block ? nullptr : each.mark});
    add_handles(handles, told, v);
    // What is read back and blocked by the rules of today is no longer built upon; what was left unread is, once all of it was read back.
    const bool read_back = !endpoint.handle.empty() && !endpoint.grows && succeeded(answer.get().status);
    const bool blocks = read_back && judged_response().verdict == policy::verdict::block;
    if (blocks) told.keep.push_back({std::string(endpoint.handle), entry_of(v, true)});
    if (!blocks && read_back && reads_rest()) told.keep.push_back({std::string(endpoint.handle), entry_of(v, true), known_handles.at(std::string(endpoint.handle))});
  }
  if (told.keep.empty()) return 0;
  ledger_answer at_once;
  return worker.ask_ledger(std::move(told), at_once);
}

void exchange::ledger_answered(const ledger_answer& what, effects& out) {
  auto& x = *impl_;
  switch (x.now) {
    case impl::state::looking_up: return x.looked_up(what, x.named_handles(), out);
    case impl::state::marking:
      if (!x.marked(what, out)) return;
      out.upstream_request = std::move(x.upstream_request);
      return x.start_upstream(out);
    case impl::state::keeping: return x.end(out);  // what it does not know it denies
    default: return;
  }
}

}  // namespace sluice::proxy
