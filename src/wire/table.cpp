// See table.hpp.
#include "table.hpp"

#include <array>

namespace sluice::wire {

path_table::path_table(std::span<const row> rows) : rows_(rows), nodes_(1) {
  for (const auto& r : rows) {
    std::uint16_t state = root;
    auto path = r.path;
    while (!path.empty()) {
      if (path.starts_with("[]")) {
        state = add(state, "[]");
        path.remove_prefix(2);
      } else {
        const auto end = std::min(path.find_first_of(".[", 1), path.size());
        state = add(state, path.substr(0, end));
        path.remove_prefix(end);
      }
      if (path.starts_with('.')) path.remove_prefix(1);
    }
    nodes_[state].row = &r;
  }
}

std::uint16_t path_table::find(std::uint16_t state, std::string_view key) const {
  for (const auto& s : nodes_[state].steps) {
    if (s.key == key) return s.to;
  }
  return unknown;
}

std::uint16_t path_table::add(std::uint16_t state, std::string_view key) {
  if (const auto known = find(state, key); known != unknown) return known;
  const auto made = static_cast<std::uint16_t>(nodes_.size());
  nodes_.emplace_back();
  nodes_[state].steps.push_back({key, made});
  return made;
}

// A schema is scanned whole; what is opaque is opaque down to its leaves.
bool path_table::covers_below(std::uint16_t state) const {
  const auto& n = nodes_[state];
  return n.row != nullptr && n.steps.empty() && (n.row->what == text_class::schema || n.row->what == text_class::opaque);
}

std::uint16_t path_table::member(std::uint16_t state, std::string_view key) const {
  if (state == unknown) return unknown;
  if (covers_below(state)) return state;
  const auto exact = find(state, key);
  return exact != unknown ? exact : find(state, "{*}");
}

std::uint16_t path_table::element(std::uint16_t state) const {
  if (state == unknown) return unknown;
  if (covers_below(state)) return state;
  return find(state, "[]");
}

void path_table::walk(const text::json::document& body, std::vector<std::uint16_t>& states) const {
  const auto nodes = body.nodes();
  states.resize(nodes.size());
  if (nodes.empty()) return;
  states[0] = root;
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const auto parent = nodes[i].parent;
    states[i] = nodes[parent].kind == text::json::kind::object ? member(states[parent], nodes[i].key) : element(states[parent]);
    if (nodes[i].kind == text::json::kind::string && at(states[i]) != nullptr && at(states[i])->what == text_class::scalar) states[i] = unknown;
  }
}

std::string_view to_string(text_class c) {
  static constexpr auto names = std::to_array<std::string_view>({"T", "J", "S", "N", "R", "B", "O", "V"});
  return names[static_cast<std::size_t>(c)];
}

std::string_view to_string(part_kind k) {
  static constexpr auto names = std::to_array<std::string_view>({"text", "reasoning", "refusal", "tool_definition", "tool_call", "tool_result",
                                                                 "attachment", "annotation", "transcript", "error", "name"});
  return names[static_cast<std::size_t>(k)];
}

std::string_view to_string(role_source r) {
  static constexpr auto names = std::to_array<std::string_view>({"of the message", "system", "user", "assistant"});
  return names[static_cast<std::size_t>(r)];
}

role to_role(role_source from, role of_message) {
  switch (from) {
    case role_source::of_message: return of_message;
    case role_source::system: return role::system;
    case role_source::user: return role::user;
    case role_source::assistant: return role::assistant;
  }
  return role::user;
}

}  // namespace sluice::wire
