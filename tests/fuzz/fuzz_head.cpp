// The framing guard: no crash; what it takes whole it takes the same when cut; a body reader never gives more than it was fed.
#include <cstdlib>

#include "sluice/http/head.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::http;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  request_head head;
  std::size_t used = 0;
  refusal why;
  const auto whole = parse_request_head(bytes, {}, head, used, why);
  if (whole == parse_status::complete) {
    if (used > size) std::abort();
    // No proper prefix of a complete head may be taken for a complete one.
    request_head shorter;
    std::size_t less = 0;
    if (used > 0 && parse_request_head(bytes.substr(0, used - 1), {}, shorter, less, why) == parse_status::complete) std::abort();
    body_reader body(head.framing, head.content_length);
    auto rest = bytes.substr(used);
    std::size_t given = 0;
    for (;;) {
      std::size_t consumed = 0;
      std::string_view payload;
      const auto status = body.feed(rest, consumed, payload);
      if (consumed > rest.size() || payload.size() > consumed) std::abort();
      given += payload.size();
      rest.remove_prefix(consumed);
      if (status != body_reader::status::more || consumed == 0) break;
    }
    if (given > size) std::abort();
  }
  response_head answer;
  (void)parse_response_head(bytes, {}, false, answer, used, why);
  return 0;
}
