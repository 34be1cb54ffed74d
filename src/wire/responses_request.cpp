// Responses requests. Some have no body: what they ask for is in the path.
#include "additions.hpp"
#include "responses.hpp"
#include "responses_table.hpp"
#include "sluice/base/percent.hpp"
#include "sluice/base/strings.hpp"

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
  for (const auto& n : {name{"user", role::user}, {"assistant", role::assistant}, {"system", role::system}, {"developer", role::developer}, {"tool", role::tool}}) {
    if (n.word == word) {
      out = n.who;
      return true;
    }
  }
  return false;
}

constexpr role_words roles{role_of, "name its role: user, assistant, system, developer or tool,"};

// What a tool gave back is new to the model; what the model asked of it is not. Of what a reference names nobody here knows whose it is.
std::optional<role> turn_of_type(std::string_view type) {
  if (type == "reasoning" || type == "program" || type.ends_with("_call") || type == "mcp_approval_request") return role::assistant;
  if (type.ends_with("_output") || type == "mcp_approval_response") return role::tool;
  return std::nullopt;
}

}  // namespace

bool calls_client(std::string_view type) {
  return type == "function_call" || type == "custom_tool_call" || type == "computer_call" || type == "local_shell_call" || type == "shell_call" || type == "apply_patch_call";
}

bool is_responses(const endpoint& to) { return to.name.starts_with("responses") || to.name.starts_with("conversations"); }

result<void> responses_request_body::read_for(const endpoint& to, std::string_view bytes, std::uint32_t depth_max) {
  instructed_ = to.name == "responses" || to.name == "responses.input_tokens" || to.name == "responses.compact";
  const bool of_conversation = to.name.starts_with("conversations");
  if (!bytes.empty() || (to.allowed_method == "POST" && to.name != "responses.cancel" && to.name != "conversations")) {
    const request_shape shape{of_conversation ? conversation_request() : responses_request(), of_conversation ? "items" : "input", false, roles, true, {}, turn_of_type};
    if (auto done = read(bytes, shape, depth_max); !done) return done;
    const auto found = listed_.unread_parts();
    unread_.assign(found.begin(), found.end());
    const auto& body = listed_.body();
    const auto background = body.member(0, "background");
    if (background != none && body[background].text != "false" && body[background].kind != kind::null) {
      unread_.push_back({.reason = "server state", .path = "background", .bytes = body[background].raw_end - body[background].raw_begin, .later = true});
    }
    list_held(body.member(0, of_conversation ? "items" : "input"));
    for (auto& each : unread_) each.grows = each.path == "conversation" || each.path == "conversation.id";
  }
  read_query(to.query);
  if (!to.model.empty()) {
    model_text_ = to.model;
    model_ = model_text_;
  }
  return {};
}

// Items that say nothing here and stand for text that the upstream has: a picture by its id alone, and a conversation in few words that only the
// upstream reads, by its id or sealed. The ledger knows them by the id that the upstream gave them.
void responses_request_body::list_held(index items) {
  const auto& body = listed_.body();
  if (items == none || body[items].kind != kind::array) return;
  for (auto i = body.first_child(items); i != none; i = body.sibling(i)) {
    if (body[i].kind != kind::object) continue;
    const auto type = body.member(i, "type"), id = body.member(i, "id");
    const auto what = type == none ? std::string_view() : body[type].text;
    const auto says = what == "compaction" ? body.member(i, "encrypted_content") : what == "image_generation_call" ? body.member(i, "result") : none;
    const bool said = says != none && body[says].kind == kind::string && !body[says].text.empty();
    const bool held = what == "compaction" ? said || id != none : what == "image_generation_call" && !said && id != none;
    if (!held) continue;
    const auto at = said ? says : id;
    unread_.push_back({.reason = "server state", .path = body.path(at), .bytes = body[at].raw_end - body[at].raw_begin, .handle = id == none || body[id].kind != kind::string ? std::string() : std::string(body[id].text)});
  }
}

// A stream that begins in its middle would begin within a text, and half a secret is no match.
void responses_request_body::read_query(std::string_view query) {
  while (!query.empty()) {
    const auto one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(one.size() + 1, query.size()));
    std::string key;  // two spellings of one are one to the upstream
    percent_decode(one.substr(0, one.find('=')), key);
    if (key == "starting_after") unread_.push_back({.reason = "server state", .path = key, .bytes = one.size(), .instead = "read the stored answer from its beginning, without it"});
    if (key == "stream" && one.ends_with("=true")) stream_ = true;
  }
}

responses_request_body::words responses_request_body::own_words() const {
  words out;
  const auto& body = listed_.body();
  if (body.nodes().empty()) return out;
  const auto asked = body.member(0, "input");
  const auto input = asked != none ? asked : body.member(0, "items");
  for (const auto& p : listed_.parts()) {
    if (input == none || p.node < input || p.node >= body[input].next) out.insert(p.text);
  }
  return out;
}

std::string responses_request_body::instructions() const {
  const auto& body = listed_.body();
  const auto at = body.nodes().empty() ? none : body.member(0, "instructions");
  return at == none ? "null" : std::string(body.raw(at));
}

bool responses_request_body::json_answer() const {
  const auto& body = listed_.body();
  const auto text = body.nodes().empty() ? none : body.member(0, "text");
  const auto format = text != none && body[text].kind == kind::object ? body.member(text, "format") : none;
  const auto type = format != none && body[format].kind == kind::object ? body.member(format, "type") : none;
  return type != none && body[type].text != "text";
}

bool responses_request_body::takes_system_words() const {
  const auto& body = listed_.body();
  const auto at = body.nodes().empty() ? none : body.member(0, "instructions");
  return instructed_ && (at == none || body[at].kind == kind::null || body[at].kind == kind::string);
}

void responses_request_body::add_system(const system_words& added, splice_list& splices) const {
  const auto& body = listed_.body();
  const auto at = body.member(0, "instructions");
  if (at == none || body[at].kind == kind::null) return set_member(body, 0, at, "instructions", json_quoted(joined(added)), splices);
  add_to_text(body, at, added, splices);
}

bool repeats_request(std::string_view path) {
  if (path.starts_with("response.")) path.remove_prefix(9);
  for (const std::string_view part : {"instructions", "tools", "tool_choice", "metadata", "prompt.", "prompt_cache_key", "safety_identifier", "user", "text.format"}) {
    if (path.starts_with(part)) return true;
  }
  return false;
}

result<std::unique_ptr<request_body>> responses_read_request(const endpoint& to, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<responses_request_body>();
  if (auto done = made->read_for(to, body, depth_max); !done) return std::unexpected(done.error());
  return made;
}

}  // namespace sluice::wire
