// Streamed Chat Completions: whatever the bytes are and however they are cut, the outcome is one and the same; what no rule touches leaves
// as it came; what is held until the end leaves whole; and behind a cut-off nothing is added.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "check.hpp"
#include "sluice/wire/dialect.hpp"

namespace {

using namespace sluice::wire;
using status = response_stream::status;

// What events are made of, sensible and not.
constexpr std::array<std::string_view, 48> pieces = {
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"", "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"", "data: {\"choices\":[{\"index\":0,\"delta\":{\"x\":\"",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"", "\"}}]}}]}\n\n", "\"}}]}\n\n", "\"}}]}\r\n\r\n", "\"}}]}\r\r",
    "a", "se", "cret", " ", "\\u0041", "\\\"", "\\\\", "{\\\"a\\\":1}", "[1]", "é", "\xff", "\\ud800",
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", "data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", "data: [DONE]\n\n",
    ": comment\n\n", "event: x\n", "id: 1\n", "note\n", "\n", "\r", "data: ", "data: {}\n\n", "data: []\n\n", "data: {\"id\":\"b c\"}\n\n", "data: {\"x\":\"d\"}\n\n", "data: {\"x\":\"e\"}\n\n",
    "{", "}", "[", "]", "\"", ",", ":", "\"choices\":", "\"index\":", "\"delta\":", "\"audio\":{\"data\":\"QQ\"}", "1e1", "null"};

// Lets everything through, or holds it until its channel ends.
class sink final : public channel_sink {
 public:
  explicit sink(bool holds) : holds_(holds) {}
  bool judges(role, part_kind) override { return holds_; }
  std::uint32_t open(role, part_kind, bool editable, std::string, std::int64_t) override {
    held_.emplace_back();
    holding_.push_back(holds_ && editable);
    return static_cast<std::uint32_t>(held_.size() - 1);
  }
  status feed(std::uint32_t channel, std::string_view text, std::string& out) override {
    (holding_[channel] ? held_[channel] : out) += text;
    fed += text.size();
    return status::released;
  }
  status finish(std::uint32_t channel, std::string& out) override {
    out += held_[channel];
    held_[channel].clear();
    return status::released;
  }
  bool passes(const unread&) override { return true; }
  [[nodiscard]] bool empty() const {
    return std::ranges::all_of(held_, [](const std::string& each) { return each.empty(); });
  }
  std::size_t fed = 0;

 private:
  bool holds_;
  std::vector<std::string> held_;
  std::vector<bool> holding_;
};

struct outcome {
  std::string out;
  status last = status::ok;
  bool operator==(const outcome&) const = default;
};

outcome run(std::string_view bytes, bool holds, std::size_t step) {
  static const std::string asked = R"({"messages":[],"stream":true})";
  static const auto to = openai().classify("POST", "/v1/chat/completions");
  static const auto request = openai().read_request(to, asked, 64);
  const auto stream = openai().open_stream(to, **request, 64);
  sink judge(holds);
  outcome o;
  for (auto rest = bytes; !rest.empty() && o.last == status::ok; rest.remove_prefix(std::min(step, rest.size()))) {
    o.last = stream->feed(rest.substr(0, step), judge, o.out);
  }
  if (o.last == status::ok) {
    o.last = stream->end(true, judge, o.out);
    SLUICE_REQUIRE(o.last != status::ok || judge.empty());
  }
  if (o.last == status::done) SLUICE_REQUIRE(judge.empty());
  if (o.last == status::unreadable) SLUICE_REQUIRE(!stream->reason().empty());
  SLUICE_REQUIRE(o.last != status::blocked);  // no rule did
  std::string once;
  stream->cut("", once);
  if (o.last == status::unreadable) {
    SLUICE_REQUIRE(once.ends_with("data: [DONE]\n\n"));
  } else {
    SLUICE_REQUIRE(once.empty());
  }
  std::string twice;
  stream->cut("more", twice);
  SLUICE_REQUIRE(twice.empty());
  return o;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string made;
  std::string_view bytes = sluice::fuzz::text_of(data + 2, size - 2);
  if (data[0] % 2 == 0) {
    for (const unsigned char c : bytes) made += pieces[c % pieces.size()];
    bytes = made;
  }
  const auto whole = run(bytes, false, std::max<std::size_t>(bytes.size(), 1));
  SLUICE_REQUIRE(run(bytes, false, 1) == whole);
  SLUICE_REQUIRE(run(bytes, false, 1 + data[1]) == whole);
  SLUICE_REQUIRE(bytes.starts_with(whole.out));
  if (whole.last == status::ok) SLUICE_REQUIRE(whole.out == bytes);
  const auto held = run(bytes, true, std::max<std::size_t>(bytes.size(), 1));
  SLUICE_REQUIRE(run(bytes, true, 1) == held);
  SLUICE_REQUIRE(held.last == whole.last);
  return 0;
}
