// Whole exchanges in every dialect against a slow oracle that shares nothing with the gateway: nlohmann/json reads the bodies, PCRE2 alone finds what
// the rules look for. Goal: each verdict and each edit, of requests, of answers in one piece and of streams, is the oracle's. Method: random
// rules over random texts; letters that block, that are redacted and that are flagged are others, so that no match is in another's way.
#include <gtest/gtest.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <random>

#include "spoken.hpp"

namespace sluice::proxy {
namespace {

using namespace testing;

class pattern {
 public:
  explicit pattern(const std::string& text) {
    int error = 0;
    std::size_t at = 0;
    code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), PCRE2_UTF | PCRE2_UCP, &error, &at, nullptr);
    EXPECT_NE(code_, nullptr) << text;
    data_ = pcre2_match_data_create_from_pattern(code_, nullptr);
  }
  pattern(const pattern&) = delete;
  pattern& operator=(const pattern&) = delete;
  ~pattern() {
    pcre2_match_data_free(data_);
    pcre2_code_free(code_);
  }
  // All matches, the first found first, none over another.
  [[nodiscard]] std::vector<std::pair<std::size_t, std::size_t>> in(const std::string& text) const {
    std::vector<std::pair<std::size_t, std::size_t>> out;
    for (std::size_t from = 0; pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, 0, data_, nullptr) > 0;) {
      const auto* at = pcre2_get_ovector_pointer(data_);
      out.emplace_back(at[0], at[1]);
      from = at[1];
    }
    return out;
  }

 private:
  pcre2_code* code_ = nullptr;
  pcre2_match_data* data_ = nullptr;
};

// What a rule may look for, and a text that has it.
struct looked_for {
  const char* regex;
  const char* example;
};
constexpr looked_for blocked[] = {{"xy{1,3}z", "xyz"}, {"\\bzx\\b", "zx"}, {"(?:x|z) ?y", "z y"}, {"zz{2,4}", "zzz"}, {"x[yz]{2}é?", "xyz"}};
constexpr looked_for redacted[] = {{"ab{1,3}c", "abc"}, {"[0-2]{2,4}", "012"}, {"\\bca\\b", "ca"}, {"(?:a|c)(?:0|1)2?", "a0"}, {"b-?c", "b-c"}, {"c{2}|ba{1,3}", "cc"}, {"ca?é", "cé"}};
constexpr looked_for flagged[] = {{"hi{1,2}j", "hij"}, {"jj", "jj"}};

struct rules {
  explicit rules(std::mt19937& rng) : redact(redacted[rng() % std::size(redacted)]), block(blocked[rng() % std::size(blocked)]), flag(flagged[rng() % std::size(flagged)]) {}
  [[nodiscard]] std::string yaml() const {
    return "apiVersion: sluice/v1\nkind: Policy\nmetadata: {name: p, owner: o}\nrules:\n" + rule("hides", redact, "{type: redact, mask: \"[R]\"}") + rule("stops", block, "{type: block}") + rule("notes", flag, "{type: flag}");
  }
  [[nodiscard]] static std::string rule(const std::string& id, const looked_for& of, const std::string& action) {
    return "  - id: " + id + "\n    direction: both\n    match: {regex: '" + of.regex + "'}\n    action: " + action + "\n    tests: [{name: a, request: \"" + of.example + "\", expect: {rules: [" + id + "]}}, {name: b, request: \"-\", expect: {rules: []}}]\n";
  }
  const looked_for &redact, &block, &flag;
};

class oracle {
 public:
  explicit oracle(const rules& of) : redact_(of.redact.regex), block_(of.block.regex), flag_(of.flag.regex) {}
  [[nodiscard]] std::string edited(const std::string& text) const {
    std::string out;
    std::size_t at = 0;
    for (const auto& [begin, end] : redact_.in(text)) {
      out.append(text, at, begin - at).append("[R]");
      at = end;
    }
    return out.append(text, at);
  }
  // Where the first text that stops everything begins; npos: none does.
  [[nodiscard]] std::size_t stops(const std::string& text) const {
    const auto all = block_.in(text);
    return all.empty() ? std::string::npos : all.front().first;
  }
  [[nodiscard]] policy::verdict verdict(const std::vector<std::string>& texts) const {
    auto out = policy::verdict::allow;
    for (const auto& t : texts) {
      if (stops(t) != std::string::npos) return policy::verdict::block;
      if (!redact_.in(t).empty()) out = policy::verdict::edit;
      else if (!flag_.in(t).empty()) out = std::max(out, policy::verdict::flag);
    }
    return out;
  }

 private:
  pattern redact_, block_, flag_;
};

// No backslash: a text with one is also read as what it escapes (blanks and escapes have tests of their own).
std::string random_text(std::mt19937& rng, bool may_stop) {
  static constexpr const char* often[] = {"a", "b", "c", "0", "1", "2", " ", "-", "é", "abc", "hij", "jj", "ca", " ca ", "\n", "\""};
  static constexpr const char* stopping[] = {"x", "y", "z", "xy", "zx"};
  std::string out;
  for (auto n = rng() % 14; n > 0; --n) out += may_stop && rng() % 9 == 0 ? stopping[rng() % std::size(stopping)] : often[rng() % std::size(often)];
  return out;
}

std::vector<std::string> in_pieces(std::mt19937& rng, const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    auto end = std::min(text.size(), at + 1 + rng() % 5);
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;  // JSON has whole characters
    out.push_back(text.substr(at, end - at));
    at = end;
  }
  if (out.empty()) out.emplace_back();
  return out;
}

std::vector<json> events_of(const speaker& who, const std::string& body) {
  std::vector<json> out;
  if (std::string_view(who.stream_type) == "application/json") {
    for (auto& each : json::parse(body)) out.push_back(each);
    return out;
  }
  const std::string mark = std::string_view(who.stream_type) == "text/event-stream" ? "data: " : "";
  for (std::size_t at = 0, end = 0; (end = body.find('\n', at)) != std::string::npos; at = end + 1) {
    const auto line = body.substr(at, end - at);
    if (line.starts_with(mark) && line.find('{') != std::string::npos) out.push_back(json::parse(line.substr(mark.size())));
  }
  return out;
}

// What a client puts together of a stream, and every text that says all of it once more.
struct heard {
  std::string text, arguments;
  std::vector<std::string> repeated;
};

std::string string_at(const json& of, const std::string& pointer) {
  const json::json_pointer at(pointer);
  return of.contains(at) && of[at].is_string() ? of[at].get<std::string>() : std::string();
}

heard listen(const speaker& who, const std::string& body) {
  heard out;
  for (const auto& e : events_of(who, body)) {
    const auto type = e.contains("type") && e["type"].is_string() ? e["type"].get<std::string>() : std::string();
    for (const auto* at : {"/choices/0/delta/content", "/choices/0/text", "/delta/text", "/message/content", "/response"}) out.text += string_at(e, at);
    if (type == "response.output_text.delta") out.text += string_at(e, "/delta");
    if (type == "response.output_text.done") out.repeated.push_back(string_at(e, "/text"));
    if (type == "response.content_part.done") out.repeated.push_back(string_at(e, "/part/text"));
    if (type == "response.output_item.done") out.repeated.push_back(string_at(e, "/item/content/0/text"));
    if (type == "response.completed") out.repeated.push_back(string_at(e, "/response/output/0/content/0/text"));
    for (const auto* at : {"/choices/0/delta/tool_calls/0/function/arguments", "/delta/partial_json"}) out.arguments += string_at(e, at);
    const json::json_pointer parts("/candidates/0/content/parts");
    for (const auto& part : e.contains(parts) ? e[parts] : json::array()) {
      out.text += string_at(part, "/text");
      if (part.contains("functionCall")) out.arguments += part["functionCall"]["args"].dump();
    }
  }
  return out;
}

bool calls_tools(const speaker& who) {
  const answer_text with{{"x"}, "y"}, without{{"x"}, ""};
  return who.plain(with) != who.plain(without);
}

struct counts {
  int asked_otherwise = 0, asked_stopped = 0, answered_otherwise = 0, answered_stopped = 0;
};

void check_request(const oracle& by, const speaker& who, const said& what, const json& asked, const seen& got, counts& n) {
  const auto sent = body_of(got.upstream);
  const conversation_text& t = what.asks;
  const auto one = t.first + "\n" + t.last;  // where a prompt is one text
  const conversation_text edited{by.edited(t.system), by.edited(t.first), by.edited(t.answered), by.edited(t.last)};
  auto expected = who.request(edited);
  if (asked.contains("prompt")) expected["prompt"] = by.edited(one);
  if (asked.contains("stream")) expected["stream"] = asked["stream"];
  ASSERT_EQ(json::parse(sent), expected) << "of " << asked;
  n.asked_otherwise += expected != asked ? 1 : 0;
}

void check_answer(const oracle& by, const speaker& who, const said& what, bool stream, const seen& got, counts& n) {
  const auto text = what.answers.whole(), &argument = what.answers.argument;
  const auto body = body_of(got.client);
  const auto stops = std::min(by.stops(text), by.stops(argument) == std::string::npos ? std::string::npos : text.size());
  const bool stopped = stops != std::string::npos;
  n.answered_stopped += stopped ? 1 : 0;
  n.answered_otherwise += !stopped && by.edited(text) != text ? 1 : 0;
  if (!stream) {
    if (stopped) ASSERT_TRUE(got.client.starts_with("HTTP/1.1 400")) << got.client;
    else ASSERT_EQ(json::parse(body), who.plain({{by.edited(text)}, by.edited(argument)}));
    return;
  }
  if (got.client.starts_with("HTTP/1.1 400")) {
    ASSERT_TRUE(stopped) << got.client;
    return;
  }
  const auto all = listen(who, body);
  if (stopped) {
    ASSERT_TRUE(by.edited(text.substr(0, stops)).starts_with(all.text)) << "'" << all.text << "' of '" << text << "'";
    return;
  }
  ASSERT_EQ(all.text, by.edited(text)) << "of '" << text << "': " << body;
  for (const auto& each : all.repeated) ASSERT_EQ(each, by.edited(text)) << body;
  if (!argument.empty()) ASSERT_EQ(json::parse(all.arguments), json({{"q", by.edited(argument)}})) << body;
}

TEST(whole_exchanges, are_decided_and_edited_as_a_slow_oracle_says) {
  std::mt19937 rng(20261130);
  counts n;
  for (int round = 0; round < 400; ++round) {
    const rules looked(rng);
    const oracle by(looked);
    const auto with = compiled(looked.yaml());
    for (const auto& who : speakers()) {
      for (const bool stream : {false, true}) {
        const bool asks_badly = rng() % 4 == 0;
        const auto text = [&](bool may_stop) { return random_text(rng, may_stop); };
        // Texts of a request are read over their seams too (places_test.cpp); what stands at both ends here is in no match.
        const auto turn = [&] { return "~" + text(asks_badly) + "~"; };
        const said what{{turn(), turn(), turn(), turn()}, {in_pieces(rng, text(true)), calls_tools(who) && rng() % 2 == 0 ? text(true) : ""}};
        SCOPED_TRACE(std::string(who.name) + (stream ? ", streamed, round " : ", plain, round ") + std::to_string(round) + ": " + looked.redact.regex + " | " + looked.block.regex);
        auto asked = who.request(what.asks);
        if (*who.stream_member != 0) asked[who.stream_member] = stream;
        std::vector<std::string> asks;
        for (const auto& leaf : asked.flatten()) {
          if (leaf.is_string()) asks.push_back(leaf.get<std::string>());
        }
        const auto got = exchanged(with, who, what, stream);
        const auto asked_for = by.verdict(asks), answered = by.verdict({what.answers.whole(), what.answers.argument});
        if (asked_for == policy::verdict::block) {
          ++n.asked_stopped;
          EXPECT_EQ(got.upstream, "");
          EXPECT_TRUE(got.client.starts_with("HTTP/1.1 400")) << got.client;
          EXPECT_EQ(got.verdict, policy::verdict::block);
          continue;
        }
        EXPECT_EQ(got.verdict, std::max(asked_for, answered)) << what.answers.whole() << " + " << what.answers.argument;
        check_request(by, who, what, asked, got, n);
        check_answer(by, who, what, stream, got, n);
        if (HasFatalFailure()) return;
      }
    }
  }
  EXPECT_GT(n.asked_otherwise, 1500);
  EXPECT_GT(n.asked_stopped, 150);
  EXPECT_GT(n.answered_otherwise, 800);
  EXPECT_GT(n.answered_stopped, 200);
}

}  // namespace
}  // namespace sluice::proxy
