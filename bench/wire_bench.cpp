// JSON read and spliced; server-sent events split; the events of streams read.
#include <benchmark/benchmark.h>

#include "bundles.hpp"
#include "sluice/http/sse.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::bench {
namespace {

const wire::endpoint chat = wire::openai().classify("POST", "/v1/chat/completions");

std::string request_of(std::size_t bytes) { return R"({"model":"m","messages":[{"role":"user","content":")" + prose(bytes) + R"("}]})"; }

void json_read_request(benchmark::State& state) {
  const auto body = request_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(wire::openai().read_request(chat, body, 64));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}
BENCHMARK(json_read_request)->Arg(1024)->Arg(64 * 1024);

void json_splice(benchmark::State& state) {
  const auto body = request_of(1024);
  const auto request = wire::openai().read_request(chat, body, 64);
  const wire::replacement edits[] = {{0, 10, 20, "[REDACTED]"}, {0, 500, 516, "[CARD]"}};
  for (auto _ : state) benchmark::DoNotOptimize((*request)->edited(edits));
}
BENCHMARK(json_splice);

void sse_split(benchmark::State& state) {
  std::string stream;
  for (int i = 0; i < 200; ++i) stream += R"(data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"word"}}]})" "\n\n";
  const auto piece = static_cast<std::size_t>(state.range(0));
  std::size_t events = 0;
  for (auto _ : state) {
    http::sse_splitter splitter(1 << 20);
    http::sse_event event;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      splitter.feed(std::string_view(stream).substr(at, piece));
      while (splitter.next(event) == http::sse_splitter::status::event) ++events;
    }
  }
  if (events != static_cast<std::size_t>(state.iterations()) * 200) return state.SkipWithError("events were lost");
  state.SetItemsProcessed(static_cast<std::int64_t>(events));
}
BENCHMARK(sse_split)->Arg(16)->Arg(130)->Arg(16 * 1024);

// Lets every text through as it came.
class pass_all final : public wire::channel_sink {
 public:
  bool judges(wire::role, wire::part_kind) override { return false; }
  std::uint32_t open(wire::role, wire::part_kind, bool, std::string, std::int64_t) override { return channels_++; }
  status feed(std::uint32_t, std::string_view text, std::string& out) override { return out += text, status::released; }
  status finish(std::uint32_t, std::string&) override { return status::released; }
  bool passes(const wire::unread&) override { return false; }

 private:
  std::uint32_t channels_ = 0;
};

void read_stream(benchmark::State& state, const wire::dialect& speaks, const std::string& path, const std::string& request, const std::string& begin, const auto& event) {
  const auto to = speaks.classify("POST", path);
  const auto asked = speaks.read_request(to, request, 64);
  constexpr int words = 200;
  std::vector<std::string> events;
  for (int i = 0; i < words; ++i) events.push_back("data: " + event(i % 7 == 0 ? " longer words" : i % 3 == 0 ? " the" : " of") + "\n\n");
  std::string out;
  for (auto _ : state) {
    pass_all sink;
    const auto stream = speaks.open_stream(to, **asked, 64);
    out.clear();
    if (stream->feed(begin, sink, out) != wire::response_stream::status::ok) return state.SkipWithError("the beginning was not read");
    for (const auto& e : events) {
      out.clear();
      if (stream->feed(e, sink, out) != wire::response_stream::status::ok || out != e) return state.SkipWithError("an event did not leave as it came");
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * words);
}

void read_chat_stream(benchmark::State& state) {
  read_stream(state, wire::openai(), "/v1/chat/completions", R"({"messages":[],"stream":true})", ": begins\n\n", [](const char* word) {
    return R"({"id":"chatcmpl-CTZkQ0bV6y2A","object":"chat.completion.chunk","created":1760000000,"model":"gpt-5-mini","service_tier":"default","system_fingerprint":"fp_560af6e559","choices":[{"index":0,"delta":{"content":")" +
           std::string(word) + R"("},"logprobs":null,"finish_reason":null}],"usage":null})";
  });
}
BENCHMARK(read_chat_stream);

void read_messages_stream(benchmark::State& state) {
  read_stream(state, wire::anthropic(), "/v1/messages", R"({"model":"m","max_tokens":9,"messages":[],"stream":true})",
              "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"m\"}}\n\n"
              "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
              [](const char* word) { return R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":")" + std::string(word) + "\"}}"; });
}
BENCHMARK(read_messages_stream);

}  // namespace
}  // namespace sluice::bench
