// See table.hpp.
#include "table.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "copies.hpp"

namespace sluice::wire {

namespace {

// Go's folding of an ASCII name: the two letters beyond ASCII that fold into it are the long s and the Kelvin sign.
void append_folded(std::string& out, std::string_view key) {
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (key.substr(i).starts_with("\xc5\xbf")) {
      out += 's';
      ++i;
    } else if (key.substr(i).starts_with("\xe2\x84\xaa")) {
      out += 'k';
      i += 2;
    } else {
      out += key[i] >= 'A' && key[i] <= 'Z' ? static_cast<char>(key[i] - 'A' + 'a') : key[i];
    }
  }
}

void append_camel(std::string& out, std::string_view key) {
  bool up = false;
  for (const char c : key) {
    if (c == '_') {
      up = true;
      continue;
    }
    out += up && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    up = false;
  }
}

// The key of the member that a row is about.
std::string_view key_of(const row& r) { return r.path.substr(r.path.find_last_of(".>]") + 1); }

std::string canonical(std::string_view key, key_form form) {
  std::string out;
  if (form == key_form::folded) {
    append_folded(out, key);
  } else {
    append_camel(out, key);
  }
  return out;
}

std::vector<row> with_errors(std::span<const row> rows, std::span<const row> errors) {
  std::vector<row> out(rows.begin(), rows.end());
  for (const auto& e : errors) {
    if (std::ranges::find(rows, e.path, &row::path) == rows.end()) out.push_back(e);
  }
  return out;
}

// Equal for equal keys. `at(i)`: the key's byte at a place.
template <class At>
std::uint32_t mark_of(std::size_t size, At&& at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(at(i))); };
  return size == 0 ? 0 : static_cast<std::uint32_t>(size & 0xff) | byte(0) << 8 | byte(size / 2) << 16 | byte(size - 1) << 24;
}
std::uint32_t mark_of(std::string_view key) {
  return mark_of(key.size(), [key](std::size_t i) { return key[i]; });
}
// Of "<type>".
std::uint32_t mark_of_type(std::string_view type) {
  return mark_of(type.size() + 2, [type](std::size_t i) { return i == 0 ? '<' : i > type.size() ? '>' : type[i - 1]; });
}

std::size_t slot_of(std::uint32_t mark, std::size_t slots) { return (mark * 0x9e3779b1u >> 16) & (slots - 1); }

// A schema is scanned whole, as are arguments; parameters are known down to their leaves, and so are copies.
bool is_scanned_below(text_class what) {
  return what == text_class::schema || what == text_class::arguments || what == text_class::parameters || what == text_class::copy;
}

}  // namespace

path_table::path_table(std::span<const row> rows, key_form form) : rows_(rows.begin(), rows.end()), form_(form), nodes_(1) {
  for (const auto& r : rows_) {
    std::uint16_t state = root;
    auto path = r.path;
    while (!path.empty()) {
      if (path.starts_with("[]")) {
        state = add(state, "[]");
        path.remove_prefix(2);
      } else if (path.starts_with('<')) {
        const auto base = state;
        const auto end = path.find('>') + 1;
        state = add(state, path.substr(0, end));
        nodes_[state].base = base;
        nodes_[base].by_type = true;
        path.remove_prefix(end);
      } else {
        const auto end = std::min(path.find_first_of(".[<", 1), path.size());
        state = add(state, path.substr(0, end));
        path.remove_prefix(end);
      }
      if (path.starts_with('.')) path.remove_prefix(1);
    }
    nodes_[state].row = &r;
  }
  for (auto& n : nodes_) n.covers = n.row != nullptr && n.steps.empty() && is_scanned_below(n.row->what);
}

void path_table::know_type(std::string_view step) {
  nodes_[add(root, step)].base = root;
}

answer_table::answer_table(std::span<const row> rows, std::span<const row> errors, key_form form) : path_table(with_errors(rows, errors), form) {
  // An error says that it is one, or has no type.
  for (const char* type : {"<error>", "<>"}) {
    if (types_at_root()) know_type(type);
  }
}

template <class Is>
std::uint16_t path_table::find_by(std::uint16_t state, std::uint32_t mark, Is&& is) const {
  const auto& n = nodes_[state];
  if (n.slots.empty()) return unknown;
  for (auto at = slot_of(mark, n.slots.size()); n.slots[at] != 0; at = (at + 1) & (n.slots.size() - 1)) {
    const auto& s = n.steps[n.slots[at] - 1u];
    if (s.mark == mark && is(s.key)) return s.to;
  }
  return unknown;
}

std::uint16_t path_table::find(std::uint16_t state, std::string_view key) const {
  return find_by(state, mark_of(key), [key](std::string_view step) { return step == key; });
}

std::uint16_t path_table::find_type(std::uint16_t state, std::string_view type) const {
  return find_by(state, mark_of_type(type), [type](std::string_view step) { return step.size() == type.size() + 2 && step.substr(1, type.size()) == type; });
}

// At most half of them are taken, so that a key that is not there is known by the first or second.
void path_table::put_into_slots(tree_node& of) {
  const auto place = [&](std::size_t step) {
    auto at = slot_of(of.steps[step].mark, of.slots.size());
    while (of.slots[at] != 0) at = (at + 1) & (of.slots.size() - 1);
    of.slots[at] = static_cast<std::uint16_t>(step + 1);
  };
  if (of.slots.size() >= 2 * of.steps.size()) return place(of.steps.size() - 1);
  of.slots.assign(std::bit_ceil(4 * of.steps.size()), 0);
  for (std::size_t i = 0; i < of.steps.size(); ++i) place(i);
}

std::uint16_t path_table::add(std::uint16_t state, std::string_view key) {
  if (const auto known = find(state, key); known != unknown) return known;
  const auto made = static_cast<std::uint16_t>(nodes_.size());
  nodes_.emplace_back();
  auto& n = nodes_[state];
  n.steps.push_back({key, mark_of(key), made});
  put_into_slots(n);
  if (key == "{*}") n.any_key = made;
  if (key == "[]") n.each = made;
  return made;
}

bool path_table::knows_type(std::string_view type) const { return find_type(root, type) != unknown; }

std::uint16_t path_table::member(std::uint16_t state, std::string_view key) const {
  if (state == unknown) return unknown;
  if (covers_below(state)) return state;
  if (key.starts_with('<') || key.starts_with('[')) return nodes_[state].any_key;  // the table's own words are no keys
  auto found = find(state, key);
  if (found == unknown && form_ == key_form::camel_or_snake && key.find('_') != std::string_view::npos) {
    found = find(state, canonical(key, form_));
  }
  if (found == unknown && nodes_[state].base != unknown) return member(nodes_[state].base, key);
  return found != unknown ? found : nodes_[state].any_key;
}

std::uint16_t path_table::element(std::uint16_t state) const {
  if (state == unknown) return unknown;
  if (covers_below(state)) return state;
  return nodes_[state].each;
}

// An object of a place where the type says what it is; of a type that no row names, nothing is known.
std::uint16_t path_table::typed(std::uint16_t state, const text::json::document& body, text::json::index object) const {
  if (state == unknown || !nodes_[state].by_type || body[object].kind != text::json::kind::object) return state;
  const auto type = body.member(object, "type");
  const auto word = type == text::json::none ? std::string_view() : body[type].text;
  return find_type(state, word);
}

void path_table::walk(const text::json::document& body, std::vector<std::uint16_t>& states) const {
  const auto nodes = body.nodes();
  states.resize(nodes.size());
  if (nodes.empty()) return;
  states[0] = typed(root, body, 0);
  const row* copy = nullptr;  // the last one met, and its key: the values below a copy are many
  std::string_view key;
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const auto parent = nodes[i].parent;
    states[i] = nodes[parent].kind == text::json::kind::object ? member(states[parent], nodes[i].key) : element(states[parent]);
    states[i] = typed(states[i], body, static_cast<text::json::index>(i));
    const auto* r = at(states[i]);
    if (r == nullptr) continue;
    // A string where a number should be, or where what repeats a text in pieces should; and in that, what repeats nothing.
    const bool string = nodes[i].kind == text::json::kind::string, below = states[parent] == states[i];
    if (below && r->what == text_class::copy && std::exchange(copy, r) != r) key = key_of(*r);
    const bool foreign = r->what == text_class::copy && (below ? !belongs_to_copy(key, body, static_cast<text::json::index>(i)) : string);
    if (foreign || (r->what == text_class::scalar && string)) states[i] = unknown;
  }
}

bool path_table::names_keys(std::uint16_t state) const {
  if (state == unknown || covers_below(state)) return false;
  for (const auto& s : nodes_[state].steps) {
    if (s.key != "{*}" && s.key != "[]") return true;
  }
  return nodes_[state].base != unknown;
}

result<void> path_table::one_spelling(const text::json::document& body, const std::vector<std::uint16_t>& states) const {
  const auto key = ambiguous_key(body, states);
  if (key == text::json::none) return {};
  return fail(errc::parse, "the key at " + body.path(key) + " is one that the API reads in another spelling, or it stands twice in two spellings; write each key once, as the API's documents do");
}

// What may be another spelling of a name. Tables have none of these letters in theirs, so most objects need no closer look.
bool path_table::odd_spelling(std::string_view key) const {
  if (form_ == key_form::camel_or_snake) return key.find('_') != std::string_view::npos;
  return std::ranges::any_of(key, [](char c) { return static_cast<unsigned char>(c) >= 0x80 || (c >= 'A' && c <= 'Z'); });
}

text::json::index path_table::ambiguous_key(const text::json::document& body, const std::vector<std::uint16_t>& states) const {
  if (form_ == key_form::exact) return text::json::none;
  std::vector<std::pair<std::string, text::json::index>> keys;
  for (text::json::index object = 0; object < states.size(); ++object) {
    if (body[object].kind != text::json::kind::object || !names_keys(states[object])) continue;
    bool odd = false;
    for (auto m = body.first_child(object); m != text::json::none && !odd; m = body.sibling(m)) odd = odd_spelling(body[m].key);
    if (!odd) continue;  // and the parser knows that no key stands twice
    keys.clear();
    for (auto m = body.first_child(object); m != text::json::none; m = body.sibling(m)) keys.emplace_back(canonical(body[m].key, form_), m);
    std::sort(keys.begin(), keys.end());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i > 0 && keys[i].first == keys[i - 1].first) return keys[i].second;
      if (form_ != key_form::folded || body[keys[i].second].key == keys[i].first) continue;
      if (find(states[object], body[keys[i].second].key) == unknown && find(states[object], keys[i].first) != unknown) return keys[i].second;
    }
  }
  return text::json::none;
}

text::json::index path_table::child(const text::json::document& body, const std::vector<std::uint16_t>& states, text::json::index object,
                                    std::string_view key) const {
  if (body[object].kind != text::json::kind::object) return text::json::none;
  // Nearly always it is spelled as it is asked for, or not there.
  const auto as_asked = body.member(object, key);
  if (as_asked == text::json::none && form_ == key_form::exact) return text::json::none;
  const auto wanted = member(states[object], key);
  if (wanted == unknown || as_asked != text::json::none) return wanted == unknown ? text::json::none : as_asked;
  for (auto m = body.first_child(object); m != text::json::none; m = body.sibling(m)) {
    if (member(states[object], body[m].key) == wanted) return m;
  }
  return text::json::none;
}

void row_list::add(std::string_view prefix, std::span<const row> rows, role_source of_message) {
  for (auto r : rows) {
    auto& path = paths_.emplace_back(prefix);
    if (!path.empty() && !r.path.starts_with('[') && !r.path.starts_with('<') && !r.path.empty()) path += '.';
    path += r.path;
    r.path = path;
    if (r.from == role_source::of_message) r.from = of_message;
    if (r.from == role_source::tool && r.kind == part_kind::text) r.kind = part_kind::tool_result;
    rows_.push_back(r);
  }
}

void row_list::change(std::string_view path, text_class what) {
  for (auto& r : rows_) {
    if (r.path == path) r.what = what;
  }
}

void row_list::comes(std::string_view prefix, coming how) {
  for (auto& r : rows_) {
    if (r.comes == coming::unsaid && r.path.starts_with(prefix)) r.comes = how;
  }
}

void row_list::apart(std::string_view prefix) {
  for (auto& r : rows_) r.apart = r.apart || r.path.starts_with(prefix);
}

namespace {

std::string_view treatment(const row& r, bool streamed) {
  if (streamed && r.comes == coming::whole && r.what == text_class::text) return "scanned, edited; whole in each event";
  if (streamed && r.comes == coming::whole && r.what == text_class::name && r.kind != part_kind::name) return "scanned; a redaction blocks; whole in each event";
  if (r.names_model) return "passed: a model; unreadable.unknown_part where rules or upstreams tell it apart from the one asked for; other text there is scanned";
  if (r.fetches) return "unreadable.upstream_fetch; settings in it pass, other text there is scanned";
  switch (r.what) {
    case text_class::text: return r.apart ? "scanned, edited; each element of the list by itself" : "scanned, edited";
    case text_class::json: case text_class::arguments: return "leaves scanned, edited; keys scanned";
    case text_class::schema: case text_class::name: return "scanned; a redaction blocks";
    case text_class::reference: return "unreadable.server_state";
    case text_class::binary: return "text is scanned, text/… edited, a redaction of others blocks; unreadable.attachments";
    case text_class::scalar: return "passed: a number or a flag; a string there is scanned as any other";
    case text_class::opaque: return "passed: an identifier; other text there is scanned";
    case text_class::parameters: return "passed: settings or counts; other text there is scanned";
    case text_class::sealed: return "passed: signed or encrypted; other text there is scanned";
    case text_class::handle: return "passed: an identifier, kept by unreadable.server_state: ledger; other text there is scanned";
    case text_class::copy:
      if (r.path == "choices[].token_ids") {
        return streamed ? "dropped when the text is edited; unreadable.unknown_part where its event has no text, but for the one token with which a choice ends"
                        : "dropped when the text is edited; unreadable.unknown_part where its choice has no text";
      }
      if (spells_text(key_of(r))) return "dropped when the text is edited; where it says otherwise than the text, and alternatives in it, are scanned, an edit of one drops it";
      if (times_words(key_of(r))) return "dropped when the text is edited; scanned where they say otherwise than the text, unreadable.unknown_part without one";
      return "numbers; dropped when the text is edited; anything else there is scanned as any other";
  }
  return "";
}

}  // namespace

void add_coverage(std::vector<dialect::coverage_row>& out, std::string_view endpoint, std::string_view direction, std::string_view streaming,
                  std::span<const row> rows) {
  for (const auto& r : rows) {
    const bool read = r.what < text_class::opaque || r.what == text_class::arguments;
    out.push_back({endpoint, direction, r.path, to_string(r.what), read ? to_string(r.from) : "-", read ? to_string(r.kind) : "-", streaming,
                   treatment(r, streaming == "yes")});
  }
}

bool looks_as(text_class what, std::string_view text) {
  constexpr std::size_t word_bytes_max = 128;
  if (what != text_class::sealed && text.size() > word_bytes_max) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || std::string_view("_-.:/+=@~,").find(c) != std::string_view::npos;
  });
}

std::string_view to_string(text_class c) {
  static constexpr auto names = std::to_array<std::string_view>({"T", "J", "S", "N", "R", "B", "O", "V", "A", "P", "E", "H", "C"});
  return names[static_cast<std::size_t>(c)];
}

std::string_view to_string(part_kind k) {
  static constexpr auto names = std::to_array<std::string_view>({"text", "reasoning", "refusal", "tool_definition", "tool_call", "tool_result",
                                                                 "attachment", "annotation", "transcript", "error", "name"});
  return names[static_cast<std::size_t>(k)];
}

std::string_view to_string(role_source r) {
  static constexpr auto names = std::to_array<std::string_view>({"of the message", "system", "user", "assistant", "tool"});
  return names[static_cast<std::size_t>(r)];
}

role to_role(role_source from, role of_message) {
  switch (from) {
    case role_source::of_message: return of_message;
    case role_source::system: return role::system;
    case role_source::user: return role::user;
    case role_source::assistant: return role::assistant;
    case role_source::tool: return role::tool;
  }
  return role::user;
}

}  // namespace sluice::wire
