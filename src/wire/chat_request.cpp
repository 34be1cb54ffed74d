// Chat Completions requests.
#include "additions.hpp"
#include "body_reader.hpp"
#include "chat_table.hpp"
#include "openai.hpp"

namespace sluice::wire {
namespace {

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

constexpr role_words roles{role_of, "name its role: system, developer, user, assistant, tool or function,"};

class chat_request final : public table_request {
 public:
  result<void> read_for(const endpoint& to, std::string_view bytes, std::uint32_t depth_max) {
    if (auto done = read(bytes, {chat_request_table(), "messages", true, roles, false}, depth_max); !done) return done;
    if (!to.model.empty()) {  // Azure's path decides, whatever the body says
      model_text_ = to.model;
      model_ = model_text_;
    }
    const auto& body = listed_.body();
    const auto plugins = body.member(0, "plugins");  // of OpenRouter's, one has it read the web
    for (auto each = plugins == none || body[plugins].kind != kind::array ? none : body.first_child(plugins); each != none; each = body.sibling(each)) {
      const auto id = body[each].kind == kind::object ? body.member(each, "id") : none;
      if (id != none && body[id].text == "web") listed_.add_fetch(each, held::web_search);
    }
    const auto options = body.member(0, "stream_options");
    if (options == none || body[options].kind != kind::object) return {};
    const auto usage = body.member(options, "include_usage");
    usage_ = usage != none && body[usage].text == "true";
    return {};
  }
  [[nodiscard]] bool include_usage() const { return usage_; }
  [[nodiscard]] bool takes_system_words() const override { return true; }
  // The API's own switch, and those of vLLM and llama.cpp.
  [[nodiscard]] bool json_answer() const override {
    const auto& body = listed_.body();
    for (const auto key : {"guided_json", "guided_choice", "guided_regex", "guided_grammar", "structured_outputs", "grammar", "json_schema"}) {
      if (const auto at = body.member(0, key); at != none && body[at].kind != kind::null) return true;
    }
    const auto format = body.member(0, "response_format");
    const auto type = format != none && body[format].kind == kind::object ? body.member(format, "type") : none;
    return type != none && body[type].text != "text";
  }

 protected:
  void add_system(const system_words& added, splice_list& splices) const override {
    add_system_message(listed_.body(), listed_.body().member(0, "messages"), added, splices);
  }

 private:
  std::string model_text_;
  bool usage_ = false;
};

}  // namespace

result<std::unique_ptr<request_body>> chat_read_request(const endpoint& to, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<chat_request>();
  if (auto done = made->read_for(to, body, depth_max); !done) return std::unexpected(done.error());
  return made;
}

bool openai_includes_usage(const request_body& request) { return static_cast<const chat_request&>(request).include_usage(); }

}  // namespace sluice::wire
