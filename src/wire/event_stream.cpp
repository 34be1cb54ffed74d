// See event_stream.hpp. An event is written as it came unless some text of it left otherwise than it came.
#include "event_stream.hpp"

#include "stream_end.hpp"

namespace sluice::wire {

response_stream::status event_stream::feed(std::string_view bytes, channel_sink& sink, std::string& out) {
  splitter_.feed(bytes);
  http::sse_event e;
  while (!over_) {
    switch (splitter_.next(e)) {
      case http::sse_splitter::status::more: return status::ok;
      case http::sse_splitter::status::too_large: reason_ = "an event is larger than " + std::to_string(limits::event_bytes >> 20) + " MiB"; return status::unreadable;
      case http::sse_splitter::status::event: break;
    }
    if (!event_.judge_lines(e, sink)) return stopped();
    if (!e.has_data) {
      out += e.raw;
    } else if (const auto s = event(e, sink, out); s != status::ok) {
      return s;
    }
  }
  return status::done;
}

response_stream::status event_stream::end(bool clean, channel_sink& sink, std::string& out) {
  if (over_) return status::done;
  if (!clean) return judge_rest(sink) ? status::ok : status::blocked;
  const auto ending = missing_end::of_event(splitter_.rest());
  const auto s = ending.text().empty() ? status::ok : feed(ending.text(), sink, out);
  const bool broken_off = (s == status::unreadable && half_) || (s == status::ok && !erred_ && !told_all());
  if (broken_off) return judge_rest(sink) ? status::broken_off : status::blocked;
  if (s != status::ok && s != status::done) return s;
  const auto before = out.size();
  if (s == status::ok) {
    if (!finish_stream(sink, out)) return stopped();
    over_ = true;
  }
  ending.take_back(out, before);
  return s;
}

bool event_stream::read(const http::sse_event& e) {
  const auto parsed = event_.parse(e.data);
  half_ = !parsed;
  if (half_) return event_.refuse(parsed.error().message);
  if (event_.body()[0].kind != text::json::kind::object) return event_.refuse("an event is no JSON object");
  padded_ = padded_ || event_.body().member(0, "obfuscation") != text::json::none;
  errs_ = event_.tells_error();
  erred_ = erred_ || errs_;
  return true;
}

response_stream::status event_stream::stopped() {
  reason_ = event_.unread();
  return reason_.empty() ? status::blocked : status::unreadable;
}

std::string_view event_stream::write(const http::sse_event& e, std::string& out) {
  told_error_ = errs_;
  if (!event_.edited()) {
    out += e.raw;
    return e.data;
  }
  written_ = event_.apply();
  http::append_with_data(e, written_, out);
  return written_;
}

std::string event_stream::padding(std::size_t bytes) const {
  constexpr std::size_t step = 16;
  return padded_ ? ",\"obfuscation\":\"" + std::string(step - bytes % step, 'x') + "\"" : std::string();
}

bool event_stream::has_room(std::size_t bytes) {
  arguments_bytes_ += bytes;
  return arguments_bytes_ <= limits::arguments_bytes || event_.refuse("arguments of tool calls that are too large");
}

bool event_stream::take_arguments(call_arguments& call, text::json::index i, channel_sink& sink) {
  const auto fragment = event_.body()[i].text;
  if (!has_room(fragment.size())) return false;
  event_.replace(i, call.take(fragment, sink));
  return true;
}

bool event_stream::finish_arguments(call_arguments& call, const std::string& name, std::int64_t choice, channel_sink& sink, std::string& out) {
  free_room(call.text.size());
  if (!call.judge(name, choice, depth_max_, sink)) return false;
  if (call.held) out += call.text;
  call = {};
  return true;
}

}  // namespace sluice::wire
