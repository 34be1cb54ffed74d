// Chat Completions answers that come in one piece.
#include <algorithm>

#include "openai.hpp"
#include "openai_table.hpp"
#include "parts.hpp"
#include "sluice/base/strings.hpp"
#include "system_place.hpp"

namespace sluice::wire {
namespace {

using text::json::index;
using text::json::kind;
using text::json::none;

class chat_response final : public response_body {
 public:
  explicit chat_response(bool hides_request) : hides_request_(hides_request) {}
  result<void> read(std::string_view bytes, std::uint32_t depth_max) {
    if (auto parsed = listed_.parse(bytes, depth_max); !parsed) return parsed;
    const auto& body = listed_.body();
    if (body[0].kind != kind::object) return fail(errc::parse, "the answer is no JSON object");
    const auto& table = openai_chat_response();
    std::vector<std::uint16_t> states;
    table.walk(body, states);
    choices_ = body.member(0, "choices");
    part like{role::assistant, part_kind::text, true, true, {}, 0};
    for (index i = 1; i < states.size(); ++i) {
      const auto& n = body[i];
      if (choices_ != none && n.parent == choices_) {
        like.choice = static_cast<std::int32_t>(nodes_.size());
        nodes_.push_back(i);
        list_.push_back({structured(i)});
      }
      if (choices_ != none && i >= body[choices_].next) like.choice = -1;
      if (states[i] == path_table::unknown && !n.key.empty()) {
        auto mine = like;
        mine.kind = part_kind::annotation;
        listed_.add_key(i, mine);
      }
      if (n.kind != kind::string || n.text.empty()) continue;
      if (const auto* row = table.at(states[i])) {
        listed_.add(i, *row, like, depth_max);
      } else {
        // A vendor's own field: no table knows what it is, so it is held against the rules where it stands.
        auto mine = like;
        mine.kind = part_kind::annotation;
        listed_.add_plain(i, mine, false);
      }
    }
    return {};
  }

  [[nodiscard]] std::span<const part> parts() const override { return listed_.parts(); }
  [[nodiscard]] std::span<const unread> unread_parts() const override { return listed_.unread_parts(); }
  [[nodiscard]] std::string path(const part& p) const override { return listed_.path(p); }

  [[nodiscard]] std::span<const answer_choice> choices() const override { return list_; }

  using response_body::edited;
  [[nodiscard]] std::string edited(std::span<const replacement> edits, std::span<const text_addition> additions) const override {
    auto splices = listed_.splices(edits);
    for (const auto& each : additions) add_text(nodes_[static_cast<std::size_t>(each.choice)], each.text, splices);
    std::vector<std::int32_t> touched;
    for (const auto& e : edits) {
      const auto choice = listed_.parts()[e.part].choice;
      if (choice >= 0 && std::find(touched.begin(), touched.end(), choice) == touched.end()) touched.push_back(choice);
    }
    // The tokens of an edited choice still spell what was taken out.
    for (const auto choice : touched) drop_logprobs(nodes_[static_cast<std::size_t>(choice)], splices);
    if (hides_request_) drop_prompt(listed_.body(), splices);
    return text::json::apply(listed_.body().bytes(), std::move(splices));
  }

 private:
  // A choice that calls tools, or one in whose message nobody could write.
  [[nodiscard]] bool structured(index choice) const {
    const auto& body = listed_.body();
    const auto message = body[choice].kind == kind::object ? body.member(choice, "message") : none;
    if (message == none || body[message].kind != kind::object) return true;
    const auto calls = body.member(message, "tool_calls"), call = body.member(message, "function_call"), content = body.member(message, "content");
    if (calls != none && body[calls].kind == kind::array && body.first_child(calls) != none) return true;
    if (call != none && body[call].kind == kind::object) return true;
    return content != none && body[content].kind != kind::string && body[content].kind != kind::null && body[content].kind != kind::array;
  }
  void add_text(index choice, std::string_view text, splice_list& splices) const {
    const auto& body = listed_.body();
    const auto message = body.member(choice, "message"), content = body.member(message, "content");
    if (content != none && body[content].kind == kind::string) return add_behind(body, content, text, splices);
    if (content == none || body[content].kind == kind::null) return set_member(body, message, content, "content", json_quoted(text), splices);
    const auto block = [](std::string_view words) { return "{\"type\":\"text\",\"text\":" + json_quoted(words) + "}"; };
    add_to_list(body, content, {{}, text}, block, splices);
  }
  void drop_logprobs(index choice, std::vector<text::json::splice>& splices) const {
    const auto& body = listed_.body();
    const auto logprobs = body.member(choice, "logprobs");
    if (logprobs != none && body[logprobs].kind != kind::null) splices.push_back({body[logprobs].raw_begin, body[logprobs].raw_end, "null"});
  }

  bool hides_request_;
  listed_body listed_;
  index choices_ = none;
  std::vector<index> nodes_;         // of the choices
  std::vector<answer_choice> list_;
};

}  // namespace

void drop_prompt(const text::json::document& body, std::vector<text::json::splice>& splices) {
  for (const auto key : {"prompt_text", "prompt_logprobs", "prompt_token_ids"}) {
    const auto at = body.member(0, key);
    if (at == none || body[at].kind == kind::null) continue;
    std::erase_if(splices, [&](const auto& s) { return s.begin >= body[at].raw_begin && s.end <= body[at].raw_end; });
    splices.push_back({body[at].raw_begin, body[at].raw_end, "null"});
  }
}

result<std::unique_ptr<response_body>> openai_read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<chat_response>(to.words_added);
  if (auto done = made->read(body, depth_max); !done) return std::unexpected(done.error());
  return made;
}

}  // namespace sluice::wire
