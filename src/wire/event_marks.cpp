// What stands in the events of a stream where identifiers, parameters and signatures stand. Nobody reads what looks like one, but what an
// upstream sends there in pieces is text for whoever puts the pieces together: one word alone says nothing of that. So words are kept by place,
// the last limits::tail_bytes of each, and are judged with what shows them to be text. Where there are more than limits::unknown_bytes of them they
// are forgotten, their places are not: text in one of those stops the stream.
#include <algorithm>
#include <utility>

#include "event_reader.hpp"
#include "sluice/base/limits.hpp"

namespace sluice::wire {

using text::json::index;

void event_reader::words::add(std::string_view said) {
  if (said == last) {
    ++times;
    return;
  }
  append_last(before);
  // Not at every word: what is cut off the front moves all the others.
  if (before.size() > 2 * limits::tail_bytes) before.erase(0, before.size() - limits::tail_bytes);
  last = said.substr(said.size() - std::min(said.size(), limits::tail_bytes));
  times = 1;
}

std::string event_reader::words::all() const {
  auto out = before;
  append_last(out);
  return out.size() > limits::tail_bytes ? out.substr(out.size() - limits::tail_bytes) : out;
}

void event_reader::words::append_last(std::string& to) const {
  if (last.empty()) return;
  for (auto n = std::min(times, limits::tail_bytes / last.size()); n > 0; --n) to += last;
}

// Keeps one more word of what judge_field() would know by `what`; null where that has said text before, with which the word is judged.
event_reader::words* event_reader::keep_word(std::string_view what, std::string_view said) {
  if (again_.contains(what)) return nullptr;
  auto at = words_.find(what);
  if (at == words_.end()) {
    at = words_.emplace(what, words()).first;
    words_bytes_ += what.size();
  }
  keep_word(at->second, said);
  return &at->second;
}

void event_reader::keep_word(words& of, std::string_view said) {
  const auto before = of.bytes();
  of.add(said);
  words_bytes_ += of.bytes() - before;
}

void event_reader::begin_marks() {
  marks_again_ = all_marks_ && body_.repeats() && !changes_mark();
  if (marks_again_) return void(++events_since_);
  settle_marks();
  marks_at_hand_.clear();
  all_marks_ = true;
  ++events_of_marks_;
}

// By what the event before found where; an index says at which place the others stand, and a type by which rows they are read.
bool event_reader::changes_mark() const {
  return std::ranges::any_of(body_.changed(), [&](index i) {
    const auto* r = at(i);
    return body_[i].key == "index" || body_[i].key == "type" || (r != nullptr && (r->what == text_class::handle || r->what == text_class::opaque || r->what == text_class::parameters || r->what == text_class::sealed));
  });
}

void event_reader::settle_marks() {
  const auto times = std::exchange(events_since_, 0);
  if (times == 0) return;
  for (auto* of : marks_at_hand_) of->times += times;
}

// Two marks of one place follow each other: what they say together is not what each says over and over.
void event_reader::take_mark(words& of) {
  all_marks_ = all_marks_ && std::exchange(of.event, events_of_marks_) != events_of_marks_;
  if (all_marks_) marks_at_hand_.push_back(&of);
}

// Where there is none, words are forgotten, and it stays known whose they were. False: there were too many of those.
bool event_reader::has_room_for_words() {
  if (words_bytes_ <= limits::unknown_bytes) return true;
  for (const auto& [what, of] : words_) forgotten_.insert(std::hash<std::string_view>()(what));
  last_marks_ = {};
  marks_at_hand_.clear();
  all_marks_ = false;
  words_.clear();
  words_bytes_ = 0;
  return forgotten_.size() <= limits::forgotten_places || refuse("more places of identifiers than the gateway follows");
}

// The words that were kept of a field, if any, are text with what comes now. False: more than the gateway follows, or followed.
bool event_reader::speak(const std::string& what, std::int64_t choice) {
  if (forgotten_.contains(std::hash<std::string_view>()(what))) return refuse("text in a field that said more identifiers than the gateway keeps");
  const auto at = words_.find(what);
  if (at == words_.end()) return true;
  settle_marks();
  const auto said = at->second.all();
  last_marks_ = {};
  marks_at_hand_.clear();
  all_marks_ = false;
  words_bytes_ -= what.size() + at->second.bytes();
  words_.erase(at);
  return begin_field(what, said, choice);
}

bool event_reader::judge_mark(index i, const row& r, grower& dialect, channel_sink& sink) {
  const auto& n = body_[i];
  const auto state = states_[i];
  // In most events the same stands at the same place, and that is known by the table where no list or name of anybody's leads to it.
  auto& near = last_marks_[state % last_marks_.size()];
  auto* of = near.of != nullptr && near.state == state && states_[n.parent] != state && near.which == dialect.which() ? near.of : nullptr;
  if (of != nullptr && of->last == n.text) {
    ++of->times;
    take_mark(*of);
    return true;
  }
  const bool looks = looks_as(r.what, n.text);
  if (looks && r.what == text_class::handle) remember_handle(n.text);
  if (const auto url = take_data_url(i, r, dialect, sink); url != grower::taken::left) {
    all_marks_ = false;
    return url == grower::taken::taken;
  }
  if (looks && of != nullptr && words_bytes_ <= limits::unknown_bytes) {
    keep_word(*of, n.text);
    take_mark(*of);
    return true;
  }
  auto name = place(i, &dialect);
  if (name.size() > limits::place_bytes) return refuse_place();
  auto which = dialect.which();
  const auto what = known_as(role::assistant, part_kind::annotation, false, which, name);
  if (looks) {
    if (!has_room_for_words()) return false;
    of = keep_word(what, n.text);
    const bool alone = states_[n.parent] != state && r.path.find_first_of("[{") == std::string_view::npos;
    if (of != nullptr && alone) near = {state, of, std::move(which)};
    if (of != nullptr) take_mark(*of);
    if (of != nullptr) return true;
  }
  all_marks_ = false;
  return judge_field({what, std::move(name), role::assistant, part_kind::annotation, false, dialect.choice_of(i)}, n.text, sink);
}

}  // namespace sluice::wire
