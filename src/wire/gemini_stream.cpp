// See gemini_stream.hpp. Framing, events, and how the gateway ends the stream; the texts are in gemini_texts.cpp.
#include "gemini_stream.hpp"

#include <algorithm>
#include <utility>

#include "gemini.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {

using text::json::kind;
using text::json::none;

response_stream::status generate_stream::feed(std::string_view bytes, channel_sink& sink, std::string& out) {
  if (over_ && !elements_.closed()) return status::done;  // behind an array that the upstream closed white space may still come
  if (framing_ == framing::unknown) {
    const auto first = bytes.find_first_not_of(" \t\r\n");
    if (head_.size() + std::min(first, bytes.size()) > limits::blank_bytes) {
      reason_ = "more white space before a stream than the gateway keeps";
      return status::unreadable;
    }
    head_ += bytes;
    if (first == std::string::npos) return status::ok;
    if (bytes[first] == '{') {
      reason_ = "one object where a stream should be";
      return status::unreadable;
    }
    framing_ = bytes[first] == '[' ? framing::array : framing::events;
    bytes = head_;
  }
  if (framing_ == framing::events) {
    events_.feed(bytes);
    return feed_events(sink, out);
  }
  elements_.feed(bytes);
  return feed_elements(sink, out);
}

// One event, as it came or with its edits. What is said of the gateway's own while it is judged stands before it.
response_stream::status generate_stream::event(const http::sse_event& e, channel_sink& sink, std::string& out) {
  if (const auto s = judge(e.data, sink, out); s != status::ok) return s;
  event_.edited() ? http::append_with_data(e, event_.apply(), out) : void(out += e.raw);
  return status::ok;
}

response_stream::status generate_stream::element(const http::json_piece& p, channel_sink& sink, std::string& out) {
  const auto lead = lead_ = p.raw.substr(0, p.data_offset);
  const auto s = judge(p.data, sink, out);
  const bool led = std::exchange(lead_, {}).empty() && !lead.empty();  // by an element of the gateway's own
  if (s != status::ok) return s;
  out += led ? ",\n" : lead;
  event_.edited() ? void(out += event_.apply()) : void(out += p.data);
  written_ = true;
  return status::ok;
}

response_stream::status generate_stream::feed_events(channel_sink& sink, std::string& out) {
  http::sse_event e;
  while (true) {
    switch (events_.next(e)) {
      case http::sse_splitter::status::more: return status::ok;
      case http::sse_splitter::status::too_large: reason_ = "an event is larger than " + std::to_string(limits::event_bytes >> 20) + " MiB"; return status::unreadable;
      case http::sse_splitter::status::event: break;
    }
    if (!event_.judge_lines(e, sink, true)) return stopped();
    if (!e.has_data) {
      out += e.raw;
      continue;
    }
    if (const auto s = event(e, sink, out); s != status::ok) return s;
  }
}

response_stream::status generate_stream::feed_elements(channel_sink& sink, std::string& out) {
  http::json_piece p;
  while (true) {
    switch (elements_.next(p)) {
      case http::json_splitter::status::more: return status::ok;
      case http::json_splitter::status::too_large: reason_ = "an element is larger than " + std::to_string(limits::event_bytes >> 20) + " MiB"; return status::unreadable;
      case http::json_splitter::status::broken: if (over_) return status::done;  // behind the end is nothing that a client reads
        reason_ = "the answer is no array of objects"; return status::unreadable;
      case http::json_splitter::status::piece: break;
    }
    if (p.has_data) {
      if (const auto s = element(p, sink, out); s != status::ok) return s;
      continue;
    }
    if (elements_.closed() && p.raw.find(']') != std::string_view::npos) {
      if (!told_all()) return break_off(sink);
      if (!finish_stream(sink, out)) return status::blocked;
    }
    out += p.raw;
    over_ = over_ || elements_.closed();  // white space may still come
  }
}

// What of a candidate was held, and has no place in the event that ends it, leaves before that.
response_stream::status generate_stream::judge(std::string_view data, channel_sink& sink, std::string& out) {
  const auto parsed = event_.parse(data);
  half_ = !parsed;
  if (half_) {
    reason_ = parsed.error().message;
    return status::unreadable;
  }
  const auto& body = event_.body();
  if (body[0].kind != kind::object) {
    reason_ = "an event is no JSON object";
    return status::unreadable;
  }
  const bool errs = event_.tells_error();
  erred_ = erred_ || errs;
  if (const auto feedback = event_.child(0, "promptFeedback"); feedback != none && body[feedback].kind == kind::object) {
    refused_ = refused_ || !event_.text("blockReason", feedback).empty();
  }
  if (!begin_candidates() || !event_.judge(0, *this, sink) || !event_.judge_copies(*this, sink)) return stopped();
  for (const auto& at : at_hand_) {
    auto& c = candidates_[at.number];
    if (!knows_words(at.node, c, sink)) return stopped();
    c.calls = c.calls || calls_tool(at.node);
    if (!event_.text("finishReason", at.node).empty() && event_.text("finishReason", at.node) != "null") {
      if (!erred_ && !finish(at.number, c, sink, out)) return status::blocked;
      c.finished = true;
    }
    c.touched = c.touched || event_.edited();
    drop_copies(at.node, c);
  }
  place_citations(sink, out);
  if (!waiting_bytes_.fit(sink)) return status::blocked;
  told_error_ = errs;
  return status::ok;
}

// An answer of the gateway's own among the upstream's.
void generate_stream::emit(const std::string& json, std::string& out) {
  if (!in_array()) {
    out += "data: " + json + "\n\n";
    return;
  }
  if (!lead_.empty()) {
    out += std::exchange(lead_, {});
  } else {
    out += written_ ? ",\n" : "[";
  }
  out += json;
  written_ = true;
}

response_stream::status generate_stream::end(bool clean, channel_sink& sink, std::string& out) {
  if (over_) return status::done;
  if (!clean) return judge_rest(sink) ? status::ok : status::blocked;
  if (framing_ == framing::unknown) out += head_;  // white space and nothing else
  const auto ending = missing_end::of_event(framing_ == framing::events ? events_.rest() : std::string_view());
  if (!ending.text().empty()) {
    const auto s = feed(ending.text(), sink, out);
    if (s == status::unreadable && half_) return break_off(sink);
    if (s != status::ok) return s;
  }
  if (framing_ == framing::array && elements_.buffered_bytes() > 0) reason_ = "the array broke off within an element";
  if (framing_ == framing::array || !told_all()) return break_off(sink);
  const auto before = out.size();
  if (!finish_stream(sink, out)) return status::blocked;
  ending.take_back(out, before);
  over_ = true;
  return status::ok;
}

// Whether the gateway is to say why: not behind the stream's end, and not behind an error, behind which a client reads nothing.
bool generate_stream::ends(std::string& out) {
  if (std::exchange(over_, true)) return false;
  if (told_error_) close(out);
  return !told_error_;
}

void generate_stream::cut(std::string_view message, std::string& out) {
  if (!ends(out)) return;
  std::string list;
  each_to_cut(candidates_, [&](auto number, const auto&) {
    list += list.empty() ? "{" : ",{";
    if (!message.empty()) list += "\"content\":{\"parts\":[{\"text\":" + json_quoted(std::exchange(message, {})) + "}],\"role\":\"model\"},";
    list += "\"finishReason\":\"SAFETY\",\"index\":" + std::to_string(number) + "}";
  });
  emit("{\"candidates\":[" + list + "]}", out);
  close(out);
}

void generate_stream::fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) {
  if (!ends(out)) return;
  emit(gemini_error_body({what, message, "", decision_id}), out);
  close(out);
}

// An upstream frames as it likes, whatever the request asked for.
void generate_stream::stand_in_for(const response_stream& other) { framing_ = static_cast<const generate_stream&>(other).framing_; }

std::unique_ptr<response_stream> gemini_open_stream(const request_body& request, std::uint32_t depth_max) {
  return std::make_unique<generate_stream>(gemini_asks_for_events(request), depth_max);
}

}  // namespace sluice::wire
