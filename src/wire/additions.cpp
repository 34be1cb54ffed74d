// See additions.hpp.
#include "additions.hpp"

#include "sluice/base/strings.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

namespace {

constexpr std::string_view blank_line = "\n\n";

std::string message(std::string_view role, std::string_view words) {
  return "{\"role\":" + json_quoted(role) + ",\"content\":" + json_quoted(words) + "}";
}

void insert(std::uint32_t at, std::string text, splice_list& splices) { splices.push_back({at, at, std::move(text)}); }

}  // namespace

std::string joined(const system_words& added) {
  std::string out(added.before);
  if (!added.before.empty() && !added.behind.empty()) out += blank_line;
  out += added.behind;
  return out;
}

void add_system_message(const text::json::document& body, index messages, const system_words& added, splice_list& splices) {
  index last = none;  // of the messages with which the system begins
  std::string_view first_role, last_role;
  bool begins = true, developer = false;
  for (auto m = body.first_child(messages); m != none; m = body.sibling(m)) {
    const auto at = body[m].kind == kind::object ? body.member(m, "role") : none;
    const auto role = at == none ? std::string_view() : body[at].text;
    developer = developer || role == "developer";
    begins = begins && (role == "system" || role == "developer");
    if (!begins) continue;
    if (last == none) first_role = role;
    last = m;
    last_role = role;
  }
  const auto first = body.first_child(messages);
  if (last == none) {
    const auto one = message(developer ? "developer" : "system", joined(added));
    return first == none ? insert(body[messages].raw_begin + 1, one, splices) : insert(body[first].raw_begin, one + ",", splices);
  }
  if (!added.before.empty()) insert(body[first].raw_begin, message(first_role, added.before) + ",", splices);
  if (!added.behind.empty()) insert(body[last].raw_end, "," + message(last_role, added.behind), splices);
}

void add_behind(const text::json::document& body, index literal, std::string_view text, splice_list& splices) {
  insert(body[literal].raw_end - 1, json_escaped(text), splices);
}

void add_to_text(const text::json::document& body, index literal, const system_words& added, splice_list& splices) {
  const auto& n = body[literal];
  if (n.text.empty()) return insert(n.raw_begin + 1, json_escaped(joined(added)), splices);
  if (!added.before.empty()) insert(n.raw_begin + 1, json_escaped(std::string(added.before).append(blank_line)), splices);
  if (!added.behind.empty()) insert(n.raw_end - 1, json_escaped(std::string(blank_line).append(added.behind)), splices);
}

void add_to_list(const text::json::document& body, index array, const system_words& added, std::string (*block)(std::string_view text),
                 splice_list& splices) {
  const auto first = body.first_child(array);
  if (first == none) {
    std::string all = added.before.empty() ? "" : block(added.before);
    if (!added.behind.empty()) all += (all.empty() ? "" : ",") + block(added.behind);
    return insert(body[array].raw_begin + 1, std::move(all), splices);
  }
  auto last = first;
  for (auto i = first; i != none; i = body.sibling(i)) last = i;
  if (!added.before.empty()) insert(body[first].raw_begin, block(added.before) + ",", splices);
  if (!added.behind.empty()) insert(body[last].raw_end, "," + block(added.behind), splices);
}

void add_member(const text::json::document& body, index object, std::string_view key, std::string_view value, splice_list& splices) {
  auto member = json_quoted(key) + ":";
  member += value;
  if (body.first_child(object) != none) member += ',';
  insert(body[object].raw_begin + 1, std::move(member), splices);
}

void set_member(const text::json::document& body, index object, index at, std::string_view key, std::string_view value, splice_list& splices) {
  if (at == none) return add_member(body, object, key, value, splices);
  splices.push_back({body[at].raw_begin, body[at].raw_end, std::string(value)});
}

}  // namespace sluice::wire
