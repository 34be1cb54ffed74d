// Chat Completions answers that come in one piece.

#include "additions.hpp"
#include "body_reader.hpp"
#include "chat_table.hpp"
#include "openai.hpp"
#include "sluice/base/strings.hpp"
#include "text_offsets.hpp"

namespace sluice::wire {
namespace {

using text::json::index;
using text::json::kind;
using text::json::none;

class chat_response final : public table_response {
 public:
  explicit chat_response(bool hides_request) : hides_request_(hides_request) {}
  result<void> read_chat(std::string_view bytes, std::uint32_t depth_max) {
    if (auto done = read(bytes, chat_response_table(), "choices", depth_max); !done) return done;
    const auto& body = listed_.body();
    const auto choices = body.member(0, "choices");
    if (choices == none || body[choices].kind != kind::array) return {};
    std::vector<bool> says(this->choices().size());  // a text
    for (const auto& p : listed_.parts()) {
      if (p.choice >= 0 && p.kind != part_kind::annotation) says[static_cast<std::size_t>(p.choice)] = true;
    }
    for (auto c = body.first_child(choices); c != none; c = body.sibling(c)) {
      if (body[c].kind != kind::object) continue;
      // Tokens beside a text are that text again; alone they are text that no rule can read.
      const auto tokens = body.member(c, "token_ids");
      if (tokens == none || body[tokens].kind == kind::null || body.raw(tokens) == "[]") continue;
      if (!says[body[c].place]) listed_.add_unread("unknown part", tokens);
    }
    return {};
  }

 protected:
  // A choice that calls tools, or one in whose message nobody could write.
  [[nodiscard]] bool structured(index choice) const override {
    const auto& body = listed_.body();
    const auto message = body[choice].kind == kind::object ? body.member(choice, "message") : none;
    if (message == none || body[message].kind != kind::object) return true;
    const auto calls = body.member(message, "tool_calls"), call = body.member(message, "function_call"), content = body.member(message, "content");
    if (calls != none && body[calls].kind == kind::array && body.first_child(calls) != none) return true;
    if (call != none && body[call].kind == kind::object) return true;
    return content != none && body[content].kind != kind::string && body[content].kind != kind::null && body[content].kind != kind::array;
  }
  void add_text(index choice, std::string_view text, splice_list& splices) const override {
    const auto& body = listed_.body();
    const auto message = body.member(choice, "message"), content = body.member(message, "content");
    if (content != none && body[content].kind == kind::string) return add_behind(body, content, text, splices);
    if (content == none || body[content].kind == kind::null) return set_member(body, message, content, "content", json_quoted(text), splices);
    const auto block = [](std::string_view words) { return "{\"type\":\"text\",\"text\":" + json_quoted(words) + "}"; };
    add_to_list(body, content, {{}, text}, block, splices);
  }
  void drop_request(splice_list& splices) const override {
    if (!hides_request_) return;
    for (const auto key : openai_prompt_copies) {
      const auto at = listed_.body().member(0, key);
      if (at != none) splices.push_back({listed_.body()[at].raw_begin, listed_.body()[at].raw_end, "null"});
    }
  }
  // Citations point into the text by offset.
  void follow(const part& of, std::span<const replacement> edits, splice_list& splices, splice_list& /*dropped*/) const override {
    const auto& body = listed_.body();
    const auto message = body[of.node].parent;
    if (of.kind != part_kind::text || body[of.node].key != "content" || body[message].key != "message") return;
    const auto annotations = body.member(message, "annotations");
    if (annotations == none || body[annotations].kind != kind::array) return;
    const text_moves moves(edits_of(of.text, edits));
    for (auto a = body.first_child(annotations); a != none; a = body.sibling(a)) shift_annotation(body, a, moves, splices);
  }
  [[nodiscard]] std::string said_beside(index copy) const override {
    const auto& body = listed_.body();
    const auto key = body[copy].key;
    const auto said = key == "content" || key == "refusal" ? member(member(body[body[copy].parent].parent, "message"), key) : none;
    return said == none || body[said].kind != kind::string ? std::string() : std::string(body[said].text);
  }
  // Tokens spell the text, and a voice says it.
  void drop_copies(index choice, std::span<const replacement> /*edits*/, std::vector<text::json::splice>& splices) const override {
    const auto& body = listed_.body();
    if (body[choice].kind != kind::object) return;
    for (const char* spelled : {"logprobs", "token_ids"}) blank(body, choice, spelled, "null", splices);
    for (const auto spelled : openai_prompt_copies) blank(body, 0, spelled, "null", splices);
    blank(body, body.member(0, "__verbose"), "tokens", "null", splices);
    const auto message = body.member(choice, "message");
    if (message == none || body[message].kind != kind::object) return;
    blank(body, body.member(message, "audio"), "data", "\"\"", splices);
  }

 private:
  bool hides_request_;
};

}  // namespace

result<std::unique_ptr<response_body>> chat_read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<chat_response>(to.words_added);
  if (auto done = made->read_chat(body, depth_max); !done) return std::unexpected(done.error());
  return made;
}

}  // namespace sluice::wire
