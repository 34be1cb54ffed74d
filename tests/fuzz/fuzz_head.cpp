// The framing guard. What it takes means the same when it is written anew, no part of it is a whole message, nothing else can be
// read out of what goes to an upstream or a client, and a body gives the same bytes whatever the cut.
#include "check.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/http/fields.hpp"
#include "sluice/http/head.hpp"

namespace {

using namespace sluice::http;
using body_end = body_reader::status;

bool same_fields(const std::vector<field>& a, const std::vector<field>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].name != b[i].name || a[i].value != b[i].value) return false;
  }
  return true;
}

std::string fields_anew(std::string out, const std::vector<field>& fields) {
  for (const auto& f : fields) out.append(f.name).append(":").append(f.value).append("\r\n");
  return out += "\r\n";
}

// Every string between two fields is accounted for: no CR, LF or NUL can hide in what was taken.
void no_controls(std::string_view text) { SLUICE_REQUIRE(text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos); }

std::size_t named(const std::vector<field>& fields, std::string_view name) {
  std::size_t n = 0;
  for (const auto& f : fields) n += sluice::iequals(f.name, name) ? 1 : 0;
  return n;
}

void rewritten_request(const request_head& head) {
  const auto anew = fields_anew(std::string(head.method) + " " + std::string(head.target) + " HTTP/1." +
                                    static_cast<char>('0' + head.minor_version) + "\r\n", head.fields);
  request_head again;
  refusal why;
  std::size_t used = 0;
  limits wide;
  wide.head_bytes_max *= 2;
  SLUICE_REQUIRE(parse_request_head(anew, wide, again, used, why) == parse_status::complete && used == anew.size());
  SLUICE_REQUIRE(again.method == head.method && again.target == head.target && again.path == head.path && again.query == head.query);
  SLUICE_REQUIRE(again.framing == head.framing && again.content_length == head.content_length);
  SLUICE_REQUIRE(again.keep_alive == head.keep_alive && again.expect_continue == head.expect_continue);
  SLUICE_REQUIRE(same_fields(again.fields, head.fields));
}

void sent_upstream(const request_head& head) {
  std::string out;
  append_upstream_request(out, head, "upstream.test", head.path, 7);
  request_head sent;
  refusal why;
  std::size_t used = 0;
  limits wide;
  wide.head_bytes_max *= 2;
  wide.fields_max += 3;
  SLUICE_REQUIRE(parse_request_head(out, wide, sent, used, why) == parse_status::complete && used == out.size());
  SLUICE_REQUIRE(sent.framing == framing::length && sent.content_length == 7);
  SLUICE_REQUIRE(named(sent.fields, "host") == 1 && named(sent.fields, "content-length") == 1);
  SLUICE_REQUIRE(named(sent.fields, "transfer-encoding") + named(sent.fields, "connection") + named(sent.fields, "upgrade") == 0);
  SLUICE_REQUIRE(sent.get("host") == "upstream.test");
}

void rewritten_response(const response_head& head) {
  for (const auto how : {client_framing::length, client_framing::chunked}) {
    std::string out;
    append_client_response(out, head.status < 200 ? 200 : head.status, &head, {}, how, 5, true, 1);
    response_head sent;
    refusal why;
    std::size_t used = 0;
    limits wide;
    wide.head_bytes_max *= 2;
    wide.fields_max += 3;
    SLUICE_REQUIRE(parse_response_head(out, wide, false, sent, used, why) == parse_status::complete && used == out.size());
    SLUICE_REQUIRE(named(sent.fields, "content-length") == (how == client_framing::length ? 1u : 0u));
    SLUICE_REQUIRE(named(sent.fields, "transfer-encoding") == (how == client_framing::chunked ? 1u : 0u));
  }
}

struct body {
  std::string payload;
  std::size_t consumed = 0;
  body_end end = body_end::more;
};

// The body at the front of `bytes`, in pieces of `step`.
body read_body(const request_head& head, std::string_view bytes, std::size_t step) {
  body_reader reader(head.framing, head.content_length);
  body out;
  for (std::size_t fed = 0; out.end == body_end::more;) {
    fed = std::min(bytes.size(), fed + step);
    for (;;) {
      const auto piece = bytes.substr(out.consumed, fed - out.consumed);
      std::size_t consumed = 0;
      std::string_view payload;
      out.end = reader.feed(piece, consumed, payload);
      SLUICE_REQUIRE(consumed <= piece.size() && payload.size() <= consumed);
      SLUICE_REQUIRE(payload.empty() || (payload.data() >= piece.data() && payload.data() + payload.size() <= piece.data() + piece.size()));
      out.consumed += consumed;
      if (out.end == body_end::refused) return out;
      out.payload += payload;
      if (out.end != body_end::more || consumed == 0) break;
    }
    if (fed == bytes.size()) break;
  }
  return out;
}

void cut_body(const request_head& head, std::string_view rest) {
  const auto whole = read_body(head, rest, rest.size() + 1);
  if (head.framing == framing::none) SLUICE_REQUIRE(whole.end == body_end::done && whole.consumed == 0 && whole.payload.empty());
  if (head.framing == framing::length) {
    SLUICE_REQUIRE(whole.payload == rest.substr(0, head.content_length));
    SLUICE_REQUIRE((whole.end == body_end::done) == (rest.size() >= head.content_length));
  }
  for (const std::size_t step : {1, 3}) {
    const auto cut = read_body(head, rest, step);
    SLUICE_REQUIRE(cut.end == whole.end);
    if (whole.end == body_end::refused) continue;
    SLUICE_REQUIRE(cut.payload == whole.payload && cut.consumed == whole.consumed);
  }
  if (head.framing != framing::chunked || whole.end != body_end::done || whole.payload.empty()) return;
  std::string anew;
  append_chunk(anew, whole.payload);
  anew += last_chunk;
  const auto again = read_body(head, anew, anew.size());
  SLUICE_REQUIRE(again.end == body_end::done && again.payload == whole.payload && again.consumed == anew.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = sluice::fuzz::text_of(data, size);
  std::size_t used = 0;
  refusal why;
  request_head head;
  const auto status = parse_request_head(bytes, {}, head, used, why);
  if (status == parse_status::refused) SLUICE_REQUIRE(why.status >= 400 && why.status < 600 && !why.reason.empty());
  if (status == parse_status::complete) {
    SLUICE_REQUIRE(used <= size);
    for (const auto& f : head.fields) no_controls(f.name), no_controls(f.value);
    request_head part;
    std::size_t none = 0;
    for (std::size_t n = used > 200 ? used - 200 : 0; n < used; ++n) {
      SLUICE_REQUIRE(parse_request_head(bytes.substr(0, n), {}, part, none, why) == parse_status::incomplete);
    }
    rewritten_request(head);
    sent_upstream(head);
    cut_body(head, bytes.substr(used));
  }
  response_head answer;
  if (parse_response_head(bytes, {}, false, answer, used, why) == parse_status::complete) {
    SLUICE_REQUIRE(used <= size);
    for (const auto& f : answer.fields) no_controls(f.name), no_controls(f.value);
    rewritten_response(answer);
  }
  return 0;
}
