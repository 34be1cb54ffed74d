// Messages requests and answers that come in one piece; the counting of a request's tokens takes the same request.
#include <algorithm>
#include <array>

#include "additions.hpp"
#include "anthropic.hpp"
#include "anthropic_table.hpp"
#include "body_reader.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {

using text::json::kind;
using text::json::none;

namespace {

bool role_of(std::string_view word, role& out) {
  if (word == "user") out = role::user;
  if (word == "assistant") out = role::assistant;
  if (word == "system") out = role::system;
  return word == "user" || word == "assistant" || word == "system";
}

constexpr role_words roles{role_of, "name its role: user, assistant or system,"};

std::string text_block(std::string_view text) { return "{\"type\":\"text\",\"text\":" + json_quoted(text) + "}"; }

// What kinds of tools there are, whatever the date of their version behind it is.
constexpr auto tools = std::to_array<std::string_view>({"", "custom", "bash", "text_editor", "computer", "computer_toolset", "browser_toolset", "memory", "web_search", "web_fetch",
                                                        "code_execution", "tool_search_tool_bm25", "tool_search_tool_regex", "advisor", "mcp_toolset"});

std::string_view without_date(std::string_view type) {
  const auto name = type.substr(0, type.find_last_not_of("0123456789") + 1);
  return name.ends_with('_') ? name.substr(0, name.size() - 1) : type;
}

class messages_request final : public table_request {
 public:
  result<void> read_messages(std::string_view bytes, const request_shape& shape, std::uint32_t depth_max) {
    if (auto done = read(bytes, shape, depth_max); !done) return done;
    const auto& body = listed_.body();
    const auto list = body.member(0, "tools");
    if (list == none || body[list].kind != kind::array) return {};
    for (auto tool = body.first_child(list); tool != none; tool = body.sibling(tool)) {
      const auto type = body[tool].kind == kind::object ? body.member(tool, "type") : none;
      if (type == none || body[type].kind != kind::string) continue;
      const auto is = without_date(body[type].text);
      if (std::ranges::find(tools, is) == tools.end()) listed_.add_unread("unknown part", tool);
      if (is == "web_search") listed_.add_fetch(tool, held::web_search);
      if (is == "web_fetch") listed_.add_fetch(tool, held::web_pages);
    }
    return {};
  }
  [[nodiscard]] bool json_answer() const override {
    const auto& body = listed_.body();
    const auto is_there = [&](text::json::index i) { return i != none && body[i].kind != kind::null; };
    const auto config = body.member(0, "output_config");
    return is_there(body.member(0, "output_format")) || (config != none && body[config].kind == kind::object && is_there(body.member(config, "format")));
  }
  // `system` is a text or a list of blocks; in another form the API would refuse it.
  [[nodiscard]] bool takes_system_words() const override {
    const auto& body = listed_.body();
    const auto at = body.member(0, "system");
    return at == none || body[at].kind == kind::null || body[at].kind == kind::string || body[at].kind == kind::array;
  }

 protected:
  void add_system(const system_words& added, splice_list& splices) const override {
    const auto& body = listed_.body();
    const auto at = body.member(0, "system");
    if (at == none || body[at].kind == kind::null) return set_member(body, 0, at, "system", json_quoted(joined(added)), splices);
    if (body[at].kind == kind::string) return add_to_text(body, at, added, splices);
    add_to_list(body, at, added, text_block, splices);
  }
};

bool is_of(const text::json::document& body, text::json::index block, std::string_view type) {
  const auto at = body[block].kind == kind::object ? body.member(block, "type") : none;
  return at != none && body[at].text == type;
}

class messages_response final : public table_response {
 protected:
  // A block of text of which an edit leaves nothing goes as a whole, because the API takes no empty one back; not the first, and none into
  // which something else was put.
  void follow(const part& of, std::span<const replacement> edits, splice_list& splices, splice_list& dropped) const override {
    const auto& body = listed_.body();
    const auto block = body[of.node].parent;
    if (of.node == 0 || body[of.node].key != "text" || !is_of(body, block, "text") || body[block].parent != member(0, "content")) return;
    std::size_t gone = 0;
    for (const auto& e : edits) gone += e.text.empty() ? e.end - e.begin : 0;
    const auto list = body[block].parent;
    if (gone != of.text.size() || block == body.first_child(list)) return;
    auto before = block - 1;  // the last of the block before, on the tape
    while (body[before].parent != list) before = body[before].parent;
    const auto first = std::ranges::lower_bound(splices, body[block].raw_begin, {}, &text::json::splice::begin);
    const auto behind = std::find_if(first, splices.end(), [&](const auto& s) { return s.begin > body[block].raw_end || s.end > body[block].raw_end; });
    if (behind - first == 1) dropped.push_back({body[before].raw_end, body[block].raw_end, ""});
  }
  [[nodiscard]] bool structured(text::json::index choice) const override {
    const auto& body = listed_.body();
    const auto content = body.member(choice, "content");
    if (content == none || body[content].kind != kind::array) return true;
    for (auto b = body.first_child(content); b != none; b = body.sibling(b)) {
      if (is_of(body, b, "tool_use")) return true;
    }
    return false;
  }
  // Behind the last block when that is a text, so that a client that reads one block reads it too.
  void add_text(text::json::index choice, std::string_view text, splice_list& splices) const override {
    const auto& body = listed_.body();
    const auto content = body.member(choice, "content");
    auto last = none;
    for (auto b = body.first_child(content); b != none; b = body.sibling(b)) last = b;
    const auto literal = last != none && is_of(body, last, "text") ? body.member(last, "text") : none;
    if (literal != none && body[literal].kind == kind::string) return add_behind(body, literal, text, splices);
    add_to_list(body, content, {{}, text}, text_block, splices);
  }
};

}  // namespace

result<std::unique_ptr<request_body>> anthropic_read_request(std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<messages_request>();
  const request_shape shape{anthropic_request(), "messages", true, roles, false};
  if (auto done = made->read_messages(body, shape, depth_max); !done) return std::unexpected(done.error());
  return made;
}

result<std::unique_ptr<response_body>> anthropic_read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<messages_response>();
  const auto& table = to.name == "messages" ? anthropic_response() : anthropic_count();
  if (auto done = made->read(body, table, "", depth_max); !done) return std::unexpected(done.error());
  return made;
}

}  // namespace sluice::wire
