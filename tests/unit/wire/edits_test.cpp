// Edits in numbers: they are where they belong however the text is written and in whatever order they come, and each costs what it is long.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <random>

#include "../time_by_number.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;

constexpr const char* chat_path = "/v1/chat/completions";

// An address over and over, and an edit of each.
std::string addresses(std::size_t n) {
  std::string out;
  for (; n > 0; --n) out += "a@b.\u00e9o ";
  return out;
}
std::vector<replacement> edits_of_all(std::span<const part> parts, std::string_view text) {
  std::vector<replacement> out;
  for (std::uint32_t p = 0; p < parts.size(); ++p) {
    if (parts[p].text != text) continue;
    for (auto at = text.find("a@"); at != std::string_view::npos; at = text.find("a@", at + 1)) out.push_back({p, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + 7), "#"});
  }
  return out;
}
auto time_of_edits(const auto& body, std::string_view text) {
  const auto edits = edits_of_all(body.parts(), text);
  EXPECT_FALSE(edits.empty());
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_NE(body.edited(edits).find("# #"), std::string::npos);
  return std::chrono::steady_clock::now() - begin;
}

TEST(edits, of_a_request_cost_what_its_text_is_long) {
  testing::expect_time_by_number([](std::size_t n) {
    const auto text = addresses(n);
    const auto body = json{{"model", "m"}, {"messages", {{{"role", "user"}, {"content", text}}}}}.dump();
    return time_of_edits(**openai().read_request(openai().classify("POST", chat_path), body, 64), text);
  }, 2000);
}

TEST(edits, of_arguments_cost_what_they_are_long) {
  testing::expect_time_by_number([](std::size_t n) {
    const auto text = addresses(n);
    const json call = {{"id", "c"}, {"type", "function"}, {"function", {{"name", "f"}, {"arguments", json{{"to", text}, {"why", "x"}}.dump()}}}};
    const auto body = json{{"model", "m"}, {"messages", {{{"role", "assistant"}, {"content", nullptr}, {"tool_calls", {call}}}}}}.dump();
    return time_of_edits(**openai().read_request(openai().classify("POST", chat_path), body, 64), text);
  }, 2000);
}

TEST(edits, of_an_answer_with_citations_cost_what_it_is_long) {
  testing::expect_time_by_number([](std::size_t n) {
    const auto text = addresses(n);
    const json cited = {{"type", "url_citation"}, {"url_citation", {{"start_index", 8}, {"end_index", 15}, {"title", "T"}, {"url", "U"}}}};
    const auto body = json{{"choices", {{{"index", 0}, {"message", {{"role", "assistant"}, {"content", text}, {"annotations", {cited}}}}, {"finish_reason", "stop"}}}}}.dump();
    return time_of_edits(**openai().read_response(openai().classify("POST", chat_path), body, 64), text);
  }, 2000);
}

TEST(edits, of_many_choices_cost_what_they_are_long) {
  testing::expect_time_by_number([](std::size_t n) {
    json choices = json::array();
    for (std::size_t i = 0; i < n; ++i) choices.push_back({{"index", i}, {"message", {{"role", "assistant"}, {"content", "a@b.\u00e9o # "}}}, {"logprobs", {{"content", {{{"token", "a@b"}}}}}}, {"finish_reason", "stop"}});
    const auto body = json{{"choices", choices}}.dump();
    return time_of_edits(**openai().read_response(openai().classify("POST", chat_path), body, 64), "a@b.\u00e9o # ");
  }, 2000);
}

TEST(edits, of_many_parts_cost_what_they_are_long) {
  testing::expect_time_by_number([](std::size_t n) {
    json parts = json::array();
    for (; n > 0; --n) parts.push_back({{"text", "a@b.\u00e9o # "}});
    const auto body = json{{"candidates", {{{"content", {{"role", "model"}, {"parts", parts}}}, {"finishReason", "STOP"}}}}}.dump();
    return time_of_edits(**gemini().read_response(gemini().classify("POST", "/v1beta/models/m:generateContent"), body, 64), "a@b.\u00e9o # ");
  }, 2000);
}

// As many citations as edits.
TEST(edits, of_an_answer_with_many_citations_cost_what_it_is_long) {
  const auto number = [](std::size_t n) { return static_cast<std::int64_t>(n); };
  testing::expect_time_by_number([&](std::size_t n) {
    const auto text = addresses(n);
    json cited = json::array();
    for (std::size_t i = 0; i < n; ++i) cited.push_back({{"type", "url_citation"}, {"url_citation", {{"start_index", 7 * number(i)}, {"end_index", 7 * number(i) + 6}, {"title", "T"}, {"url", "U"}}}});
    const auto body = json{{"choices", {{{"index", 0}, {"message", {{"role", "assistant"}, {"content", text}, {"annotations", cited}}}, {"finish_reason", "stop"}}}}}.dump();
    return time_of_edits(**openai().read_response(openai().classify("POST", chat_path), body, 64), text);
  }, 1000);
  testing::expect_time_by_number([&](std::size_t n) {
    json parts = json::array(), supports = json::array();
    for (std::size_t i = 0; i < n; ++i) parts.push_back({{"text", "a@b.\u00e9o # "}});
    for (std::size_t i = 0; i < n; ++i) supports.push_back({{"segment", {{"partIndex", number(i)}, {"startIndex", 0}, {"endIndex", 7}}}});
    const auto body = json{{"candidates", {{{"content", {{"role", "model"}, {"parts", parts}}}, {"finishReason", "STOP"}, {"groundingMetadata", {{"groundingSupports", supports}}}}}}}.dump();
    return time_of_edits(**gemini().read_response(gemini().classify("POST", "/v1beta/models/m:generateContent"), body, 64), "a@b.\u00e9o # ");
  }, 1000);
}

// A text of which nothing is left goes with its block.
TEST(edits, of_many_blocks_cost_what_they_are_long) {
  for (const std::string left : {"#", ""}) {
    testing::expect_time_by_number([&](std::size_t n) {
      json blocks = json::array();
      for (std::size_t i = 0; i < n; ++i) blocks.push_back({{"type", "text"}, {"text", "a@b.c"}});
      const auto body = json{{"type", "message"}, {"role", "assistant"}, {"content", blocks}, {"stop_reason", "end_turn"}}.dump();
      const auto r = anthropic().read_response(anthropic().classify("POST", "/v1/messages"), body, 64);
      EXPECT_TRUE(r.has_value());
      std::vector<replacement> edits;
      for (std::uint32_t p = 0; p < (*r)->parts().size(); ++p) {
        if ((*r)->parts()[p].text == "a@b.c") edits.push_back({p, 0, 5, left});
      }
      EXPECT_EQ(edits.size(), n);
      const auto begin = std::chrono::steady_clock::now();
      EXPECT_EQ(json::parse((*r)->edited(edits))["content"].size(), left.empty() ? 1 : n);
      return std::chrono::steady_clock::now() - begin;
    }, 2000);
  }
}

// A text as one of the ways in which JSON writes it.
std::string literal_of(const std::vector<std::string>& atoms, std::mt19937& random) {
  std::string out = "\"";
  for (const auto& a : atoms) {
    if (a == "\U0001f600" && random() % 2 != 0) {
      out += "\\ud83d\\ude00";
    } else if (a == "\u00e9" && random() % 2 != 0) {
      out += "\\u00e9";
    } else if (a == "a" && random() % 2 != 0) {
      out += "\\u0061";
    } else {
      append_json_escaped(out, a);
    }
  }
  return out + "\"";
}

struct edited_atoms {
  std::string was, is;
  std::vector<replacement> edits;
};
// Some of the atoms replaced, and between some of them something new.
edited_atoms edit(const std::vector<std::string>& atoms, std::mt19937& random) {
  edited_atoms out;
  for (std::size_t i = 0; i < atoms.size();) {
    const auto here = static_cast<std::uint32_t>(out.was.size());
    if (random() % 3 != 0) {
      out.was += atoms[i];
      out.is += atoms[i++];
      continue;
    }
    for (auto more = 1 + random() % 3; more > 0 && i < atoms.size(); --more) out.was += atoms[i++];
    const std::string with = random() % 2 != 0 ? "<\"\u00e9>" : "";
    out.is += with;
    out.edits.push_back({0, here, static_cast<std::uint32_t>(out.was.size()), with});
    if (i == atoms.size()) break;
    out.was += atoms[i];
    out.is += atoms[i++];
  }
  return out;
}

TEST(edits, are_where_they_belong_however_a_text_is_written_and_in_any_order) {
  static const std::vector<std::string> alphabet = {"a", "b", "\n", "\"", "\\", "\u00e9", "\U0001f600", "/"};
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> atoms(1 + random() % 30);
    for (auto& a : atoms) a = alphabet[random() % alphabet.size()];
    auto made = edit(atoms, random);
    const auto literal = literal_of(atoms, random);
    // As a text, and as a text in the JSON of a call's arguments, beside another that is edited, too.
    const auto arguments = json_quoted("{\"k\":" + literal + ",\"l\":" + literal + "}");
    const auto body = R"({"messages":[{"role":"user","content":)" + literal + R"(},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":)" + arguments + "}}]}]}";
    const auto r = openai().read_request(openai().classify("POST", chat_path), body, 64);
    ASSERT_TRUE(r.has_value());
    std::vector<replacement> all;
    for (std::uint32_t p = 0; p < (*r)->parts().size(); ++p) {
      if ((*r)->parts()[p].text != made.was || !(*r)->parts()[p].editable) continue;
      for (auto e : made.edits) {
        e.part = p;
        all.push_back(e);
      }
    }
    if (round % 2 != 0) std::ranges::shuffle(all, random);
    const auto after = json::parse((*r)->edited(all));
    EXPECT_EQ(after["messages"][0]["content"], made.is) << body;
    const auto inner = json::parse(after["messages"][1]["tool_calls"][0]["function"]["arguments"].get<std::string>());
    EXPECT_EQ(inner, json({{"k", made.is}, {"l", made.is}})) << body;
  }
}

}  // namespace
}  // namespace sluice::wire
