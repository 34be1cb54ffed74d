// A streamed answer as server-sent events of JSON: how its bytes become events, how an event is written again, and how the stream ends.
// What a dialect adds is what its events mean.
#pragma once

#include <algorithm>
#include <utility>

#include "event_reader.hpp"
#include "sluice/base/limits.hpp"
#include "sluice/http/sse.hpp"

namespace sluice::wire {

class event_stream : public response_stream, protected event_reader::grower {
 public:
  [[nodiscard]] status feed(std::string_view bytes, channel_sink& sink, std::string& out) final;
  [[nodiscard]] status end(bool clean, channel_sink& sink, std::string& out) final;
  [[nodiscard]] const std::string& reason() const final { return reason_; }

 protected:
  event_stream(const answer_table& table, std::uint32_t depth_max) : depth_max_(depth_max), event_(table, depth_max), splitter_(limits::event_bytes) {}

  // One event with data. `done` ends the stream.
  [[nodiscard]] virtual status event(const http::sse_event& e, channel_sink& sink, std::string& out) = 0;
  // Whether the upstream has said that its answer is whole, where that is not the event behind which nothing is read.
  [[nodiscard]] virtual bool told_all() const { return false; }
  // Resolves what is held of every text that is open. False: stopped.
  [[nodiscard]] virtual bool finish_all(channel_sink& sink, std::string& out) = 0;
  // Judges the arguments of calls that are not whole, of which nothing leaves any more. False: a rule stops them.
  [[nodiscard]] virtual bool judge_calls(channel_sink& /*sink*/) { return true; }

  // The event's JSON into event_; false: nobody can read it.
  [[nodiscard]] bool read(const http::sse_event& e);
  // The stream's end: what is held leaves; behind an upstream's error it is dropped, as when the upstream dies. False: stopped.
  [[nodiscard]] bool finish_stream(channel_sink& sink, std::string& out) { return erred_ ? judge_rest(sink) : finish_all(sink, out) && event_.finish(sink); }
  // What has left is judged to its end; what is held does not leave. False: a rule stops it.
  [[nodiscard]] bool judge_rest(channel_sink& sink) { return judge_calls(sink) && sink.end_open() == channel_sink::status::released; }
  // Why what went before came to false: a rule, or a reason of the gateway's own.
  [[nodiscard]] status stopped();
  // The event as it came, or with its edits. Its data as they left, until the next call.
  std::string_view write(const http::sse_event& e, std::string& out);
  // Of an event of the gateway's own with a text of so many bytes, as a member: "" where the upstream's have none.
  [[nodiscard]] std::string padding(std::size_t bytes) const;
  // Room for more bytes of arguments that are not whole yet. False: more than may be kept.
  [[nodiscard]] bool has_room(std::size_t bytes);
  void free_room(std::size_t bytes) { arguments_bytes_ -= std::min(arguments_bytes_, bytes); }
  // The next fragment of a call's arguments, in the place of the string at `i`. False: more than may be kept.
  [[nodiscard]] bool take_arguments(call_arguments& call, text::json::index i, channel_sink& sink);
  // The gateway ends the stream now. False: it has an end already, or the last that the upstream said is an error, behind which a client
  // reads nothing.
  [[nodiscard]] bool end_now() { return !std::exchange(over_, true) && !told_error_; }
  // Judges them when they are whole, and frees them; `out` is what of them was held and may leave.
  [[nodiscard]] bool finish_arguments(call_arguments& call, const std::string& name, std::int64_t choice, channel_sink& sink, std::string& out);

  std::uint32_t depth_max_;
  event_reader event_;
  std::string released_;
  bool over_ = false;
  bool half_ = false;  // the event at hand is no JSON
  bool errs_ = false, erred_ = false;  // the upstream tells an error: in the event at hand; in that or before

 private:
  http::sse_splitter splitter_;
  bool padded_ = false;  // events of this stream say something to hide their length by
  bool told_error_ = false;  // by the last event to the client, in the upstream's words
  std::string reason_, written_;
  std::size_t arguments_bytes_ = 0;  // of calls that are not whole yet
};

}  // namespace sluice::wire
