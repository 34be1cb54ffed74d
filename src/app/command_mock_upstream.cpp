// `sluice mock-upstream`: a believable endpoint of OpenAI, Anthropic, Gemini and Ollama on this machine, so that a first visit needs no key.
#include <CLI/CLI.hpp>
#include <atomic>
#include <charconv>
#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>

#include "mock_server.hpp"
#include "sluice/app/command.hpp"

namespace sluice::app {
namespace {

std::atomic<bool> stop_asked{false};
void ask_stop(int) { stop_asked.store(true); }

struct mock_arguments {
  std::string listen = "127.0.0.1:8081", script, record;
  std::int64_t delay_ms = 0, slow_ms = 5000;
};

bool split_listen(const std::string& text, mock_server_config& out) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return false;
  out.address = text.substr(0, colon);
  if (out.address.starts_with('[') && out.address.ends_with(']')) out.address = out.address.substr(1, out.address.size() - 2);
  const char* end = text.data() + text.size();
  const auto [at, code] = std::from_chars(text.data() + colon + 1, end, out.port);
  return code == std::errc() && at == end && colon + 1 < text.size();
}

int run_mock(const mock_arguments& from, bool json) {
  mock_server_config config;
  if (!split_listen(from.listen, config)) {
    complain("'" + from.listen + "' is not ADDRESS:PORT", "write --listen 127.0.0.1:8081");
    return 2;
  }
  config.options.delay = milliseconds(from.delay_ms);
  config.options.slow = milliseconds(from.slow_ms);
  config.record_file = from.record;
  if (!from.script.empty()) {
    std::ifstream in(from.script, std::ios::binary);
    if (!in.is_open()) {
      complain("cannot read " + from.script);
      return 1;
    }
    auto lines = parse_script(from.script, std::string(std::istreambuf_iterator<char>(in), {}));
    if (!lines) {
      complain(lines.error().message);
      return 1;
    }
    config.options.script = std::move(*lines);
  }
  const auto address = config.address;
  auto server = mock_server::open(std::move(config));
  if (!server) {
    complain(server.error().message, "is another process on that port? try --listen 127.0.0.1:0");
    return 1;
  }
  std::signal(SIGTERM, ask_stop);
  std::signal(SIGINT, ask_stop);
  const auto port = std::to_string((*server)->port());
  if (json) {
    std::cout << "{\"address\":\"" << address << "\",\"port\":" << port << "}" << std::endl;
  } else {
    std::cout << "a test model listens on http://" << address << ":" << port << std::endl;
  }
  (*server)->run(stop_asked);
  return 0;
}

}  // namespace

void add_mock_upstream(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("mock-upstream", "A test model that speaks the APIs of OpenAI, Anthropic, Gemini and Ollama, and needs no key");
  auto from = std::make_shared<mock_arguments>();
  command->add_option("--listen", from->listen, "ADDRESS:PORT; port 0 takes any")->capture_default_str();
  command->add_option("--delay-ms", from->delay_ms, "Before a plain answer, and between the tokens of a stream")
      ->check(CLI::Range(0, 3'600'000))->capture_default_str();
  command->add_option("--slow-ms", from->slow_ms, "Before the first byte of the model mock-slow")
      ->check(CLI::Range(0, 3'600'000))->capture_default_str();
  command->add_option("--script", from->script, R"(JSON lines: {"when": "hello", "answer": "Hi!", "tool": "optional name"})");
  command->add_option("--record", from->record, "Append each request, with its header fields, to this file (tests only)");
  add_json(*command, call);
  command->footer(
      "It speaks Chat Completions, Responses, Messages, generateContent, /api/chat and /api/generate, whole and streamed. It answers with the last user message, or by script; it calls a tool when the request demands one or names one.\n"
      "Models that lie: mock-500 (any 4xx or 5xx), mock-slow, mock-cut, mock-wrong-length, mock-garbage.\n\n"
      "Examples:\n  sluice mock-upstream --listen 127.0.0.1:8081 --delay-ms 20\n"
      "  curl -s http://127.0.0.1:8081/v1/chat/completions -H 'content-type: application/json' \\\n"
      "    -d '{\"model\":\"mock\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hello there\"}]}'");
  command->callback([from, &call] { call.exit_code = run_mock(*from, call.json); });
}

}  // namespace sluice::app
