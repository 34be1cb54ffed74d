// Gemini requests and answers that come in one piece.
#include <algorithm>

#include "additions.hpp"
#include "body_reader.hpp"
#include "gemini.hpp"
#include "gemini_table.hpp"
#include "sluice/base/strings.hpp"
#include "text_offsets.hpp"

namespace sluice::wire {
namespace {

using text::json::index;
using text::json::kind;
using text::json::none;

bool role_of(std::string_view word, role& out) {
  struct name {
    std::string_view word;
    role who;
  };
  for (const auto& n : {name{"user", role::user}, {"model", role::assistant}, {"function", role::tool}, {"system", role::system}}) {
    if (n.word == word) {
      out = n.who;
      return true;
    }
  }
  return false;
}

constexpr role_words roles{role_of, "name its role: user, model, function or system,"};

part_kind thought_or(const text::json::document& body, index i, const row& r) {
  const bool is_text = r.kind == part_kind::text && body[i].kind == kind::string;
  return is_text && gemini_is_thought(body, body[i].parent).value_or(false) ? part_kind::reasoning : r.kind;
}

bool of_cache(const endpoint& to) { return to.name.starts_with("cachedContents"); }

std::string text_part(std::string_view text) { return "{\"text\":" + json_quoted(text) + "}"; }

class gemini_request_body final : public table_request {
 public:
  result<void> read_as(const endpoint& to, std::string_view bytes, std::uint32_t depth_max) {
    if (bytes.empty() && to.allowed_method == "GET") return {};  // what it asks for is in the path
    const bool generates = to.name == "generateContent" || to.name == "streamGenerateContent";
    const auto& table = generates ? gemini_request() : to.name == "countTokens" ? gemini_count() : of_cache(to) ? gemini_cache() : gemini_embed();
    if (auto done = read(bytes, {table, "contents", generates, roles, true, "generateContentRequest"}, depth_max); !done) return done;
    stream_ = to.name == "streamGenerateContent";
    table_ = &table;
    // A count of contents alone has no place for an instruction.
    if (generates) system_at_ = 0;
    if (to.name == "countTokens") system_at_ = table.child(listed_.body(), states_, 0, "generateContentRequest");
    if (system_at_ != none && listed_.body()[system_at_].kind != kind::object) system_at_ = none;
    if (!to.model.empty()) {  // what the path says decides, as it does at the API
      model_text_ = to.model;
      model_ = model_text_;
    }
    for (auto q = to.query; !q.empty();) {
      const auto end = std::min(q.find('&'), q.size());
      const auto one = q.substr(0, end);
      q.remove_prefix(std::min(end + 1, q.size()));
      events = events || one == "alt=sse" || one == "$alt=sse";
    }
    return {};
  }
  bool events = false;

  [[nodiscard]] bool json_answer() const override {
    if (table_ == nullptr) return false;
    const auto config = member(0, "generationConfig");
    if (config == none || listed_.body()[config].kind != kind::object) return false;
    const auto type = member(config, "responseMimeType");
    if (is_there(type) && !listed_.body()[type].text.empty() && listed_.body()[type].text != "text/plain") return true;
    return is_there(member(config, "responseSchema")) || is_there(member(config, "responseJsonSchema"));
  }
  [[nodiscard]] bool takes_system_words() const override {
    if (system_at_ == none) return false;
    const auto at = instruction();
    if (!is_there(at)) return true;
    if (listed_.body()[at].kind != kind::object) return false;
    const auto parts = member(at, "parts");
    return !is_there(parts) || listed_.body()[parts].kind == kind::array;
  }

 protected:
  void add_system(const system_words& added, splice_list& splices) const override {
    const auto& body = listed_.body();
    const auto at = instruction();
    auto all = added.before.empty() ? std::string() : text_part(added.before);
    if (!added.behind.empty()) all += (all.empty() ? "" : ",") + text_part(added.behind);
    const auto list = "[" + all + "]";
    if (!is_there(at)) return set_member(body, system_at_, at, "systemInstruction", "{\"parts\":" + list + "}", splices);
    const auto parts = member(at, "parts");
    if (!is_there(parts)) return set_member(body, at, parts, "parts", list, splices);
    add_to_list(body, parts, added, text_part, splices);
  }
  [[nodiscard]] part_kind kind_of(index i, const row& r) const override { return thought_or(listed_.body(), i, r); }
  // A tool is a member of an element of a list of tools.
  [[nodiscard]] bool is_thing(index unknown) const override {
    const auto& body = listed_.body();
    const auto element = body[unknown].parent, list = body[element].parent;
    return element != 0 && body[element].kind == kind::object && body[list].kind == kind::array && body[list].key == "tools";
  }
  [[nodiscard]] std::string_view model_of(std::string_view written) const override { return gemini_model(written); }

 private:
  [[nodiscard]] index member(index object, std::string_view key) const { return table_->child(listed_.body(), states_, object, key); }
  [[nodiscard]] index instruction() const { return member(system_at_, "systemInstruction"); }
  [[nodiscard]] bool is_there(index i) const { return i != none && listed_.body()[i].kind != kind::null; }
  std::string model_text_;
  const path_table* table_ = nullptr;
  index system_at_ = none;  // the object that may hold an instruction
};

class gemini_response_body final : public table_response {
 public:
  result<void> read_as(const endpoint& to, std::string_view bytes, std::uint32_t depth_max) {
    const bool cache = of_cache(to);
    if (auto done = read(bytes, cache ? gemini_cache_answer() : gemini_response(), cache ? "" : "candidates", depth_max); !done) return done;
    // Alone they are text that no rule can read, and what is another text than that beside them is one of its own.
    part like{role::assistant, part_kind::transcript, true, false, {}, 0};
    like.choice = -1;
    for_parts([&](index part) {
      if (!gemini_is_thought(listed_.body(), part)) listed_.add_unread("unknown part", listed_.body().member(part, "thought"));
    });
    for_words([&] { ++like.choice; }, [&](index transcript, index words) {
      const auto& body = listed_.body();
      const auto said = member(transcript, "text");
      const bool alone = said == none || body[said].kind != kind::string || body[said].text.empty();
      if (alone && holds_text(body, words)) listed_.add_unread("unknown part", words);
      if (auto other = alone ? std::string() : said_otherwise(body, words, body[said].text); !other.empty()) listed_.add_reading(words, like, std::move(other));
    });
    return {};
  }

 private:
  // The parts of all candidates.
  void for_parts(const auto& with) const {
    const auto& body = listed_.body();
    const auto list = member(0, "candidates");
    for (auto c = list == none || body[list].kind != kind::array ? none : body.first_child(list); c != none; c = body.sibling(c)) {
      const auto parts = member(member(c, "content"), "parts");
      for (auto p = parts == none || body[parts].kind != kind::array ? none : body.first_child(parts); p != none; p = body.sibling(p)) with(p);
    }
  }
  // The words of each transcript that an answer has, which are its text again.
  void for_words(const auto& next_choice, const auto& with) const {
    const auto& body = listed_.body();
    const auto list = member(0, "candidates");
    for (auto c = list == none || body[list].kind != kind::array ? none : body.first_child(list); c != none; c = body.sibling(c)) {
      next_choice();
      for_words_of(c, with);
    }
  }
  void for_words_of(index choice, const auto& with) const {
    const auto& body = listed_.body();
    const auto parts = member(member(choice, "content"), "parts");
    for (auto p = parts == none || body[parts].kind != kind::array ? none : body.first_child(parts); p != none; p = body.sibling(p)) {
      const auto transcript = member(p, "audioTranscription"), words = member(transcript, "words");
      if (words != none) with(transcript, words);
    }
  }
  // One part's text, or all of them behind each other; edits in bytes.
  struct said_text {
    std::int64_t part;  // all_parts: the whole
    std::string text;
    text_moves moves;
  };
  static constexpr std::int64_t all_parts = -1;

  // In the order of their parts, the whole first.
  [[nodiscard]] std::vector<said_text> texts_of(index choice, std::span<const replacement> edits) const {
    const auto& body = listed_.body();
    std::vector<said_text> out{{all_parts, "", {}}};
    std::string whole;
    std::vector<text_edit> of_whole;
    const auto parts = member(member(choice, "content"), "parts");
    std::int64_t number = -1;
    for (auto p = parts == none || body[parts].kind != kind::array ? none : body.first_child(parts); p != none; p = body.sibling(p)) {
      ++number;
      const auto text = member(p, "text");
      if (text == none || body[text].kind != kind::string || gemini_is_thought(body, p).value_or(false)) continue;
      // In the order of the parts, which is that of the body.
      const auto mine = std::ranges::equal_range(edits, text, {}, [&](const replacement& e) { return listed_.parts()[e.part].node; });
      said_text one{number, std::string(body[text].text), text_moves(in_bytes(edits_of(body[text].text, mine)))};
      for (auto e : one.moves.edits()) {
        e.begin += static_cast<std::int64_t>(whole.size());
        e.end += static_cast<std::int64_t>(whole.size());
        of_whole.push_back(std::move(e));
      }
      whole += one.text;
      out.push_back(std::move(one));
    }
    out.front().text = std::move(whole);
    out.front().moves = text_moves(std::move(of_whole));
    return out;
  }
  // The text that a segment points into: the part that it names, or all of the answer, whichever has its words there.
  [[nodiscard]] const said_text* text_of(index segment_at, const std::vector<said_text>& said) const {
    const auto of = read_segment(listed_.body(), segment_at);
    if (!of) return nullptr;
    const auto fits = [&](const said_text& t) {
      if (of->end > static_cast<std::int64_t>(t.text.size())) return false;
      return !of->says || std::string_view(t.text).substr(static_cast<std::size_t>(of->begin), of->says->size()) == *of->says;
    };
    const auto named = std::ranges::lower_bound(said, of->part, {}, &said_text::part);
    if (named != said.end() && named->part == of->part && fits(*named)) return &*named;
    return of->part == 0 && fits(said.front()) ? &said.front() : nullptr;
  }

 protected:
  [[nodiscard]] part_kind kind_of(index i, const row& r) const override { return thought_or(listed_.body(), i, r); }
  // The tokens are those of an answer's texts, and not of its thoughts.
  [[nodiscard]] std::string said_beside(index copy) const override {
    const bool chosen = listed_.body()[copy].key == "chosenCandidates" || listed_.body()[copy].key == "chosen_candidates";
    return chosen ? texts_of(listed_.body()[listed_.body()[copy].parent].parent, {}).front().text : std::string();
  }
  // Log probabilities and words spell the text. Segments and citations go where their words have gone, and where nobody can say where that is, they go.
  void drop_copies(index choice, std::span<const replacement> edits, splice_list& splices) const override {
    const auto& body = listed_.body();
    blank(body, choice, "logprobsResult", "{}", splices);
    for_words_of(choice, [&](index transcript, index) { blank(body, transcript, "words", "[]", splices); });
    const auto said = texts_of(choice, edits);
    for (const auto& [owner, list, of] : gemini_citations) {
      const auto in = member(choice, owner), all = member(in, list);
      if (all == none || body[all].kind != kind::array) continue;
      splice_list moved;
      bool follows = true;
      for (auto each = body.first_child(all); each != none && follows; each = body.sibling(each)) {
        const auto at = of.empty() ? each : member(each, of);
        if (at == none) continue;
        const auto* in_text = text_of(at, said);
        follows = in_text != nullptr && shift_segment(body, at, in_text->moves, moved);
      }
      follows ? void(splices.insert(splices.end(), moved.begin(), moved.end())) : blank(body, in, list, "[]", splices);
    }
  }
  [[nodiscard]] bool structured(index choice) const override {
    const auto& body = listed_.body();
    if (body[choice].kind != kind::object) return true;
    const auto content = member(choice, "content");
    if (content != none && body[content].kind != kind::object && body[content].kind != kind::null) return true;
    const auto parts = member(content, "parts");
    if (parts == none || body[parts].kind != kind::array) return parts != none && body[parts].kind != kind::null;
    for (auto p = body.first_child(parts); p != none; p = body.sibling(p)) {
      if (member(p, "functionCall") != none) return true;
    }
    return false;
  }
  void add_text(index choice, std::string_view text, splice_list& splices) const override {
    const auto& body = listed_.body();
    const auto content = member(choice, "content"), parts = member(content, "parts");
    const auto list = "[" + text_part(text) + "]";
    if (content == none || body[content].kind == kind::null) {
      return set_member(body, choice, content, "content", "{\"parts\":" + list + ",\"role\":\"model\"}", splices);
    }
    if (parts == none || body[parts].kind == kind::null) return set_member(body, content, parts, "parts", list, splices);
    auto last = none;
    for (auto p = body.first_child(parts); p != none; p = body.sibling(p)) last = p;
    const auto literal = last == none || body[last].kind != kind::object ? none : body.member(last, "text");
    const bool is_text = literal != none && body[literal].kind == kind::string && !gemini_is_thought(body, last).value_or(false);
    is_text ? add_behind(body, literal, text, splices) : add_to_list(body, parts, {{}, text}, text_part, splices);
  }
};

}  // namespace

result<std::unique_ptr<request_body>> gemini_read_request(const endpoint& to, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<gemini_request_body>();
  if (auto done = made->read_as(to, body, depth_max); !done) return std::unexpected(done.error());
  return made;
}

result<std::unique_ptr<response_body>> gemini_read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<gemini_response_body>();
  if (auto done = made->read_as(to, body, depth_max); !done) return std::unexpected(done.error());
  return made;
}

std::optional<bool> gemini_is_thought(const text::json::document& body, index part) {
  const auto thought = body[part].kind == kind::object ? body.member(part, "thought") : none;
  if (thought == none || body[thought].kind == kind::null) return false;
  return body[thought].kind == kind::boolean ? std::optional(body[thought].text == "true") : std::nullopt;
}

bool gemini_asks_for_events(const request_body& request) { return static_cast<const gemini_request_body&>(request).events; }

}  // namespace sluice::wire
