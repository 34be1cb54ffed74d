// What holds for a streamed answer of every dialect: any cut of its bytes gives the same; what nobody edits leaves as it came; an edit in
// the stream is the edit of the whole; a block ends it once, and nothing of what was blocked has left; and where texts are kept until an
// answer ends, and something is put behind it, the client has all of what was let out, once.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::fuzz {

using stream_status = wire::response_stream::status;

// Texts are made of these, so that words arise and are cut.
constexpr std::string_view pieces[] = {"se", "cret", "secret", " a ", "s", "\"", "é", "{\"k\":\"", "\"}", "\\u0065", "cr", "et", "x", "\n", "sec", "r"};
constexpr std::string_view word = "secret";
constexpr std::string_view mask = "#";

inline std::string redacted(std::string text) {
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at)) text.replace(at, word.size(), mask);
  return text;
}

// Edits `word`, or blocks at it, or lets everything pass. Holds what could still become it. `rewrites`: edits, keeps some texts of a choice
// whole until it ends, of those takes some away, and puts something behind each choice.
class judge final : public wire::channel_sink {
 public:
  enum class what { passes, edits, blocks, rewrites };
  explicit judge(what does) : does_(does) {}
  bool judges(wire::role, wire::part_kind) override { return does_ != what::passes; }
  std::uint32_t open(wire::role, wire::part_kind kind, bool editable, std::string, std::int64_t choice) override {
    const bool spoken = kind == wire::part_kind::text || kind == wire::part_kind::reasoning || kind == wire::part_kind::refusal;
    held_.push_back({.editable = editable, .spoken = spoken, .may_keep = does_ == what::rewrites && editable && kind == wire::part_kind::text && choice >= 0});
    return static_cast<std::uint32_t>(held_.size() - 1);
  }
  void goes_on(std::uint32_t c) override { SLUICE_REQUIRE(!held_[c].begun); }
  status feed(std::uint32_t c, std::string_view text, std::string& out) override {
    auto& g = held_[c];
    SLUICE_REQUIRE(g.kept.empty());
    if (!g.begun && !text.empty()) g.whole = g.may_keep && std::string_view("sx{ ").find(text.front()) != std::string_view::npos;
    g.begun = g.begun || !text.empty();
    g.text += text;
    return g.whole ? status::released : leave(g, false, out);
  }
  status finish(std::uint32_t c, std::string& out) override { return leave(held_[c], true, out); }
  status end(std::uint32_t c, std::string& out) override {
    if (!held_[c].whole) return finish(c, out);
    held_[c].kept += redacted(std::exchange(held_[c].text, {}));
    return status::released;
  }
  bool holds(std::uint32_t c) const override { return !held_[c].text.empty() || !held_[c].kept.empty(); }
  bool keeps_rest(std::uint32_t c) const override { return !held_[c].kept.empty(); }
  void rest(std::uint32_t c, std::string& out) override {
    const auto kept = std::exchange(held_[c].kept, {});
    if (kept.find('x') != std::string::npos) return;
    out += kept;
    given += kept;
  }
  status closing(std::int64_t, bool structured, std::string& addition) override {
    if (does_ != what::rewrites || structured) return status::released;
    addition = " +";
    given += addition;
    return status::released;
  }
  bool adds() const override { return does_ == what::rewrites; }
  bool passes(const wire::unread&) override { return true; }
  [[nodiscard]] bool keeps_any() const { return std::ranges::any_of(held_, [](const growing& g) { return !g.kept.empty(); }); }
  std::string given;  // all that was let out of what the model says

 private:
  struct growing {
    std::string text = {};
    bool editable, spoken, may_keep;
    bool begun = false, whole = false;  // whole: nothing of it leaves before its choice ends
    std::string kept = {};
  };
  status leave(growing& g, bool last, std::string& out) {
    auto& h = g.text;
    if (does_ != what::passes && h.find(word) != std::string::npos) {
      if (does_ == what::blocks || !g.editable) return status::blocked;
      h = redacted(std::move(h));
    }
    std::size_t keep = does_ == what::passes || last ? 0 : std::min(h.size(), word.size() - 1);
    while (keep > 0 && !h.ends_with(word.substr(0, keep))) --keep;
    out.append(h, 0, h.size() - keep);
    if (g.spoken) given.append(h, 0, h.size() - keep);
    h.erase(0, h.size() - keep);
    return status::released;
  }
  what does_;
  std::vector<growing> held_;
};

// A dialect's endpoint, and a request for a stream of it.
struct asked {
  const wire::dialect& dialect;
  std::string_view path, body;
};

struct outcome {
  std::string out, cut;  // what left, and what ended it where somebody had to
  std::string given;     // what the judge let out
  bool keeps = false;    // the judge still has some of it
  stream_status last = stream_status::ok;
  bool operator==(const outcome&) const = default;
};

inline outcome run(const asked& a, std::string_view bytes, std::size_t step, judge::what does) {
  auto to = a.dialect.classify("POST", a.path.substr(0, a.path.find('?')));
  if (a.path.find('?') != a.path.npos) to.query = a.path.substr(a.path.find('?') + 1);
  const auto request = a.dialect.read_request(to, a.body, 64);
  SLUICE_REQUIRE(request.has_value());
  const auto stream = a.dialect.open_stream(to, **request, 64);
  judge sink(does);
  outcome o;
  for (std::size_t at = 0; at < bytes.size() && o.last == stream_status::ok; at += step) o.last = stream->feed(bytes.substr(at, step), sink, o.out);
  if (o.last == stream_status::ok) o.last = stream->end(true, sink, o.out);
  o.given = sink.given;
  o.keeps = sink.keeps_any();
  if (o.last == stream_status::unreadable) SLUICE_REQUIRE(!stream->reason().empty());
  if (o.last == stream_status::blocked || o.last == stream_status::unreadable) {
    stream->cut("", o.cut);
    const bool told_error = o.out.find("\"error\"") != std::string::npos;  // of the upstream: the client has its end
    SLUICE_REQUIRE(!o.cut.empty() || told_error);
  }
  if (o.last == stream_status::broken_off) {
    stream->fail(wire::gateway_error::upstream, "broken off", "d1", o.cut);
    SLUICE_REQUIRE(!o.cut.empty() || o.out.find("\"error\"") != std::string::npos);
  }
  std::string twice;  // an end is latched
  stream->cut("more", twice);
  SLUICE_REQUIRE(o.last == stream_status::ok || twice.empty());
  return o;
}

// Any bytes: `data` as they are, or as a choice of the dialect's own fragments.
inline void any_bytes(const asked& a, std::span<const std::string_view> fragments, const std::uint8_t* data, std::size_t size) {
  if (size < 2) return;
  const std::size_t step = 1 + data[1] % 97;
  std::string made;
  auto bytes = text_of(data + 2, size - 2);
  if (data[0] % 2 == 0) {
    for (const unsigned char c : bytes) made += fragments[c % fragments.size()];
    bytes = made;
  }
  for (const auto does : {judge::what::passes, judge::what::edits, judge::what::blocks, judge::what::rewrites}) {
    const auto whole = run(a, bytes, std::max<std::size_t>(bytes.size(), 1), does);
    SLUICE_REQUIRE(run(a, bytes, step, does) == whole);
    if (does != judge::what::passes) continue;
    SLUICE_REQUIRE(whole.last != stream_status::blocked);  // no rule did
    // The error of one that broke off stands apart from its last event, whatever ended that.
    std::string ended(bytes);
    if (whole.last == stream_status::broken_off) ended += "\n\n";
    SLUICE_REQUIRE(ended.starts_with(whole.out));
    if (whole.last == stream_status::ok) SLUICE_REQUIRE(whole.out == bytes);
  }
}

// An answer as an upstream sends it, and what its texts are, by any name.
struct answer {
  std::string bytes;
  std::map<std::string, std::string> said;
  bool calls = false;  // it has arguments of a call, which are not among the texts
};
// What a client has of an answer: its texts, and the last reason that it was given for an end.
struct reading {
  std::map<std::string, std::string> grown;
  std::string end;
};

inline bool says_word(const answer& given) {
  return std::ranges::any_of(given.said, [](const auto& each) { return each.second.find(word) != std::string::npos; });
}

// Whether the same letters stand in both, in any order: a text that is kept may leave behind the others.
inline bool same_letters(std::string one, std::string other) {
  std::ranges::sort(one);
  std::ranges::sort(other);
  return one == other;
}

// The client has what the judge let out, and the judge has nothing left, wherever a dialect has put it.
inline void rewritten_answer(const asked& a, const answer& given, reading (*read)(std::string_view), std::size_t step, std::string_view cut_end) {
  const auto o = run(a, given.bytes, step, judge::what::rewrites);
  SLUICE_REQUIRE(o == run(a, given.bytes, given.bytes.size(), judge::what::rewrites));
  SLUICE_REQUIRE(o.last != stream_status::unreadable);
  const bool blocked = o.last == stream_status::blocked;
  SLUICE_REQUIRE(!blocked || given.calls || says_word(given));  // a thought cannot be edited
  const auto r = read(o.out + o.cut);
  SLUICE_REQUIRE((r.end == cut_end) == blocked);
  if (blocked) return;
  std::string all;
  for (const auto& [name, text] : r.grown) all += text;
  SLUICE_REQUIRE(!o.keeps);
  SLUICE_REQUIRE(same_letters(all, o.given));
}

inline void whole_answer(const asked& a, const answer& given, reading (*read)(std::string_view), std::size_t step, std::string_view cut_end) {
  const auto passed = run(a, given.bytes, step, judge::what::passes);
  SLUICE_REQUIRE(passed.out == given.bytes && passed.last != stream_status::broken_off);
  rewritten_answer(a, given, read, step, cut_end);
  const bool hit = says_word(given);
  for (const auto does : {judge::what::edits, judge::what::blocks}) {
    const auto o = run(a, given.bytes, step, does);
    SLUICE_REQUIRE(o == run(a, given.bytes, given.bytes.size(), does));
    SLUICE_REQUIRE(o.last != stream_status::unreadable);
    const auto r = read(o.out + o.cut);
    const bool blocked = o.last == stream_status::blocked;
    if (does == judge::what::blocks && hit) SLUICE_REQUIRE(blocked);
    if (!hit && !given.calls) SLUICE_REQUIRE(!blocked);
    SLUICE_REQUIRE((r.end == cut_end) == blocked);
    for (const auto& [name, text] : given.said) {
      const auto grown = r.grown.contains(name) ? r.grown.at(name) : std::string();
      const auto expected = does == judge::what::edits ? redacted(text) : text;
      SLUICE_REQUIRE(blocked ? expected.starts_with(grown) : grown == expected);
      SLUICE_REQUIRE(grown.find(word) == std::string::npos);
    }
  }
}

// The JSON of each line that begins with "data: ".
inline std::vector<std::string_view> data_lines(std::string_view sse) {
  std::vector<std::string_view> out;
  while (!sse.empty()) {
    const auto end = std::min(sse.find('\n'), sse.size() - 1);
    auto line = sse.substr(0, end);
    sse.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("data: {")) out.push_back(line.substr(6));
  }
  return out;
}

}  // namespace sluice::fuzz
