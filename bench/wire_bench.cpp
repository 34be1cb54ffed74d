// JSON read and spliced; server-sent events split.
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

}  // namespace
}  // namespace sluice::bench
