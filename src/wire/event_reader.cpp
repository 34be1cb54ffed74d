// See event_reader.hpp.
#include "event_reader.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "attachments.hpp"
#include "parts.hpp"
#include "sluice/base/limits.hpp"

namespace sluice::wire {

using text::json::index;
using text::json::kind;
using text::json::none;

namespace {

// 10, 1e1 and 10.0 are one number to whoever puts an answer together.
std::string by_value(std::string_view number) {
  if (number.size() > limits::place_bytes) return std::string(limits::place_bytes + 1, '#');  // it counts nothing
  double value = 0;
  const auto [at, code] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (code != std::errc() || at != number.data() + number.size()) return std::string(number);
  char out[32];
  return {out, std::to_chars(out, out + sizeof out, value == 0 ? 0.0 : value).ptr};  // -0 is 0
}

}  // namespace

std::string event_reader::known_as(role who, part_kind what, bool editable, std::string_view which, std::string_view place) {
  std::string out{static_cast<char>('a' + static_cast<int>(who)), static_cast<char>('a' + static_cast<int>(what)), editable ? 'e' : 'n'};
  return out.append(which).append(" ").append(place);
}

result<void> event_reader::parse(std::string_view data) {
  splices_.clear();
  numbers_.clear();
  copies_at_hand_.clear();
  numbers_of_ = none;
  lists_read_.clear();
  types_.forget();
  if (auto parsed = body_.parse_next(data, depth_max_); !parsed) return parsed;
  begin_marks();
  // What stands where is the same as in the event before, unless a word that says what an object is has changed.
  if (body_.repeats() && std::ranges::none_of(body_.changed(), [&](index i) { return body_[i].key == "type"; })) return {};
  table_.walk(body_, states_);
  return table_.one_spelling(body_, states_);
}

std::string_view event_reader::text(std::string_view key, index object) const {
  if (body_[object].kind != kind::object) return {};
  const auto i = child(object, key);
  return i == none ? std::string_view() : body_[i].text;
}

std::string_view event_reader::raw(std::string_view key, index object) const {
  if (body_[object].kind != kind::object) return {};
  const auto i = child(object, key);
  return i == none ? std::string_view() : body_.raw(i);
}

std::string_view event_reader::word(std::string_view key, index object) const {
  const auto said = raw(key, object);
  if (said.empty() || said.front() == '-' || (said.front() >= '0' && said.front() <= '9')) return said;
  const auto is = text(key, object);
  return said.front() == '"' && !is.empty() && looks_as(text_class::opaque, is) && as_data_url(is) != data_url::whole ? said : std::string_view();
}

bool event_reader::tells_error() const {
  const auto type = body_.member(0, "type"), error = body_.member(0, "error");
  if (type != none && body_[type].text == "error") return true;
  if (error == none) return false;
  return body_[error].kind == kind::object ? body_.first_child(error) != none : body_[error].kind == kind::string && !body_[error].text.empty();
}

bool event_reader::plain_index(index of, std::int64_t& out, std::int64_t least) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();  // of no API's; and what is counted on from it stays a number to all who read it
  const auto& n = body_[of];
  const auto [at, code] = std::from_chars(n.text.data(), n.text.data() + n.text.size(), out);
  if (n.kind == kind::number && code == std::errc() && at == n.text.data() + n.text.size() && out >= least && out <= most) return true;
  return refuse("an index that is no plain number");
}

bool event_reader::index_at(std::string_view key, std::int64_t& out, index object, std::int64_t least) {
  out = 0;
  if (body_[object].kind != kind::object) return true;
  const auto known = child(object, key);
  const auto i = known != none ? known : body_.member(object, key);
  return i == none || body_[i].kind == kind::null || plain_index(i, out, least);
}

bool event_reader::at_once(std::string_view text, role who, part_kind what, bool editable, std::string name, std::int64_t choice, channel_sink& sink) {
  const auto id = sink.open(who, what, editable, std::move(name), choice);
  released_.clear();
  if (sink.feed(id, text, released_) != channel_sink::status::released || sink.finish(id, released_) != channel_sink::status::released) return false;
  sink.forget(id);
  return true;
}

bool event_reader::refuse(std::string why) {
  unread_ = std::move(why);
  return false;
}

bool event_reader::admits(index i, std::string reason, std::optional<attachment_type> attachment, channel_sink& sink) {
  auto why = "an answer's part cannot be read (" + reason + ")";
  return sink.passes({std::move(reason), body_.path(i), body_[i].raw_end - body_[i].raw_begin, attachment}) || refuse(std::move(why));
}

bool event_reader::judge_known(index i, const row& r, grower& dialect, channel_sink& sink) {
  const auto& n = body_[i];
  if (r.what == text_class::copy) return judge_alternatives(i, dialect, sink);
  const auto who = to_role(r.from, role::assistant);
  const bool below = i != 0 && states_[n.parent] == states_[i];
  if (!n.key.empty()) {
    const bool words = below && (r.what == text_class::schema || r.what == text_class::arguments);
    const bool odd = below && r.what == text_class::parameters && !looks_as(r.what, n.key);
    const bool judged = words || odd || (!below && r.path.ends_with("{*}"));
    if (judged && !dialect.knows_key(i, r) && !at_once(n.key, who, r.kind, false, body_.path(i), dialect.choice_of(i), sink)) return false;
  }
  if (n.kind == kind::string) return n.text.empty() || judge_string(i, r, dialect, sink);
  if (hides_text(body_, i, r, table_.leads_on(states_[i]))) {
    if (r.what == text_class::reference) return admits(i, "server state", std::nullopt, sink);
    return admits(i, "attachment", attachment_type::other, sink);
  }
  // A number made a string would not be what its reader expects, so it is judged and not edited.
  const bool leaf = n.kind != kind::object && n.kind != kind::array;
  const bool wants_text = r.what == text_class::text || r.what == text_class::name || r.what == text_class::json || r.what == text_class::schema;
  if ((n.kind == kind::number && wants_text) || (leaf && r.what == text_class::arguments)) {
    return judge_value(n, who, r.kind, body_.path(i), dialect.choice_of(i), sink);
  }
  return true;
}

bool event_reader::judge_value(const text::json::node& n, role who, part_kind what, const std::string& name, std::int64_t choice, channel_sink& sink) {
  if (!at_once(n.text, who, what, false, name, choice, sink)) return false;
  const auto spoken = text::json::without_exponent(n.text);
  return spoken.empty() || at_once(spoken, who, what, false, name, choice, sink);
}

bool event_reader::judge_string(index i, const row& r, grower& dialect, channel_sink& sink) {
  const auto& n = body_[i];
  switch (r.what) {
    case text_class::scalar: case text_class::copy: return true;
    case text_class::handle: case text_class::opaque: case text_class::parameters: case text_class::sealed: return marks_again_ || judge_mark(i, r, dialect, sink);
    case text_class::binary: return judge_attachment(i, r, dialect, sink);
    case text_class::reference: return admits(i, "server state", std::nullopt, sink);
    case text_class::text: case text_class::json: case text_class::schema: case text_class::name: case text_class::arguments: break;
  }
  switch (dialect.take(i, r, sink)) {
    case grower::taken::taken: return true;
    case grower::taken::blocked: return false;
    case grower::taken::left: break;
  }
  if (r.what == text_class::name || r.what == text_class::schema || (r.what == text_class::arguments && r.kind == part_kind::error)) {
    if (const auto url = take_data_url(i, r, dialect, sink); url != grower::taken::left) return url == grower::taken::taken;
  }
  const bool editable = r.what == text_class::text || r.what == text_class::arguments;
  if (!judge_row(i, n.text, r, r.kind, editable, dialect, sink)) return false;
  replace(i, released_);
  return true;
}

// The text of a row that no dialect took, as the row says that it comes.
bool event_reader::judge_row(index i, std::string_view text, const row& r, part_kind what, bool editable, grower& dialect, channel_sink& sink) {
  const auto who = to_role(r.from, role::assistant);
  // Names come whole, but nothing keeps an upstream from sending them in pieces.
  const bool is_name = r.what == text_class::name && r.kind == part_kind::name;
  if (is_name || r.comes != coming::whole) return judge_again(i, text, who, what, editable, dialect, sink);
  return at_once(text, who, what, editable, body_.path(i), dialect.choice_of(i), sink);
}

// What no table knows is text that somebody chose: judged where it stands, and never edited.
bool event_reader::judge_unknown(index i, grower& dialect, channel_sink& sink) {
  const auto& n = body_[i];
  const bool unknown = states_[i] == path_table::unknown;
  if (unknown && !n.key.empty() && !keys_.contains(n.key) && !judge_key(n.key, body_.path(i), dialect.choice_of(i), sink)) return false;
  if (n.kind == kind::number) return judge_number(i, dialect, sink);
  if (n.kind != kind::string || n.text.empty()) return true;
  if (const auto url = take_data_url(i, row{.path = "", .what = text_class::name}, dialect, sink); url != grower::taken::left) return url == grower::taken::taken;
  switch (dialect.take_unknown(i, sink)) {
    case grower::taken::taken: return true;
    case grower::taken::blocked: return false;
    case grower::taken::left: return judge_again(i, n.text, role::assistant, part_kind::annotation, false, dialect, sink);
  }
  return true;
}

// A number that nobody knows is judged as it is written; those of a list, which may be the bytes or the code points of a text, as what they spell, too.
bool event_reader::judge_number(index i, const grower& dialect, channel_sink& sink) {
  const auto& n = body_[i];
  const bool begins_list = body_[n.parent].kind == kind::array && std::exchange(numbers_of_, n.parent) != n.parent && lists_read_.insert(n.parent).second;
  if (begins_list && !judge_list(n.parent, dialect, sink)) return false;
  if (judged_numbers_.contains(n.text)) return true;
  if (!judge_value(n, role::assistant, part_kind::annotation, body_.path(i), dialect.choice_of(i), sink)) return false;
  judged_numbers_.add(n.text);
  return true;
}

// The keys of a stream are the same from event to event: each is judged once.
bool event_reader::judge_key(std::string_view key, std::string name, std::int64_t choice, channel_sink& sink) {
  if (!remember(key.size())) return false;
  keys_.emplace(key);
  return at_once(key, role::assistant, part_kind::annotation, false, std::move(name), choice, sink);
}

void event_reader::remember_handle(std::string_view id) {
  if (handles_.size() < limits::handles && std::ranges::find(handles_, id) == handles_.end()) handles_.emplace_back(id);
}

bool event_reader::remember(std::size_t bytes) {
  if (keys_.size() + again_.size() < limits::unknown_fields) return keep(bytes);
  return refuse("more fields than the gateway follows over the events of a stream");
}

bool event_reader::refuse_place() { return refuse("a field that stands under longer names than the gateway follows"); }

bool event_reader::keep(std::size_t bytes) {
  remembered_ += bytes;
  return remembered_ <= limits::unknown_bytes || refuse("fields with more text than the gateway follows over the events of a stream");
}

// A text that is whole where it stands, as far as anyone knows. Where the same field says something else in a later event, it may be
// one text in pieces: then what has left of it so far is judged as one, too. As one it is not edited and nothing of it is held, because it
// may as well be a state that changes, which a client must not see cut: a match that only all of it makes blocks. released_ is what leaves.
bool event_reader::judge_again(index i, std::string_view text, role who, part_kind what, bool editable, const grower& dialect, channel_sink& sink) {
  auto name = place(i, what == part_kind::name ? nullptr : &dialect);  // two names beside each other are two
  if (name.size() > limits::place_bytes) return refuse_place();
  auto known = known_as(who, what, editable, dialect.which(), name);
  return judge_field({std::move(known), std::move(name), who, what, editable, dialect.choice_of(i)}, text, sink);
}

bool event_reader::judge_field(field_name by, std::string_view text, channel_sink& sink) {
  if ((!words_.empty() || !forgotten_.empty()) && !again_.contains(by.known_as) && !speak(by.known_as, by.choice)) return false;
  const auto [at, fresh] = again_.try_emplace(std::move(by.known_as));
  auto& of = at->second;
  if (!fresh && !of.channel && of.text == text) {
    ++of.times;
    released_ = of.left ? *of.left : of.text;
    return true;
  }
  if (fresh && !remember(at->first.size() + text.size())) return false;
  const auto piece = sink.open_piece(by.who, by.what, by.editable, by.place, by.choice);
  released_.clear();
  if (sink.feed(piece, text, released_) != channel_sink::status::released || sink.finish(piece, released_) != channel_sink::status::released) return false;
  auto by_rules = sink.before_values();
  if (fresh) {
    if (released_ != text) of.left = released_;
    if (by_rules || of.left) of.by_rules = by_rules ? std::move(by_rules) : of.left;
    of.text = text;
    of.times = 1;
    of.piece = piece;
    of.choice = by.choice;
    return true;
  }
  if (!of.channel) {
    of.channel = sink.open_field(by.who, by.what, std::move(by.place), by.choice);
    const auto said = std::exchange(of.by_rules, {}).value_or(of.text);
    // The same over and over is a state, however small its pieces would be.
    constexpr std::size_t repeated_bytes = 4096;
    auto times = std::min(of.times, std::max<std::size_t>(1, repeated_bytes / std::max<std::size_t>(1, said.size())));
    for (; times > 0; --times) {
      if (!join(of, of.piece, said, sink)) return false;
    }
    remembered_ -= of.text.size();
    of.text.clear();
    of.left.reset();
  }
  if (!join(of, piece, by_rules ? *by_rules : released_, sink)) return false;
  sink.forget(piece);
  return true;
}

bool event_reader::go_on(const std::string& place, std::string said, std::int64_t choice) {
  return begin_field(known_as(role::assistant, part_kind::annotation, false, "", place), std::move(said), choice);
}

bool event_reader::begin_field(const std::string& known_as, std::string said, std::int64_t choice) {
  const auto [at, fresh] = again_.try_emplace(known_as);
  if (!fresh) return true;
  if (!remember(at->first.size() + said.size())) return false;
  at->second.text = std::move(said);
  at->second.times = 1;
  at->second.choice = choice;
  return true;
}

bool event_reader::join(field& of, std::uint32_t piece, std::string_view left, channel_sink& sink) {
  of.open = true;
  return sink.add_piece(*of.channel, piece, left) == channel_sink::status::released;
}

bool event_reader::finish(channel_sink& sink, std::optional<std::int64_t> choice) {
  std::string nothing;
  for (auto& [name, of] : again_) {
    if (!of.open || (choice && of.choice != *choice)) continue;
    of.open = false;
    if (sink.finish(*of.channel, nothing) != channel_sink::status::released) return false;
  }
  return true;
}

bool event_reader::judge(index from, grower& dialect, channel_sink& sink) {
  unread_.clear();
  for (auto i = from; i < body_[from].next; ++i) {
    const auto* r = at(i);
    if (!(r != nullptr ? judge_known(i, *r, dialect, sink) : judge_unknown(i, dialect, sink))) return false;
  }
  return true;
}

// The number that an element says it has. All are looked up at the first question of an event: each value below one asks for it.
index event_reader::number_of(index element) {
  if (numbers_.empty()) {
    numbers_.assign(body_.nodes().size(), none);
    for (index i = 1; i < numbers_.size(); ++i) {
      if (body_[i].kind == kind::number && body_[i].key == "index") numbers_[body_[i].parent] = i;
    }
  }
  return numbers_[element];
}

std::string event_reader::place(index i, const grower* dialect) {
  if (i == 0) return {};
  const auto above = body_[i].parent;
  auto out = place(above, dialect);
  if (out.size() > limits::place_bytes) return out;
  if (body_[above].kind == kind::object) {
    if (!out.empty()) out += '.';
    out += body_[i].key.substr(0, limits::place_bytes + 1);
    return out;
  }
  if (const auto number = number_of(i); number != none) return out + "[" + by_value(body_[number].text) + "]";
  if (dialect != nullptr && dialect->goes_on(above)) return out + "[]";
  return out + "[" + std::to_string(body_[i].place) + "]";
}

}  // namespace sluice::wire
