// Streamed responses: events made from the input, and the input as bytes. Any cut gives the same; what nobody edits leaves as it came;
// an edited word stands in no text that a client reads, grown or told; and what a client adds up is what it is told at the end.
#include <nlohmann/json.hpp>

#include "stream_check.hpp"

namespace {

using nlohmann::json;
using namespace sluice::fuzz;
using status = stream_status;

const asked responses = {sluice::wire::openai(), "/v1/responses", R"({"model":"m","input":"x","stream":true})"};

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
struct account {
  std::map<int, std::string> grown;
  std::map<int, std::vector<std::string>> told;
  std::string spoken;  // of all messages
  json last;
  bool rises = true;
};

account read(std::string_view sse) {
  account r;
  std::int64_t number = -1;
  for (const auto line : data_lines(sse)) {
    r.last = json::parse(line);
    const auto& e = r.last;
    r.rises = r.rises && e["sequence_number"].get<std::int64_t>() > number;
    number = e["sequence_number"];
    const int n = e.value("output_index", -1);
    if (e.contains("delta")) r.grown[n] += e["delta"].get<std::string>();
    if (e["type"] == "response.output_text.delta") r.spoken += e["delta"].get<std::string>();
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
  const auto whole = run(responses, raw, raw.size(), judge::what::passes);
  const auto cut = run(responses, raw, step, judge::what::passes);
  SLUICE_REQUIRE(whole == cut);
  if (whole.last == status::ok) SLUICE_REQUIRE(whole.out == raw);

  upstream made;
  made.begin();
  for (std::size_t i = 1; i < size && i < 200; ++i) made.piece(static_cast<std::uint8_t>(data[i] >> 4), pieces[data[i] & 15]);
  made.end();
  SLUICE_REQUIRE(run(responses, made.bytes, step, judge::what::passes).out == made.bytes);
  for (const auto does : {judge::what::edits, judge::what::blocks, judge::what::rewrites}) {
    const auto o = run(responses, made.bytes, step, does), again = run(responses, made.bytes, made.bytes.size(), does);
    SLUICE_REQUIRE(o == again);
    const auto r = read(o.out + o.cut);
    SLUICE_REQUIRE(r.rises);
    if (does == judge::what::rewrites && o.last != status::blocked) {
      SLUICE_REQUIRE(!o.keeps);
      SLUICE_REQUIRE(same_letters(r.spoken, o.given));
    }
    const std::string end = r.last["type"];
    SLUICE_REQUIRE(end == (o.last == status::blocked ? "response.incomplete" : "response.completed"));
    for (const auto& [n, all] : r.told) {
      for (const auto& told : all) {
        SLUICE_REQUIRE(told == (r.grown.contains(n) ? r.grown.at(n) : std::string()));
        if (n < 2 && does != judge::what::rewrites) SLUICE_REQUIRE(told.find(word) == std::string::npos);
      }
    }
  }
  return 0;
}
