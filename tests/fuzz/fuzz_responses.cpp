// Streamed responses: events made from the input, and the input as bytes. Any cut gives the same; what nobody edits leaves as it came;
// an edited word stands in no text that a client reads, grown or told; and what a client adds up is what it is told at the end.
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "check.hpp"
#include "sluice/wire/dialect.hpp"

namespace {

using nlohmann::json;
using namespace sluice::wire;
using status = response_stream::status;

// Texts are made of these, so that words arise and are cut.
constexpr std::string_view pieces[] = {"se", "cret", "secret", " a ", "s", "\"", "é", "{\"k\":\"", "\"}", "\\u0065", "cr", "et", "x", "\n", "sec", "r"};
constexpr std::string_view word = "secret";

// Edits `word`, or blocks at it, or lets everything pass.
class judge final : public channel_sink {
 public:
  enum class what { passes, edits, blocks };
  explicit judge(what does) : does_(does) {}
  bool judges(role, part_kind) override { return does_ != what::passes; }
  std::uint32_t open(role, part_kind, bool, std::string, std::int64_t) override {
    held_.emplace_back();
    return static_cast<std::uint32_t>(held_.size() - 1);
  }
  status feed(std::uint32_t c, std::string_view text, std::string& out) override {
    held_[c] += text;
    return leave(held_[c], false, out);
  }
  status finish(std::uint32_t c, std::string& out) override { return leave(held_[c], true, out); }
  bool passes(const unread&) override { return true; }

 private:
  status leave(std::string& h, bool last, std::string& out) {
    for (auto at = h.find(word); does_ != what::passes && at != std::string::npos; at = h.find(word, at)) {
      if (does_ == what::blocks) return status::blocked;
      h.replace(at, word.size(), "#");
    }
    std::size_t keep = does_ == what::passes || last ? 0 : std::min(h.size(), word.size() - 1);
    while (keep > 0 && !h.ends_with(word.substr(0, keep))) --keep;
    out.append(h, 0, h.size() - keep);
    h.erase(0, h.size() - keep);
    return status::released;
  }
  what does_;
  std::vector<std::string> held_;
};

struct outcome {
  std::string out;
  status last = status::ok;
};

outcome run(std::string_view bytes, std::size_t step, judge::what does) {
  static const std::string body = R"({"model":"m","input":"x","stream":true})";
  const auto to = openai().classify("POST", "/v1/responses");
  const auto request = openai().read_request(to, body, 64);
  const auto stream = openai().open_stream(to, **request, 64);
  judge sink(does);
  outcome o;
  for (std::size_t at = 0; at < bytes.size() && o.last == status::ok; at += step) o.last = stream->feed(bytes.substr(at, step), sink, o.out);
  if (o.last == status::ok) o.last = stream->end(true, sink, o.out);
  if (o.last == status::blocked || o.last == status::unreadable) stream->cut("", o.out);
  return o;
}

// Items of one text each, in any order, as an upstream sends them: added, pieces, done, and all of them at the end.
class upstream {
 public:
  std::string bytes;
  void begin() { event({{"type", "response.created"}, {"response", response("in_progress", json::array())}}); }
  void piece(std::uint8_t choice, std::string_view text) {
    const int n = choice % 3;
    if (!texts_.contains(n)) {
      event({{"type", "response.output_item.added"}, {"output_index", n}, {"item", item(n, "in_progress", "")}});
      if (n < 2) event(at(n, "response.content_part.added", {{"part", part("")}}));
    }
    texts_[n] += text;
    event(at(n, n < 2 ? "response.output_text.delta" : "response.function_call_arguments.delta", {{"delta", text}, {"obfuscation", "pad"}}));
  }
  void end() {
    json output = json::array();
    for (const auto& [n, text] : texts_) {
      if (n < 2) {
        event(at(n, "response.output_text.done", {{"text", text}}));
        event(at(n, "response.content_part.done", {{"part", part(text)}}));
      } else {
        event(at(n, "response.function_call_arguments.done", {{"arguments", text}}));
      }
      event({{"type", "response.output_item.done"}, {"output_index", n}, {"item", item(n, "completed", text)}});
      output.push_back(item(n, "completed", text));
    }
    event({{"type", "response.completed"}, {"response", response("completed", output)}});
  }

 private:
  static json response(const char* how, const json& output) { return {{"id", "r"}, {"object", "response"}, {"status", how}, {"output", output}}; }
  static json part(std::string_view text) { return {{"type", "output_text"}, {"text", text}, {"annotations", json::array()}}; }
  static json item(int n, const char* how, std::string_view text) {
    if (n == 2) return {{"id", "c2"}, {"type", "function_call"}, {"status", how}, {"name", "f"}, {"call_id", "c"}, {"arguments", text}};
    return {{"id", "m" + std::to_string(n)}, {"type", "message"}, {"status", how}, {"role", "assistant"}, {"content", *how == 'i' ? json::array() : json::array({part(text)})}};
  }
  static json at(int n, const char* type, const json& more) {
    json out = {{"type", type}, {"item_id", n < 2 ? "m" + std::to_string(n) : "c2"}, {"output_index", n}};
    if (n < 2) out["content_index"] = 0;
    out.update(more);
    return out;
  }
  void event(json e) {
    e["sequence_number"] = number_++;
    bytes += "event: " + e["type"].get<std::string>() + "\ndata: " + e.dump() + "\n\n";
  }
  std::map<int, std::string> texts_;
  int number_ = 0;
};

// What a client has: per item what it added up, and what it is told whole.
struct reading {
  std::map<int, std::string> grown;
  std::map<int, std::vector<std::string>> told;
  json last;
  bool rises = true;
};

reading read(std::string_view sse) {
  reading r;
  std::int64_t number = -1;
  while (!sse.empty()) {
    const auto end = std::min(sse.find('\n'), sse.size() - 1);
    const auto line = sse.substr(0, end);
    sse.remove_prefix(end + 1);
    if (!line.starts_with("data: ")) continue;
    r.last = json::parse(line.substr(6));
    const auto& e = r.last;
    r.rises = r.rises && e["sequence_number"].get<std::int64_t>() > number;
    number = e["sequence_number"];
    const int n = e.value("output_index", -1);
    if (e.contains("delta")) r.grown[n] += e["delta"].get<std::string>();
    if (e["type"].get<std::string>().ends_with(".added")) continue;
    for (const char* key : {"text", "arguments"}) {
      if (e.contains(key)) r.told[n].push_back(e[key]);
    }
    const auto of_item = [&](int index, const json& i) {
      if (i.contains("arguments")) r.told[index].push_back(i["arguments"]);
      for (const auto& p : i.value("content", json::array())) r.told[index].push_back(p["text"]);
    };
    if (e.contains("part")) r.told[n].push_back(e["part"]["text"]);
    if (e.contains("item")) of_item(n, e["item"]);
  }
  return r;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2 || size > 2000) return 0;
  const std::size_t step = 1 + data[0] % 97;
  // Any bytes: the same whatever the cut, and nothing but a beginning of them when nobody edits.
  const auto raw = sluice::fuzz::text_of(data + 1, size - 1);
  const auto whole = run(raw, raw.size(), judge::what::passes);
  const auto cut = run(raw, step, judge::what::passes);
  SLUICE_REQUIRE(whole.out == cut.out && whole.last == cut.last);
  if (whole.last == status::ok) SLUICE_REQUIRE(whole.out == raw);

  upstream made;
  made.begin();
  for (std::size_t i = 1; i < size && i < 200; ++i) made.piece(static_cast<std::uint8_t>(data[i] >> 4), pieces[data[i] & 15]);
  made.end();
  SLUICE_REQUIRE(run(made.bytes, step, judge::what::passes).out == made.bytes);
  for (const auto does : {judge::what::edits, judge::what::blocks}) {
    const auto o = run(made.bytes, step, does), again = run(made.bytes, made.bytes.size(), does);
    SLUICE_REQUIRE(o.out == again.out);
    const auto r = read(o.out);
    SLUICE_REQUIRE(r.rises);
    const std::string end = r.last["type"];
    SLUICE_REQUIRE(end == (o.last == status::blocked ? "response.incomplete" : "response.completed"));
    for (const auto& [n, all] : r.told) {
      for (const auto& told : all) {
        SLUICE_REQUIRE(told == (r.grown.contains(n) ? r.grown.at(n) : std::string()));
        if (n < 2) SLUICE_REQUIRE(told.find(word) == std::string::npos);
      }
    }
  }
  return 0;
}
