// Chat Completions requests.
#include <algorithm>

#include "openai.hpp"
#include "openai_table.hpp"
#include "parts.hpp"

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
  for (const auto& n : {name{"system", role::system}, {"developer", role::developer}, {"user", role::user}, {"assistant", role::assistant},
                        {"tool", role::tool}, {"function", role::tool}}) {
    if (n.word == word) {
      out = n.who;
      return true;
    }
  }
  return false;
}

class chat_request final : public request_body {
 public:
  result<void> read(const endpoint& to, std::string_view bytes, std::uint32_t depth_max) {
    if (auto parsed = listed_.parse(bytes, depth_max); !parsed) return parsed;
    const auto& body = listed_.body();
    if (body[0].kind != kind::object) return fail(errc::parse, "the request body is no JSON object");
    const auto messages = body.member(0, "messages");
    if (messages == none || body[messages].kind != kind::array) return fail(errc::parse, "messages is missing or is no array");
    if (const auto m = body.member(0, "model"); m != none && body[m].kind == kind::string) model_ = body[m].text;
    if (!to.model.empty()) {  // Azure's path decides, whatever the body says
      model_text_ = to.model;
      model_ = model_text_;
    }
    const auto stream = body.member(0, "stream");
    stream_ = stream != none && body[stream].text == "true";
    if (const auto options = body.member(0, "stream_options"); options != none) {
      const auto usage = body.member(options, "include_usage");
      usage_ = usage != none && body[usage].text == "true";
    }
    find_last_assistant(messages);
    list(messages, depth_max);
    return {};
  }

  [[nodiscard]] std::span<const part> parts() const override { return listed_.parts(); }
  [[nodiscard]] std::span<const unread> unread_parts() const override { return listed_.unread_parts(); }
  [[nodiscard]] bool stream() const override { return stream_; }
  [[nodiscard]] bool include_usage() const { return usage_; }
  [[nodiscard]] std::string_view model() const override { return model_; }
  [[nodiscard]] std::string path(const part& p) const override { return listed_.path(p); }
  [[nodiscard]] std::string edited(std::span<const replacement> edits) const override {
    return text::json::apply(listed_.body().bytes(), listed_.splices(edits));
  }

 private:
  // What follows the last assistant message is the last turn.
  void find_last_assistant(index messages) {
    const auto& body = listed_.body();
    last_assistant_ = 0;
    for (auto m = body.first_child(messages); m != none; m = body.sibling(m)) {
      const auto r = body.member(m, "role");
      if (r != none && body[r].text == "assistant") last_assistant_ = m;
    }
  }

  void list(index messages, std::uint32_t depth_max) {
    const auto& body = listed_.body();
    const auto& table = openai_chat_request();
    std::vector<std::uint16_t> states;
    table.walk(body, states);
    part like{role::user, part_kind::text, true, true, {}, 0};
    for (index i = 1; i < states.size(); ++i) {
      const auto& n = body[i];
      if (n.parent == messages) begin_message(i, like);
      const bool in_messages = i > messages && i < body[messages].next;
      const auto* row = table.at(states[i]);
      part mine = like;
      if (!in_messages) mine.last_turn = true;
      if (row != nullptr) mine.role = to_role(row->from, in_messages ? like.role : role::user);
      // Words can be put into the keys of a schema or a map.
      if (row != nullptr && row->what == text_class::schema && n.key_end > n.key_begin) {
        mine.kind = row->kind;
        listed_.add_key(i, mine);
      }
      if (n.kind != kind::string || n.text.empty()) continue;
      if (row == nullptr) {
        listed_.add_unread("unknown part", i);
      } else {
        listed_.add(i, *row, mine, depth_max);
      }
    }
  }

  void begin_message(index message, part& like) {
    const auto& body = listed_.body();
    const auto r = body.member(message, "role");
    if (r == none || !role_of(body[r].text, like.role)) {
      listed_.add_unread("unknown part", r == none ? message : r);
      like.role = role::user;
    }
    like.last_turn = message > last_assistant_;
    if (const auto content = body.member(message, "content"); content != none && body[content].kind == kind::array) check_parts(content);
  }

  // Content parts of types that nobody here knows hold text that nobody here would find.
  void check_parts(index content) {
    const auto& body = listed_.body();
    for (auto p = body.first_child(content); p != none; p = body.sibling(p)) {
      const auto t = body.member(p, "type");
      static constexpr std::string_view known[] = {"text", "refusal", "image_url", "input_audio", "file"};
      if (t == none || std::find(std::begin(known), std::end(known), body[t].text) == std::end(known)) listed_.add_unread("unknown part", p);
    }
  }

  listed_body listed_;
  std::string_view model_;
  std::string model_text_;
  bool stream_ = false, usage_ = false;
  index last_assistant_ = 0;
};

}  // namespace

result<std::unique_ptr<request_body>> openai_read_request(const endpoint& to, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<chat_request>();
  if (auto done = made->read(to, body, depth_max); !done) return std::unexpected(done.error());
  return made;
}

bool openai_includes_usage(const request_body& request) { return static_cast<const chat_request&>(request).include_usage(); }

}  // namespace sluice::wire
