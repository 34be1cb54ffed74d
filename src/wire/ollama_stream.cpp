// One streamed Ollama answer: a JSON text a line. What is held leaves with the line that says it is done.
#include <optional>
#include <vector>

#include "event_reader.hpp"
#include "ollama.hpp"
#include "ollama_table.hpp"
#include "stream_end.hpp"
#include "sluice/base/limits.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/http/json_stream.hpp"

namespace sluice::wire {
namespace {

using text::json::index;
using text::json::kind;
using text::json::none;

class lines_stream final : public response_stream, private event_reader::grower {
 public:
  lines_stream(bool chat, bool hides_request, std::string_view model, std::uint32_t depth_max)
      : chat_(chat), hides_request_(hides_request), event_(ollama_response(), depth_max), model_(json_quoted(model)) {
    for (const auto& r : ollama_response().rows()) {
      if (r.comes == coming::grows) texts_.push_back({r.path});
    }
  }

  [[nodiscard]] status feed(std::string_view bytes, channel_sink& sink, std::string& out) override;
  [[nodiscard]] status end(bool clean, channel_sink& sink, std::string& out) override;
  void cut(std::string_view message, std::string& out) override;
  void fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) override;
  // Its framing has no comments, and its clients read each line as JSON: a piece of no text.
  void keep_alive(std::string& out) override { piece(chat_ ? "\"content\":\"\"" : "\"response\":\"\"", out); }
  [[nodiscard]] const std::string& reason() const override { return reason_; }

 private:
  struct growing {
    std::string_view path;
    std::optional<std::uint32_t> channel = {};
    unsent_text unsent = {};
    index last = none;         // its piece in the line at hand
    std::string left = {};     // what it leaves at the end
  };
  [[nodiscard]] status line(const http::json_piece& p, channel_sink& sink, std::string& out);
  [[nodiscard]] taken take(index i, const row& r, channel_sink& sink) override;
  [[nodiscard]] std::string_view said_beside(index copy) const override;
  [[nodiscard]] bool drops(index /*copy*/) const override { return event_.edited(); }
  [[nodiscard]] bool edits(index /*copy*/) const override { return edited_; }
  [[nodiscard]] bool finish(channel_sink& sink, std::string& out);
  void write(growing& g, std::string& out);
  void piece(std::string_view says, std::string& out) const;

  bool chat_, hides_request_;
  http::json_splitter lines_{http::json_splitter::framing::lines, limits::event_bytes};
  event_reader event_;
  std::vector<growing> texts_;  // one a row that grows
  std::string model_, created_at_ = "\"1970-01-01T00:00:00Z\"";  // raw tokens
  std::string reason_, released_;
  bool edited_ = false, over_ = false, calls_ = false;
  bool half_ = false;  // the line at hand is no JSON
  // What has left is judged to its end; what is held does not leave. False: a rule stops it.
  [[nodiscard]] static bool judge_rest(channel_sink& sink) { return sink.end_open() == channel_sink::status::released; }
};

response_stream::status lines_stream::feed(std::string_view bytes, channel_sink& sink, std::string& out) {
  lines_.feed(bytes);
  http::json_piece p;
  while (!over_) {
    switch (lines_.next(p)) {
      case http::json_splitter::status::more: return status::ok;
      case http::json_splitter::status::too_large: case http::json_splitter::status::broken: reason_ = "a line is larger than " + std::to_string(limits::event_bytes >> 20) + " MiB"; return status::unreadable;
      case http::json_splitter::status::piece: break;
    }
    if (const auto s = line(p, sink, out); s != status::ok) return s;
  }
  return status::done;
}

response_stream::status lines_stream::line(const http::json_piece& p, channel_sink& sink, std::string& out) {
  if (!p.has_data) {
    out += p.raw;
    return status::ok;
  }
  const auto parsed = event_.parse(p.data);
  half_ = !parsed;
  if (half_) {
    reason_ = parsed.error().message;
    return status::unreadable;
  }
  if (event_.body()[0].kind != kind::object) {
    reason_ = "a line is no JSON object";
    return status::unreadable;
  }
  if (const auto m = event_.word("model"); m.starts_with('"')) model_ = m;
  if (const auto c = event_.word("created_at"); c.starts_with('"')) created_at_ = c;
  for (auto& g : texts_) g.last = none;
  if (!event_.judge(0, *this, sink) || !event_.judge_copies(*this, sink)) {
    reason_ = event_.unread();
    return reason_.empty() ? status::blocked : status::unreadable;
  }
  const auto message = event_.child(0, "message");
  const auto calls = message == none || event_.body()[message].kind != kind::object ? none : event_.child(message, "tool_calls");
  calls_ = calls_ || (calls != none && event_.body().first_child(calls) != none);
  const bool last = event_.text("done") == "true", error = !event_.text("error").empty();
  if (error ? !judge_rest(sink) : last && (!finish(sink, out) || !event_.finish(sink))) return status::blocked;
  // Tokens and their probabilities spell what left otherwise than it came.
  if (event_.edited() || (last && edited_)) event_.blank(0, "logprobs", "[]");
  if (edited_ || hides_request_) event_.blank(0, "context", "[]");
  if (event_.edited()) {
    http::append_with_data(p, event_.apply(), out);
  } else {
    out += p.raw;
  }
  over_ = last || error;
  return over_ ? status::done : status::ok;
}

event_reader::grower::taken lines_stream::take(index i, const row& r, channel_sink& sink) {
  for (auto& g : texts_) {
    if (r.path != g.path) continue;
    if (!g.channel) g.channel = sink.open(role::assistant, r.kind, true, std::string(g.path), 0);
    g.last = i;
    released_.clear();
    if (sink.feed(*g.channel, event_.body()[i].text, released_) != channel_sink::status::released) return taken::blocked;
    edited_ = !g.unsent.leaves(event_.body()[i].text, released_) || edited_;
    event_.replace(i, released_);
    return taken::taken;
  }
  return taken::left;
}

// A line has a piece of one text; of several, nobody could say which its tokens spell.
std::string_view lines_stream::said_beside(index /*copy*/) const {
  std::string_view out;
  for (const auto& g : texts_) {
    if (g.last != none && !out.empty()) return {};
    if (g.last != none) out = event_.body()[g.last].text;
  }
  return out;
}

// What is left of a text: into the line at hand where that has some of it, on a line of its own before otherwise.
void lines_stream::write(growing& g, std::string& out) {
  if (g.left.empty()) return;
  if (g.last != none) return event_.append(g.last, g.left);
  const auto key = g.path.starts_with("message.") ? g.path.substr(8) : g.path;
  const std::string_view main = chat_ ? "content" : "response";
  piece((key == main ? std::string() : json_quoted(main) + ":\"\",") + json_quoted(key) + ":" + json_quoted(g.left), out);
}

// A line of the gateway's own among the upstream's. `says`: members of what the model says.
void lines_stream::piece(std::string_view says, std::string& out) const {
  out += "{\"model\":" + model_ + ",\"created_at\":" + created_at_ + (chat_ ? ",\"message\":{\"role\":\"assistant\"," : ",");
  out.append(says).append(chat_ ? "},\"done\":false}\n" : ",\"done\":false}\n");
}

bool lines_stream::finish(channel_sink& sink, std::string& out) {
  for (auto& g : texts_) {
    g.left.clear();
    if (g.channel && sink.end(*g.channel, g.left) != channel_sink::status::released) return false;
  }
  if (!event_.finish(sink, 0)) return false;
  std::string addition;
  if (sink.closing(0, calls_, addition) != channel_sink::status::released) return false;
  for (auto& g : texts_) {
    if (g.channel) sink.rest(*g.channel, g.left);
    g.channel.reset();
    edited_ = !g.unsent.leaves("", g.left) || edited_;
    if (g.path == (chat_ ? "message.content" : "response")) g.left += addition;
    write(g, out);
  }
  return true;
}

response_stream::status lines_stream::end(bool clean, channel_sink& sink, std::string& out) {
  if (over_) return status::done;
  if (!clean) return judge_rest(sink) ? status::ok : status::blocked;
  const auto ending = missing_end::of_line(lines_.buffered_bytes());
  if (!ending.text().empty()) {
    const auto s = feed(ending.text(), sink, out);
    if (s == status::blocked || (s == status::unreadable && !half_)) return s;
  }
  if (!over_) return judge_rest(sink) ? status::broken_off : status::blocked;  // no line said that it is done
  ending.take_back(out, out.size());
  return status::done;
}

void lines_stream::cut(std::string_view message, std::string& out) {
  if (over_) return;
  over_ = true;
  out += ollama_refusal_line(chat_, model_, created_at_, message) + "\n";
}

void lines_stream::fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) {
  if (over_) return;
  over_ = true;
  out += ollama_error_body({what, message, "", decision_id}) + "\n";
}

}  // namespace

std::unique_ptr<response_stream> ollama_open_stream(const endpoint& to, std::string_view model, std::uint32_t depth_max) {
  return std::make_unique<lines_stream>(to.name == "chat", to.words_added, model, depth_max);
}

}  // namespace sluice::wire
