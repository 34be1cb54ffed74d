// Text that the upstream holds and requests only name. With `ledger`, a handle counts when what it stands for went through here and was
// not blocked: then the exchange goes on, with the tags of what it builds upon; what is read back is judged in the context in which it was
// made. An exchange that was read to its end adds its own handles.
#include <algorithm>

#include "exchange_impl.hpp"

namespace sluice::proxy {
namespace {

constexpr std::string_view unknown = "The gateway has not seen what this refers to, or has forgotten it; send the text itself.";
constexpr std::string_view unfinished = "The answer that this refers to has not been read through the gateway yet; read it first.";
constexpr std::string_view blocked = "What this refers to holds an answer that was blocked; begin anew without it.";

bool succeeded(int status) { return status >= 200 && status < 300; }

}  // namespace

// The entry of a handle, noted for the record; null when it is not in the ledger.
std::shared_ptr<const ledger_entry> exchange::impl::recall(std::string_view handle, std::string_view at) {
  auto found = worker.recall_handle({caller.who.tenant, dialect->name(), handle});
  if (!found) return found;
  recalled.push_back({std::string(at), found->version, found->verdict});
  for (const auto& tag : found->who.tags) {
    if (std::ranges::find(handle_tags, tag) == handle_tags.end()) handle_tags.push_back(tag);
  }
  return found;
}

// What the path names. False: the answer was written.
bool exchange::impl::recall_path(effects& out) {
  if (config.server_state != unreadable_policy::ledger || endpoint.handle.empty()) return true;
  const auto entry = recall(endpoint.handle, "path");
  if (!entry) return spares(request_spared, "unreadable: server state") || refuse_state(unknown, "", out);
  if (endpoint.grows) {
    grown.emplace_back(endpoint.handle);
    return true;
  }
  caller.who = entry->who;  // of the same tenant, or it would not have been found
  caller.who.minute = minute_of(started.wall);
  return true;
}

// What a field of the request names. False: the answer was written.
bool exchange::impl::recall_field(const wire::unread& field, effects& out) {
  if (field.later) return true;  // its handle goes into the ledger as one that is not whole
  const auto entry = field.handle.empty() ? nullptr : recall(field.handle, field.path);
  const auto why = !entry ? unknown : !entry->whole ? unfinished : entry->verdict == policy::verdict::block ? blocked : std::string_view();
  if (!why.empty()) return spares(request_spared, "unreadable: server state") || refuse_state(why, field.path, out);
  if (field.grows) grown.push_back(field.handle);
  return true;
}

bool exchange::impl::refuse_state(std::string_view why, std::string_view param, effects& out) {
  unread = "server state";
  reason = "unreadable: server state";
  answer_error(wire::gateway_error::bad_request, why, param, out);
  return false;
}

// Before the last byte leaves: the client may go on at once.
void exchange::impl::keep_handles() {
  if (config.server_state != unreadable_policy::ledger || !scanned || request_refused) return;
  const auto entry = [this](policy::verdict v, bool whole) {
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
  };
  const auto keep = [this](std::string_view id, const std::shared_ptr<const ledger_entry>& as) { worker.keep_handle({caller.who.tenant, dialect->name(), id}, as); };
  // What the upstream was told and nobody read, or what was blocked, is part of what it grows from now on.
  const auto v = strongest();
  if (asked != mono_time{}) {
    for (const auto& id : grown) keep(id, entry(v, true));
  }
  if (v == policy::verdict::block || !answer_read || !succeeded(answer.get().status)) return;
  std::vector<wire::handle> streamed;
  if (stream) streamed = stream->handles();
  const auto handles = stream ? std::span<const wire::handle>(streamed) : content ? content->handles() : std::span<const wire::handle>();
  if (handles.empty()) return;
  const auto whole = entry(v, true), begun = entry(v, false);
  for (const auto& each : handles) keep(each.id, each.whole ? whole : begun);
}

}  // namespace sluice::proxy
