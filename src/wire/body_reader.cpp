// See body_reader.hpp.
#include "body_reader.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "sluice/base/limits.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

namespace {

// The first edge of what nobody knows: its parent is known.
bool begins_unknown(const std::vector<std::uint16_t>& states, const text::json::document& body, index i) {
  return states[i] == path_table::unknown && (i == 0 || states[body[i].parent] != path_table::unknown);
}

// Whether the key of what a row covers or names is somebody's word. `below`: it stands within what the row covers.
bool key_is_text(const text::json::document& body, index i, const row& r, bool below) {
  const auto& n = body[i];
  if (n.key.empty()) return false;
  const bool words = below && (r.what == text_class::schema || r.what == text_class::arguments);
  const bool odd = below && r.what == text_class::parameters && !looks_as(r.what, n.key);
  // The keys of a map that its author fills are words, too.
  return words || odd || (r.path.ends_with("{*}") && !below);
}

// A value that is read under a row.
void list_value(listed_body& listed, index i, const row& r, const part& like, bool below, part_kind as_kind, std::uint32_t depth_max) {
  const auto& n = listed.body()[i];
  if (n.kind == kind::string && !n.text.empty()) {
    auto as = r;
    as.kind = as_kind;
    return listed.add(i, as, like, depth_max);
  }
  const bool wants_text = r.what == text_class::text || r.what == text_class::name || r.what == text_class::json || r.what == text_class::schema;
  if (n.kind == kind::number && (wants_text || r.what == text_class::arguments)) listed.add_value(i, like);
  if ((n.kind == kind::boolean || n.kind == kind::null) && below && r.what == text_class::arguments) listed.add_value(i, like);
}

// What is dropped goes with the edits in it, and with what else is dropped there.
void drop(std::vector<text::json::splice> dropped, std::vector<text::json::splice>& splices) {
  std::map<std::pair<std::uint32_t, std::int64_t>, std::string> in_order;  // by begin, the longest first; what is said last of a value holds
  for (auto& d : dropped) in_order.insert_or_assign({d.begin, -std::int64_t{d.end}}, std::move(d.replacement));
  std::vector<text::json::splice> outer;
  for (auto& [at, with] : in_order) {
    const auto end = static_cast<std::uint32_t>(-at.second);
    if (outer.empty() || end > outer.back().end) outer.push_back({at.first, end, std::move(with)});
  }
  std::erase_if(splices, [&](const text::json::splice& s) {
    const auto behind = std::ranges::upper_bound(outer, s.begin, {}, &text::json::splice::begin);
    return behind != outer.begin() && s.end <= std::prev(behind)->end;
  });
  std::ranges::move(outer, std::back_inserter(splices));
}

}  // namespace

result<void> table_request::read(std::string_view bytes, const request_shape& shape, std::uint32_t depth_max) {
  if (auto parsed = listed_.parse(bytes, depth_max, limits::request_values); !parsed) return parsed;
  const auto& body = listed_.body();
  if (body[0].kind != kind::object) return fail(errc::parse, "the request body is no JSON object");
  shape.table.walk(body, states_);
  if (auto plain = shape.table.one_spelling(body, states_); !plain) return plain;
  index messages = none;
  if (!shape.messages.empty()) messages = shape.table.child(body, states_, 0, shape.messages);
  if (messages == none && !shape.within.empty()) {
    const auto inner = shape.table.child(body, states_, 0, shape.within);
    if (inner != none) messages = shape.table.child(body, states_, inner, shape.messages);
  }
  if (messages != none && body[messages].kind != kind::array) messages = none;
  if (messages == none && shape.needs_messages) return fail(errc::parse, std::string(shape.messages) + " is missing or is no array");
  if (const auto m = shape.table.child(body, states_, 0, "model"); m != none && body[m].kind == kind::string) model_ = model_of(body[m].text);
  const auto stream = shape.table.child(body, states_, 0, "stream");
  stream_ = stream != none && body[stream].text == "true";
  if (messages != none) find_last_turn(shape, messages);
  list(shape, messages, depth_max);
  if (listed_.too_many_values()) {
    return fail(errc::limit, "the request and the JSON in its strings have more than " + std::to_string(limits::request_values) + " values together; send less at once");
  }
  return {};
}

std::vector<named_model> table_request::other_models() const {
  std::vector<named_model> out;
  for (const auto i : other_models_) {
    const auto name = model_of(listed_.body()[i].text);
    if (name != model()) out.push_back({name, listed_.body().path(i)});
  }
  return out;
}

// Whose turn a message belongs to, where that is known. What an element is outranks a role that a client writes into it.
std::optional<role> table_request::turn_of(const request_shape& shape, index message) const {
  const auto& body = listed_.body();
  const auto r = shape.table.child(body, states_, message, "role");
  if (shape.turn_of_type != nullptr) {
    const auto type = shape.table.child(body, states_, message, "type");
    if (type == none && r == none) return std::nullopt;
    if (type != none && body[type].text != "message") return shape.turn_of_type(body[type].text);
  }
  role who{};
  if (r == none) return shape.role_may_lack ? std::optional(role::user) : std::nullopt;
  return shape.roles.of(body[r].text, who) ? std::optional(who) : std::nullopt;
}

// The last turn begins behind the last message of the model's that something of the user's or a tool's follows. Words that a client lays into
// the model's mouth at the end, for it to go on from, end no turn: else they would hide from every rule of the last turn what was asked.
void table_request::find_last_turn(const request_shape& shape, index messages) {
  const auto& body = listed_.body();
  index said = 0;
  for (auto m = body.first_child(messages); m != none; m = body.sibling(m)) {
    const auto who = turn_of(shape, m);
    if (who == role::assistant) said = m;
    if (who == role::user || who == role::tool) before_turn_ = said;
  }
}

// What no table knows: told once where it holds text, and not looked into. A number or a flag is no text, nor are some in an object, but their keys
// are somebody's words.
bool table_request::skips_unknown(index i, part like) {
  const auto& body = listed_.body();
  const auto& n = body[i];
  const bool container = n.kind == kind::object || n.kind == kind::array;
  if (n.kind == kind::number && body[n.parent].kind == kind::array) {
    if (i == body.first_child(n.parent)) listed_.add_unread("unknown part", n.parent);
    return true;
  }
  if (is_thing(i) || holds_text_beside_keys(body, i)) {
    listed_.add_unread("unknown part", i);
    return container;
  }
  like.kind = part_kind::annotation;
  for (auto at = i; at < n.next; ++at) {
    if (!body[at].key.empty()) listed_.add_key(at, like);
    if (body[at].kind == kind::number) listed_.add_value(at, like);
  }
  return container;
}

// "true" for true: text where the API takes a number or a flag.
bool table_request::is_quoted_scalar(const path_table& table, index i) const {
  const auto& body = listed_.body();
  const auto& n = body[i];
  if (i == 0 || n.kind != kind::string || n.text.empty()) return false;
  const auto above = states_[n.parent];
  const auto* r = table.at(body[n.parent].kind == kind::object ? table.member(above, n.key) : table.element(above));
  return r != nullptr && r->what == text_class::scalar;
}

// Parts of types that nobody here knows, and content that is elsewhere or no text.
bool table_request::skips(const path_table& table, index i, const part& like) {
  const auto& body = listed_.body();
  const auto& n = body[i];
  if (begins_unknown(states_, body, i)) {
    if (is_quoted_scalar(table, i)) {
      listed_.add_unread({.reason = "unknown part", .path = {}, .instead = "write it without quotes, as the number or the flag (true, false) that the API takes there,"}, i);
      return true;
    }
    // Below a place that wants a text, each key is a word of the client's.
    const auto* above = i != 0 && body[n.parent].kind == kind::object ? table.at(states_[n.parent]) : nullptr;
    const bool words = above != nullptr && !above->fetches;
    if (!words || holds_text(body, i)) return skips_unknown(i, like);
    listed_.add_unread("unknown part", i);
    return n.kind == kind::object || n.kind == kind::array;
  }
  const auto* r = table.at(states_[i]);
  const bool wants_text = r == nullptr || r->what == text_class::text || r->what == text_class::name || r->what == text_class::json;
  if (wants_text && n.kind == kind::number && body[n.parent].kind == kind::array) {
    // Tokens, told once for a row of them: at the array, or where it begins among texts.
    const bool first = i == body.first_child(n.parent);
    if (first || body[i - 1].kind != kind::number) listed_.add_unread("unknown part", first ? n.parent : i);
    return true;
  }
  // A value where an object or a list should be.
  if (r == nullptr && (n.kind == kind::string ? !n.text.empty() : n.kind == kind::number)) {
    listed_.add_unread("unknown part", i);
    return true;
  }
  if (r == nullptr || (r->what != text_class::reference && r->what != text_class::binary)) return false;
  if (n.kind == kind::string ? n.text.empty() : !hides_text(body, i, *r, table.leads_on(states_[i]))) return false;
  if (r->what == text_class::binary) {
    listed_.add_attachment(i, *r, like);
  } else {
    listed_.add_reference(i, *r);
  }
  return true;
}

void table_request::begin_message(const request_shape& shape, index message, part& like) {
  const auto& body = listed_.body();
  const auto r = shape.table.child(body, states_, message, "role");
  like.role = role::user;
  const bool known = r == none ? shape.role_may_lack : shape.roles.of(body[r].text, like.role);
  if (!known) listed_.add_unread({.reason = "unknown part", .path = {}, .instead = shape.roles.advice}, r == none ? message : r);
  like.last_turn = message > before_turn_;
}

// Whether it is an element of a list at the top.
bool table_request::is_listed(index i) const {
  const auto& body = listed_.body();
  const auto list = body[i].parent;
  return list != 0 && body[list].parent == 0 && body[list].kind == kind::array;
}

void table_request::list(const request_shape& shape, index messages, std::uint32_t depth_max) {
  const auto& body = listed_.body();
  part like{role::user, part_kind::text, true, true, {}, 0};
  std::int32_t element = -1;  // of the lists at the top, counted through all of them
  for (index i = states_.empty() || states_[0] == path_table::unknown ? 0 : 1; i < states_.size();) {
    const auto& n = body[i];
    if (messages != none && n.parent == messages && i != messages) begin_message(shape, i, like);
    const bool in_messages = messages != none && i > messages && i < body[messages].next;
    part mine = like;
    if (!in_messages) mine.last_turn = true;
    const auto* r = shape.table.at(states_[i]);
    if (is_listed(i)) ++element;
    if (r != nullptr && r->apart) mine.choice = element;
    mine.role = to_role(r == nullptr ? role_source::of_message : r->from, in_messages ? like.role : role::user);
    if (skips(shape.table, i, mine)) {
      i = n.next;
      continue;
    }
    if (r != nullptr) {
      mine.kind = r->kind;
      const bool below = states_[n.parent] == states_[i];
      if (r->names_model && n.kind == kind::string) other_models_.push_back(i);
      if (r->fetches && !below && n.kind != kind::null && n.text != "false") listed_.add_fetch(i, r->stands_for);
      if (key_is_text(body, i, *r, below)) listed_.add_key(i, mine);
      list_value(listed_, i, *r, mine, below, kind_of(i, *r), depth_max);
    }
    ++i;
  }
}

result<void> table_response::read(std::string_view bytes, const answer_table& table, std::string_view choices, std::uint32_t depth_max) {
  if (auto parsed = listed_.parse(bytes, depth_max); !parsed) return parsed;
  const auto& body = listed_.body();
  const bool of_list = body[0].kind == kind::array && table.element(path_table::root) != path_table::unknown;
  if (body[0].kind != kind::object && !of_list) return fail(errc::parse, "the answer is no JSON object");
  table_ = &table;
  auto& states = states_;
  table.walk(body, states);
  if (auto plain = table.one_spelling(body, states); !plain) return plain;
  const auto list = choices.empty() ? none : table.child(body, states, 0, choices);
  part like{role::assistant, part_kind::text, true, true, {}, 0};
  like.choice = choices.empty() ? 0 : -1;
  if (choices.empty()) nodes_.push_back(0);
  for (index i = 1; i < states.size(); ++i) {
    const auto& n = body[i];
    if (list != none && n.parent == list) {
      like.choice = static_cast<std::int32_t>(nodes_.size());
      nodes_.push_back(i);
    }
    if (list != none && i >= body[list].next) like.choice = -1;
    const auto* r = table.at(states[i]);
    auto mine = like;
    if (list == none && mine.choice == 0 && !of_choice(i)) mine.choice = -1;
    if (r == nullptr) {
      list_unknown(i, mine);
      continue;
    }
    if (r->what == text_class::handle && n.kind == kind::string && looks_as(r->what, n.text) && handles_.size() < limits::handles) handles_.push_back({n.text});
    mine.role = role_of(i, *r);
    if (r->what == text_class::copy) {
      list_alternatives(i, mine);
      continue;
    }
    mine.kind = r->kind;
    const bool below = states[n.parent] == states[i];
    if (hides_text(body, i, *r, table.leads_on(states[i]))) {  // what is in it is judged as well, as what no table knows
      r->what == text_class::binary ? listed_.add_attachment(i, *r, mine) : listed_.add_reference(i, *r);
    }
    if (key_is_text(body, i, *r, below) && !echoes(n.key, *r)) listed_.add_key(i, mine);
    if (echoes(n.text, *r)) continue;
    const bool details = r->what == text_class::schema || (r->what == text_class::arguments && r->kind == part_kind::error);
    const bool holds_url = details && n.kind == kind::string && as_data_url(n.text) == data_url::whole;
    holds_url ? listed_.add_fixed(i, *r, mine, data_url::whole) : list_value(listed_, i, *r, mine, below, kind_of(i, *r), depth_max);
  }
  for (const auto node : nodes_) choices_.push_back({structured(node)});
  for (auto& each : handles_) each.whole = !unfinished();
  return {};
}

// A vendor's own field: no table knows what it is, so it is held against the rules where it stands; numbers of a list once each, and as what they
// spell as bytes and as code points.
void table_response::list_unknown(index i, part like) {
  const auto& body = listed_.body();
  const auto& n = body[i];
  like.kind = part_kind::annotation;
  if (states_[i] == path_table::unknown && !n.key.empty()) listed_.add_key(i, like);
  if (n.kind == kind::string && !n.text.empty()) listed_.add_fixed(i, row{.path = "", .what = text_class::name}, like, as_data_url(n.text));
  if (n.kind != kind::number) return;
  if (body[n.parent].kind != kind::array) return listed_.add_value(i, like);
  if (std::exchange(numbers_of_, n.parent) != n.parent && lists_read_.insert(n.parent).second) list_numbers(n.parent, like);
  if (std::exchange(numbers_in_, like.choice) != like.choice) numbers_ = {};
  if (numbers_.insert(n.text).second) listed_.add_value(i, like);
}

index table_response::member(index object, std::string_view key) const {
  return object == none || listed_.body()[object].kind != kind::object ? none : table_->child(listed_.body(), states_, object, key);
}

std::string table_response::edited(std::span<const replacement> edits, std::span<const text_addition> additions) const {
  auto splices = listed_.splices(edits);
  for (const auto& each : additions) add_text(nodes_[static_cast<std::size_t>(each.choice)], each.text, splices);
  std::ranges::sort(splices, {}, [](const text::json::splice& s) { return std::pair(s.begin, s.end); });
  std::set<std::int32_t> touched;
  for (const auto& e : edits) {
    if (const auto choice = listed_.parts()[e.part].choice; choice >= 0) touched.insert(choice);
  }
  std::vector<text::json::splice> dropped;
  drop_request(dropped);
  drop_alternatives(edits, dropped);
  for (auto first = edits.begin(); first != edits.end();) {
    const auto last = std::find_if(first, edits.end(), [&](const replacement& e) { return e.part != first->part; });
    follow(listed_.parts()[first->part], {first, last}, splices, dropped);
    first = last;
  }
  for (const auto choice : touched) drop_copies(nodes_[static_cast<std::size_t>(choice)], edits, dropped);
  drop(std::move(dropped), splices);
  return text::json::apply(listed_.body().bytes(), std::move(splices));
}

void blank(const text::json::document& body, index object, std::string_view key, std::string_view with, std::vector<text::json::splice>& splices) {
  if (object == none || body[object].kind != kind::object) return;
  const auto at = body.member(object, key);
  if (at == none || body[at].kind == kind::null || body[at].kind == kind::boolean) return;
  splices.push_back({body[at].raw_begin, body[at].raw_end, std::string(with)});
}

}  // namespace sluice::wire
