// How soon harmless text is out, through the whole exchange and in every dialect, with the policies that ship (their rule for e-mail
// addresses only flags: what a redaction of them costs is that rule's price). Bound: 98 % of the bytes by the next event at the latest.
// Text: the project's own golden set, and the labelled corpus where it is found (SLUICE_CORPORA, or ../shared/corpora beside the sources).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "events.hpp"
#include "traces.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;
using nlohmann::json;
namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::shared_ptr<const policy::snapshot> shipped() {
  const fs::path root = fs::path(SLUICE_SOURCE_DIR) / "policies";
  policy::bundle_source source;
  for (fs::recursive_directory_iterator it(root), end; it != end; ++it) {
    const auto name = it->path().lexically_relative(root).generic_string();
    if (name.starts_with("examples") || name.starts_with("training")) {
      it.disable_recursion_pending();
      continue;
    }
    const auto kind = it->path().extension();
    if (!it->is_regular_file() || (kind != ".yaml" && kind != ".json" && kind != ".jsonl" && kind != ".ftz")) continue;
    source.files.push_back(policy::make_source_file(name, read_file(it->path())));
  }
  auto backend = match::in_process_backend();
  policy::shard_cache cache{""};
  auto report = policy::build(source, parse_time("2026-11-23").value(), *backend, cache);
  EXPECT_NE(report.snapshot, nullptr) << policy::to_text(report.found);
  return report.snapshot;
}

std::vector<std::string> harmless_texts() {
  const char* env = std::getenv("SLUICE_CORPORA");
  const fs::path corpora = env != nullptr ? fs::path(env) : fs::path(SLUICE_SOURCE_DIR) / "../shared/corpora";
  std::vector<std::string> out;
  for (const auto& file : {fs::path(SLUICE_SOURCE_DIR) / "policies/golden/everyday.jsonl", corpora / "benign.jsonl"}) {
    std::ifstream in(file);
    std::size_t taken = 0;
    for (std::string line; taken < 300 && std::getline(in, line); ++taken) {
      const auto one = json::parse(line, nullptr, false);
      for (const char* key : {"response", "request", "text"}) {
        if (one.is_object() && one.contains(key) && one[key].is_string()) out.push_back(one[key]);
      }
    }
  }
  return out;
}

struct speech {
  std::string path, body, type;
  std::function<json(const std::string&)> event;
  std::string text_at;  // where a client finds the text
  std::string before = "data: ", behind = "\n\n";
};

std::vector<speech> speeches() {
  const auto responses = [](const std::string& t) {
    return json{{"type", "response.output_text.delta"}, {"item_id", "m"}, {"output_index", 0}, {"content_index", 0}, {"delta", t}};
  };
  return {
      {"/v1/chat/completions", ask("hi", true), "text/event-stream", [](const std::string& t) { return json{{"choices", json::array({{{"index", 0}, {"delta", {{"content", t}}}, {"finish_reason", nullptr}}})}}; }, "/choices/0/delta/content"},
      {"/v1/completions", R"({"model":"m","prompt":"x","stream":true})", "text/event-stream", [](const std::string& t) { return json{{"choices", json::array({{{"index", 0}, {"text", t}, {"finish_reason", nullptr}}})}}; }, "/choices/0/text"},
      {"/v1/responses", R"({"model":"m","input":"x","stream":true})", "text/event-stream", responses, "/delta"},
      {"/v1/messages", R"({"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]})", "text/event-stream",
       [](const std::string& t) { return json{{"type", "content_block_delta"}, {"index", 0}, {"delta", {{"type", "text_delta"}, {"text", t}}}}; }, "/delta/text"},
      {"/v1beta/models/m:streamGenerateContent?alt=sse", R"({"contents":[{"parts":[{"text":"hi"}]}]})", "text/event-stream",
       [](const std::string& t) { return json{{"candidates", json::array({{{"index", 0}, {"content", {{"role", "model"}, {"parts", json::array({{{"text", t}}})}}}}})}}; }, "/candidates/0/content/parts/0/text", "data: ", "\r\n\r\n"},
      {"/api/chat", R"({"model":"m","messages":[{"role":"user","content":"hi"}]})", "application/x-ndjson",
       [](const std::string& t) { return json{{"model", "m"}, {"message", {{"role", "assistant"}, {"content", t}}}, {"done", false}}; }, "/message/content", "", "\n"},
  };
}

// Bytes of text that a client finds in what left.
std::size_t heard(const speech& of, const std::string& bytes) {
  std::size_t out = 0;
  for (std::size_t at = bytes.find('{'); at != std::string::npos; at = bytes.find('{', at)) {
    const auto end = std::min(bytes.find('\n', at), bytes.size());
    const auto one = json::parse(bytes.substr(at, end - at), nullptr, false);
    if (!one.is_discarded() && one.contains(json::json_pointer(of.text_at))) out += one[json::json_pointer(of.text_at)].get<std::string>().size();
    at = end;
  }
  return out;
}

TEST(release, of_harmless_text_is_by_the_next_event_in_every_dialect) {
  const auto snapshot = shipped();
  ASSERT_NE(snapshot, nullptr);
  const auto texts = harmless_texts();
  ASSERT_GT(texts.size(), 50u);
  for (const auto& of : speeches()) {
    std::size_t bytes = 0, by_next = 0, at_once = 0, touched = 0;
    trace t;
    t.worker.active_->snapshot = snapshot;
    t.config.upstreams = {{"openai", &wire::openai(), {"/v1"}, "h", ""}, {"anthropic", &wire::anthropic(), {"/v1/messages"}, "h", ""},
                          {"gemini", &wire::gemini(), {"/v1beta"}, "h", ""}, {"ollama", &wire::ollama(), {"/api"}, "h", ""}};
    for (const auto& text : texts) {
      t.out = {};
      exchange x(t.config, t.worker);
      t.request(x, of.body, of.path);
      t.answer(x, "HTTP/1.1 200 OK\r\nContent-Type: " + of.type + "\r\nTransfer-Encoding: chunked\r\n\r\n", "");
      std::size_t fed = 0, last = 0, got = 0;
      for (const auto piece : bench::events_of(text)) {
        t.out.client.clear();
        x.upstream_body(of.before + of.event(std::string(piece)).dump() + of.behind, t.out);
        if (t.out.done) break;
        got += heard(of, t.out.client);
        bytes += piece.size();
        at_once += std::min(piece.size(), got - std::min(got, fed));
        by_next += std::min(last, std::min(got, fed) - std::min(std::min(got, fed), fed - last));
        last = piece.size();
        fed += piece.size();
      }
      by_next += last;  // the end resolves it
      touched += t.out.done ? 1 : 0;
      x.client_gone(0, t.out);
    }
    RecordProperty(of.path + " at once, per mille", static_cast<int>(at_once * 1000 / bytes));
    std::printf("%-50s %6.2f %% at once, %6.2f %% by the next event, %zu of %zu texts stopped\n", of.path.c_str(), 100.0 * static_cast<double>(at_once) / static_cast<double>(bytes),
                100.0 * static_cast<double>(by_next) / static_cast<double>(bytes), touched, texts.size());
    EXPECT_GE(by_next * 100, bytes * 98) << of.path;
    EXPECT_LE(touched * 50, texts.size()) << of.path;
  }
}

}  // namespace
}  // namespace sluice::proxy
