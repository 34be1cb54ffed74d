// Bodies that come compressed. A request's coding is taken off as it arrives, and the upstream gets the body without one; of answers the
// upstream is asked for none, and one that has a coding all the same is read through it. What cannot be read is refused, never passed;
// nor is an answer that its reader would decode to other words.
#include "exchange_impl.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/http/fields.hpp"
#include "sluice/http/media_type.hpp"
#include "sluice/text/view.hpp"

namespace sluice::proxy {
namespace {

bool no_coding(std::string_view value) { return value.empty() || iequals(value, "identity"); }

}  // namespace

bool exchange::impl::accepts_coding(const http::request_head& head, effects& out) {
  const auto value = head.get("content-encoding");
  const auto fields = head.count("content-encoding");
  if (fields == 0 || (fields == 1 && no_coding(value))) return true;
  const auto coding = http::content_coding_of(value);
  if (fields == 1 && (coding || shadow())) {
    body_coding = value;
    if (coding) request_coding.emplace(*coding, http::decoding_bounds{config.request_body_max, config.decoding_ratio_max});
    return true;
  }
  answer_error(wire::gateway_error::media_type,
               "The gateway reads bodies with one Content-Encoding of " + std::string(http::content_codings) + "; send this one so, or without.", "", out);
  return false;
}

void exchange::impl::take_coded_request(std::string_view bytes, effects& out) {
  if (shadow()) coded_request += bytes;
  for (bool more = true; more;) {
    const auto fed = request_coding->feed(bytes, body);
    if (!fed) return spoil_coded_request(fed.error(), out);
    more = *fed;
  }
}

// In shadow, what cannot be read goes as it came: the rest of it is added to `body` as to any other.
void exchange::impl::spoil_coded_request(const error& why, effects& out) {
  request_coding.reset();
  if (shadow()) {
    body = std::exchange(coded_request, {});
    return;
  }
  const bool large = why.code == errc::limit;
  if (!large) worker.counters().bad_requests.add();
  out.close_client = true;
  answer_error(large ? wire::gateway_error::too_large : wire::gateway_error::bad_request,
               "The Content-Encoding of the request body cannot be taken off: " + why.message + ".", "", out);
}

// False: the answer was written.
bool exchange::impl::ends_coded_request(effects& out) {
  if (!request_coding) return true;
  if (!request_coding->whole()) spoil_coded_request({errc::parse, "its end is missing"}, out);
  if (now != state::body) return false;
  if (coded_request.empty() && (request_coding || body.empty())) body_coding.clear();
  request_coding.reset();
  return true;
}

// False: nothing of the answer is read any more.
bool exchange::impl::opens_coded_answer(const http::response_head& head, effects& out) {
  std::size_t fields = 0;
  for (const auto& f : head.fields) fields += iequals(f.name, "content-encoding") ? 1 : 0;
  const auto value = head.get("content-encoding");
  if (fields == 0 || (fields == 1 && no_coding(value))) return true;
  if (const auto coding = http::content_coding_of(value); coding && fields == 1) {
    constexpr auto no_end = ~std::uint64_t{0};
    answer_coding.emplace(*coding, http::decoding_bounds{is_stream(head) ? no_end : config.response_body_max, config.decoding_ratio_max});
    if (!shadow()) answer.drop("content-encoding");
    return true;
  }
  refuse_coded_answer("it has a Content-Encoding that the gateway does not read", out);
  return false;
}

// Before a byte of it left. In shadow it goes as it came.
void exchange::impl::refuse_coded_answer(std::string_view why, effects& out) {
  answer_coding.reset();
  reason = "unreadable: compressed answer: " + std::string(why);
  if (!shadow()) {
    out.abort_upstream = true;
    return withhold_answer("The upstream's answer is compressed although it was asked not to be, and cannot be read: " + std::string(why) + ".", "", out);
  }
  pass_answer("compressed answer", reason, {});
  start_relay(out);
  if (!coded_answer.empty()) relay(std::exchange(coded_answer, {}), out);
}

void exchange::impl::take_coded_answer(std::string_view bytes, effects& out) {
  if (shadow()) coded_answer += bytes;
  for (bool more = true; more;) {
    const auto fed = answer_coding->feed(bytes, answer_body);
    if (!fed) return refuse_coded_answer(fed.error().message, out);
    more = *fed;
  }
}

// False: the answer was written.
bool exchange::impl::ends_coded_answer(effects& out) {
  if (answer_coding->whole()) return true;
  refuse_coded_answer("its end is missing", out);
  if (now == state::relay) {
    close_body(out);
    finish(out);
  }
  return false;
}

void exchange::impl::feed_coded_stream(std::string_view bytes, effects& out) {
  if (shadow()) {
    write_stream_head(out);
    relay(bytes, out);
  } else if (stream_over) {
    return;
  }
  for (bool more = true; more && now == state::stream;) {
    decoded_piece.clear();
    const auto left = bytes.size();
    const auto fed = answer_coding->feed(bytes, decoded_piece);
    if (!fed) return stop_coded_stream(fed.error().message, left, out);
    more = *fed;
    if (shadow()) {
      watch_stream(decoded_piece);
    } else {
      feed_stream(decoded_piece, out);
    }
  }
  if (now == state::relay) note_unscanned(unread_answer, bytes.size());
}

// `left`: bytes that shadow has passed unread.
void exchange::impl::stop_coded_stream(std::string_view why, std::size_t left, effects& out) {
  reason = "unreadable: compressed answer: " + std::string(why);
  if (!shadow()) return cut_stream({}, out);
  pass_answer("compressed answer", reason, evaluator->result());
  stream_left = true;
  note_unscanned(unread_answer, left);
}

// SDKs decode errors as the answer says. False: nothing of it is read any more.
bool exchange::impl::reads_charset(const http::response_head& head, effects& out) {
  const auto wrong = [](const http::field& f) { return iequals(f.name, "content-type") && !http::spells_ascii(http::parse_media_type(f.value)); };
  if (std::ranges::none_of(head.fields, wrong)) return true;
  reason = "unreadable: the answer's charset";
  if (shadow()) {
    pass_answer("charset", reason, {});
    start_relay(out);
    return false;
  }
  out.abort_upstream = true;
  withhold_answer("The upstream's answer names a charset that the gateway does not read; only UTF-8 is judged.", "", out);
  return false;
}

// JSON is UTF-8 whatever is said beside it (RFC 8259 8.1), and so clients read it. Anything else they read as its charset says, of which only ASCII
// is what was judged here. False: the answer was written.
bool exchange::impl::fits_charset(effects& out) {
  const auto other = [](const http::field& f) { return iequals(f.name, "content-type") && !icontains(f.value, "json") && !http::is_utf8(http::parse_media_type(f.value)); };
  if (std::ranges::none_of(answer.get().fields, other) || text::is_ascii(answer_body)) return true;
  if (reason.empty()) reason = "unreadable: the answer's charset";
  if (spares(answer_spared, reason)) {
    note_unscanned("charset", answer_body.size());
    send_plain(answer_body, out);
    return false;
  }
  withhold_answer("The upstream's answer names another charset than UTF-8 and has letters beyond ASCII, so nobody can say which; only UTF-8 is judged.", "", out);
  return false;
}

}  // namespace sluice::proxy
