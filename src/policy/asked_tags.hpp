// The tags that a place asks for: whatever stands there concerns only conversations that have one of them.
#pragma once

#include <set>
#include <string>

#include "sluice/policy/ast.hpp"

namespace sluice::policy {

inline void add_tags(const scope& asked, std::set<std::string>& out) { out.insert(asked.conversation_tag.begin(), asked.conversation_tag.end()); }

// Of a policy or an overlay.
template <class Placed>
void add_tags_of(const Placed& where, std::set<std::string>& out) {
  add_tags(where.scope, out);
  for (const scope& bind : where.binds) add_tags(bind, out);
}

}  // namespace sluice::policy
