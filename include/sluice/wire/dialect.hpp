// A dialect knows where text is in one API's requests and answers, and how that API says "no". It decides nothing: it lists
// parts, splices edits, and writes errors, refusals and cut-offs. Sans-I/O; no policy.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/base/result.hpp"
#include "sluice/text/json.hpp"

namespace sluice::wire {

// Mirrors of policy's words, because wire must not know policy. The proxy translates them (same order).
enum class role : std::uint8_t { system, developer, user, assistant, tool };
enum class part_kind : std::uint8_t {
  text, reasoning, refusal, tool_definition, tool_call, tool_result, attachment, annotation, transcript, error, name
};

// One piece of text in a body. `text` is unescaped (for JSON in a string: unescaped twice); views live as long as the
// body that listed it.
struct part {
  wire::role role;
  part_kind kind;
  bool last_turn = true;
  bool editable = true;
  std::string_view text;
  text::json::index node;         // the string literal in the body
  std::int32_t inner = -1;        // JSON in a string: which leaf or key of the inner document
  std::int32_t choice = -1;       // answers: place in response_body::choices(); requests: which of the texts that the API takes each by itself; -1 elsewhere
};

// What an attachment is, by what it says of itself and what it begins with; `url`: the upstream fetches it from an address.
enum class attachment_type : std::uint8_t { other, image, audio, video, pdf, url };
inline constexpr std::array<std::string_view, 6> attachment_names = {"other", "image", "audio", "video", "pdf", "url"};

// Text that nobody can scan, and why; the policy `unreadable` decides.
struct unread {
  std::string reason;  // "unknown part", "attachment", "server state", …
  std::string path;    // "messages[0].content[1]"
  std::uint64_t bytes = 0;
  std::optional<attachment_type> attachment = std::nullopt;  // where it is one
  // Of server state:
  std::string handle = {};  // the handle that it is named by; "" when it is named otherwise
  bool grows = false;       // what this exchange says is added to it
  bool later = false;       // the answer itself: it is stored, and read by a later request
  std::string_view stands_for = {};  // what it names, where no text could be sent in its place: "an MCP server"
  std::string_view instead = {};  // what to ask for in its place; "" when there is nothing
};

// The name by which an upstream keeps what an exchange said for later requests: a response's id, a conversation's.
struct handle {
  std::string_view id;
  bool whole = true;  // false: the upstream is still making what it stands for
};

struct replacement {
  std::uint32_t part, begin, end;
  std::string text;
};

// Words that the policy adds to a request, where its dialect has those of the system; see request_body::edited.
struct system_words {
  std::string_view before, behind;
  [[nodiscard]] bool empty() const { return before.empty() && behind.empty(); }
};

// One of an answer's choices, as far as text behind what it says goes.
struct answer_choice {
  bool structured = false;  // it calls a tool of the client's, or has no place for text
};
struct text_addition {
  std::int32_t choice;  // a place in response_body::choices()
  std::string_view text;
};

// What an endpoint is. `scanned`: text in both directions; `passes`: no text of the conversation; `denied`: stated, with why.
enum class endpoint_class : std::uint8_t { scanned, passes, denied, unknown };
struct endpoint {
  endpoint_class what = endpoint_class::unknown;
  std::string_view name;           // "chat.completions", "models", …
  std::string_view allowed_method; // for 405
  std::string_view why;            // for denied
  std::string_view model = {};     // where the path names it; a view into the path
  std::string_view query = {};     // of the request, without '?'; whoever classifies fills it in
  std::string_view handle = {};    // where the path names one: what is read, continued or ended; a view into the path
  bool form = false;               // it takes a multipart form
  std::string_view boundary = {};  // of the form; whoever classifies fills it in
  bool grows = false;              // what is sent is added to what the handle stands for
  bool describes = false;          // what is answered tells about that, and holds none of its text
  std::span<const std::string_view> takes = {};  // of one that passes: the members that its request's body may have, each a name or a flag
  bool words_added = false;        // to the request, by the proxy: what of an answer repeats the request must not leave
};

// Whether a body says nothing but what the endpoint takes: an object of its members, each once, whose strings are names.
[[nodiscard]] bool only_takes(const endpoint& to, std::string_view body);

// A model as model() would call it, and where the request names it.
struct named_model {
  std::string_view name;
  std::string path;
};

// A parsed request.
class request_body {
 public:
  virtual ~request_body() = default;
  [[nodiscard]] virtual std::span<const part> parts() const = 0;
  [[nodiscard]] virtual std::span<const unread> unread_parts() const = 0;
  [[nodiscard]] virtual bool stream() const = 0;
  [[nodiscard]] virtual std::string_view model() const = 0;
  // Models beside model() that may answer in its place, or get what is said to it.
  [[nodiscard]] virtual std::vector<named_model> other_models() const { return {}; }
  // Dotted path of a part, for errors (`param`).
  [[nodiscard]] virtual std::string path(const part& p) const = 0;
  // The answer is to be JSON, or of another form that text behind it would break.
  [[nodiscard]] virtual bool json_answer() const { return false; }
  // False: the endpoint, or a request of this form, has no place for words of the system.
  [[nodiscard]] virtual bool takes_system_words() const { return false; }
  // The body with replacements made and words added before and behind those of the system; nothing else changes. The same words make
  // the same bytes, so that an upstream's prompt cache still fits.
  [[nodiscard]] virtual std::string edited(std::span<const replacement> edits, const system_words& added) const = 0;
  [[nodiscard]] std::string edited(std::span<const replacement> edits) const { return edited(edits, {}); }
};

// A parsed plain answer. `edited` also drops what would repeat the old text (logprobs, audio of a redacted transcript).
class response_body {
 public:
  virtual ~response_body() = default;
  [[nodiscard]] virtual std::span<const part> parts() const = 0;
  [[nodiscard]] virtual std::span<const unread> unread_parts() const = 0;
  // Dotted path of a part, for the record.
  [[nodiscard]] virtual std::string path(const part& p) const = 0;
  [[nodiscard]] virtual std::span<const answer_choice> choices() const { return {}; }
  // By which later requests call what is said here.
  [[nodiscard]] virtual std::span<const handle> handles() const { return {}; }
  // It is a list of what the path's handle stands for, from its beginning to its end.
  [[nodiscard]] virtual bool lists_all() const { return false; }
  // True: of what the upstream is still making, some must not leave before it is whole, and edited() leaves it out.
  [[nodiscard]] virtual bool withholds() const { return false; }
  // `edits`: in the order of parts(). `additions`: behind what each choice says, one a choice at most, and to none that is structured.
  [[nodiscard]] virtual std::string edited(std::span<const replacement> edits, std::span<const text_addition> additions) const = 0;
  [[nodiscard]] std::string edited(std::span<const replacement> edits) const { return edited(edits, {}); }
};

// Where a text that left is another than came, in code points of the text as it came; `length` is that of what left in its place. The same
// in bytes of UTF-8: from `first_byte` on stood `was`, and `text` left in its place.
struct text_edit {
  std::int64_t begin, end, length;
  std::int64_t first_byte = 0;
  std::string was = {}, text = {};
};

// How a stream's text is judged: the proxy implements this over policy's stream evaluator. A channel is one growing text,
// opened by the dialect; feed() appends to `out` what may leave now. `blocked`: stop, nothing more leaves.
class channel_sink {
 public:
  virtual ~channel_sink() = default;
  // `failed`: nobody can judge it any further, which is no rule's doing.
  enum class status : std::uint8_t { released, blocked, failed };
  // False: no rule may change or stop text of this role and kind, so nothing of it needs to be held; it is fed for the record.
  [[nodiscard]] virtual bool judges(role who, part_kind kind) = 0;
  // `name`: where the text stands, for the record: "choices[0].delta.content". `choice`: whose it is; no_choice: nobody's.
  static constexpr std::int64_t no_choice = -1;
  [[nodiscard]] virtual std::uint32_t open(role who, part_kind kind, bool editable, std::string name, std::int64_t choice = no_choice) = 0;
  // A channel that is finished, and about which nobody asks any more: where nothing was found in it, the next one may have its number. An answer
  // without end has such texts without end.
  virtual void forget(std::uint32_t /*channel*/) {}
  // Before the first text of a channel: clients put it behind the text of the channel of its choice, role and kind of which this was said before.
  virtual void goes_on(std::uint32_t /*channel*/) {}
  [[nodiscard]] virtual status feed(std::uint32_t channel, std::string_view text, std::string& out) = 0;
  [[nodiscard]] virtual status finish(std::uint32_t channel, std::string& out) = 0;
  // As finish(), for a text of a choice whose end is told with closing(): what a rule may still change then is kept until after it,
  // and rest() gives it out.
  [[nodiscard]] virtual status end(std::uint32_t channel, std::string& out) { return finish(channel, out); }
  [[nodiscard]] virtual bool keeps_rest(std::uint32_t /*channel*/) const { return false; }
  virtual void rest(std::uint32_t /*channel*/, std::string& /*out*/) {}
  // A text that may be a piece of a longer one is judged like any other; and the longer one, the text of a field over all events, as what the
  // rules left of its pieces: nothing of that leaves, and what was found in a piece is not found again. A piece is fed and finished before
  // anything else; a field may go on when it was finished.
  [[nodiscard]] virtual std::uint32_t open_piece(role who, part_kind kind, bool editable, std::string name, std::int64_t choice) {
    return open(who, kind, editable, std::move(name), choice);
  }
  [[nodiscard]] virtual std::uint32_t open_field(role who, part_kind kind, std::string name, std::int64_t choice) { return open(who, kind, false, std::move(name), choice); }
  [[nodiscard]] virtual status add_piece(std::uint32_t field, std::uint32_t /*piece*/, std::string_view left) {
    std::string nothing;
    return feed(field, left, nothing);
  }
  // What the rules left of the last piece, where values were put back into that behind them; none otherwise.
  [[nodiscard]] virtual std::optional<std::string> before_values() const { return std::nullopt; }
  // What was edited of a channel so far, in order, also when it is finished; none: nobody can say, so that what points into it must go.
  [[nodiscard]] virtual std::optional<std::vector<text_edit>> edits(std::uint32_t /*channel*/) const { return std::nullopt; }
  // Whether some of the channel's text waits to be decided: what points into it, or says it aloud, waits with it.
  [[nodiscard]] virtual bool holds(std::uint32_t /*channel*/) const { return false; }
  // The answer ends here, and nothing more of it leaves: every channel that is open is judged to its end, and what it holds is dropped.
  [[nodiscard]] virtual status end_open() { return status::released; }
  // Before a choice is finished for the client, when its channels are. `structured`: as in answer_choice. `addition`: what belongs
  // behind what it says.
  [[nodiscard]] virtual status closing(std::int64_t /*choice*/, bool /*structured*/, std::string& /*addition*/) { return status::released; }
  // Bytes of events that the dialect itself keeps now, because text before them is not decided: they count as held text does. `failed`: more
  // than may be held.
  [[nodiscard]] virtual status count_kept(std::uint64_t /*bytes*/) { return status::released; }
  // False: closing() never adds anything, so that no event has to wait for it.
  [[nodiscard]] virtual bool adds() const { return false; }
  // A part that nobody can scan, as in a body that comes in one piece. False: it must not leave.
  [[nodiscard]] virtual bool passes(const wire::unread& /*what*/) { return false; }
};

// Kinds of error that the gateway itself answers with; each dialect has its own words and shape.
enum class gateway_error : std::uint8_t {
  bad_request,      // 400: framing, JSON, an unknown part
  unauthorized,     // 401: unknown caller
  forbidden,        // 403: denied endpoint
  not_found,        // 404: unknown path
  method,           // 405
  request_timeout,  // 408: the head or body came too slowly
  too_large,        // 413
  target_too_long,  // 414
  media_type,       // 415
  expectation,      // 417
  head_too_large,   // 431
  not_implemented,  // 501: a transfer coding that the gateway does not read
  http_version,     // 505
  blocked,          // 400, code content_filter
  busy,             // 503: in-flight limit, audit full
  policy_missing,   // 503: no policy, or it expired and the gateway closes
  upstream,         // 502: connect, TLS, bad answer
  upstream_timeout, // 504
};
[[nodiscard]] int http_status(gateway_error e);

// Rewrites one streamed answer. Bytes of an event whose text left unchanged are appended as they came.
class response_stream {
 public:
  virtual ~response_stream() = default;
  enum class status : std::uint8_t {
    ok,          // `out` holds what may go to the client
    done,        // the dialect's end was written ([DONE])
    blocked,     // a rule blocked: call cut() next
    unreadable,  // the event could not be read: call cut() next, nothing of it was written
    broken_off,  // the body ended where the dialect's answers do not: call fail() next, nothing of what was held was written
  };
  // Feeds bytes of the answer as they arrive, any cut.
  [[nodiscard]] virtual status feed(std::string_view bytes, channel_sink& sink, std::string& out) = 0;
  // The upstream ended its body. `clean` false: it died, or nobody waits for the rest. Held text of an answer that is whole is resolved; of one that
  // broke off it is dropped, and what has left is judged to its end all the same: `blocked` where a rule stops what was held.
  [[nodiscard]] virtual status end(bool clean, channel_sink& sink, std::string& out) = 0;
  // Ends the stream as the dialect says a filtered answer ends, for every choice that is open, in any state. `message` empty:
  // none is sent. Latched: a second call appends nothing.
  virtual void cut(std::string_view message, std::string& out) = 0;
  // Ends the stream as the dialect says an upstream failure ends: `what` is one of the two of upstreams.
  virtual void fail(gateway_error what, std::string_view message, std::string_view decision_id, std::string& out) = 0;
  // Whether it waits with something that came, beside what its sink holds.
  [[nodiscard]] virtual bool keeps_back() const { return false; }
  // Of one that was fed nothing: the client is to get nothing of what `other` wrote, and cut() or fail() of this one says it all, framed as that
  // was.
  virtual void stand_in_for(const response_stream& /*other*/) {}
  // Bytes between two events that say nothing, so that nobody on the way takes the stream for dead: a comment, where the framing has some.
  virtual void keep_alive(std::string& out) { out += ": held\n\n"; }
  // As of a response_body, of what was fed so far.
  [[nodiscard]] virtual std::vector<handle> handles() const { return {}; }
  // Why the last status was `unreadable`.
  [[nodiscard]] virtual const std::string& reason() const = 0;
};


struct error_text {
  gateway_error what;
  std::string_view message;      // what happened and what to do; never matched text
  std::string_view param;        // dotted path or ""
  std::string_view decision_id;  // in the body, so that a user can report it
};
// For a dialect whose errors are a message alone: the place, unless the message names it, the message and the decision. Escaped as in JSON.
void append_whole_message(std::string& out, const error_text& text);

struct query_row;

class dialect {
 public:
  virtual ~dialect() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  // By method and path as sent (no decoding: an encoded path is unknown). `path` begins at the API's version, e.g. "/v1/…".
  [[nodiscard]] virtual endpoint classify(std::string_view method, std::string_view path) const = 0;
  // What of a request's query no table names, or says more there than a word does: nobody scans it.
  [[nodiscard]] std::vector<unread> unread_query(const endpoint& to) const;
  // Strict JSON; errors are for the client and name the place. Views into `body`, which must outlive the result.
  [[nodiscard]] virtual result<std::unique_ptr<request_body>> read_request(const endpoint& to, std::string_view body,
                                                                           std::uint32_t depth_max) const = 0;
  // `asked`: the request, so that what an answer repeats of it is known for the client's own; null when nobody knows.
  [[nodiscard]] virtual result<std::unique_ptr<response_body>> read_response(const endpoint& to, std::string_view body, std::uint32_t depth_max,
                                                                             const request_body* asked = nullptr) const = 0;
  // The stream keeps views into the request.
  [[nodiscard]] virtual std::unique_ptr<response_stream> open_stream(const endpoint& to, const request_body& request,
                                                                     std::uint32_t depth_max) const = 0;
  // What the paths of the API begin with: "/v1".
  [[nodiscard]] virtual std::span<const std::string_view> roots() const = 0;
  // How much of a path's beginning is none of the API's own: 5 of "/vllm/v1", all of "/vllm", 0 of "/v1/chat".
  [[nodiscard]] std::size_t before_root(std::string_view path) const;
  // Its servers read a body as JSON whatever it calls itself, also names and values of a form, which is what curl calls what it is given.
  [[nodiscard]] virtual bool takes_any_type() const { return false; }
  // JSON body of an error; the status is http_status(text.what).
  [[nodiscard]] virtual std::string error_body(const error_text& text) const = 0;
  // Whether an answer of this content type, and with the status of a success, is a stream of this dialect.
  [[nodiscard]] virtual bool streams(const endpoint& to, const request_body& request, std::string_view content_type) const;
  // The content type of a refusal where the request asked for a stream.
  [[nodiscard]] virtual std::string_view stream_type(const request_body& request) const;
  // Whether an answer of the endpoint can say that it refuses.
  [[nodiscard]] virtual bool has_refusal(const endpoint& to) const = 0;
  // Of such an endpoint, the dialect's own 200 refusal (`http_status: 200` on a rule), as JSON or, when the request asked for a stream, as a stream.
  [[nodiscard]] virtual std::string refusal_body(const request_body& request, std::string_view message,
                                                 std::string_view decision_id) const = 0;
  // Rows of the coverage table, made from the same table that read_request and read_response use.
  struct coverage_row {
    std::string_view endpoint, direction, path, text_class, role, kind, streaming, policy;
  };
  [[nodiscard]] virtual std::span<const coverage_row> coverage() const = 0;

 protected:
  [[nodiscard]] virtual std::span<const query_row> queries() const = 0;
};

// The OpenAI dialect: Chat Completions and Responses whole, Completions, Embeddings, Moderations; Azure's paths to them; every other
// path has a stated policy.
[[nodiscard]] const dialect& openai();
// Anthropic Messages, plain and streamed, and the counting of its tokens.
[[nodiscard]] const dialect& anthropic();
// Gemini: content made plain and as a stream, counted, embedded.
[[nodiscard]] const dialect& gemini();
// Ollama's own API: chat, generate, embed.
[[nodiscard]] const dialect& ollama();
// By name ("openai"); null when there is none.
[[nodiscard]] const dialect* find_dialect(std::string_view name);
[[nodiscard]] std::span<const std::string_view> dialect_names();

}  // namespace sluice::wire
