// What an upstream that means harm can make a stream keep, and how long it can make one think. Goal: each thing that grows has a bound whose
// reason is told, and an event costs what its bytes do. Method: answers of every dialect that grow in one place; times of one and of eight.
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "event_reader.hpp"
#include "sluice/base/cpu_time.hpp"
#include "sluice/base/limits.hpp"
#include "traces.hpp"

namespace sluice::wire {
namespace {

using nlohmann::json;
using status = response_stream::status;

struct api {
  const dialect& speaks;
  std::string path, request;
};
const api chat{openai(), "/v1/chat/completions", R"({"messages":[],"stream":true})"};
const api completions{openai(), "/v1/completions", R"({"model":"m","prompt":"x","stream":true})"};
const api responses{openai(), "/v1/responses", R"({"model":"m","input":"x","stream":true})"};
const api messages{anthropic(), "/v1/messages", R"({"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]})"};
const api candidates{gemini(), "/v1beta/models/m:streamGenerateContent?alt=sse", R"({"contents":[]})"};

// A stream that is fed event by event until it goes no further.
class upstream {
 public:
  explicit upstream(const api& of, channel_sink& sink) : request_(*of.speaks.read_request(to_(of), of.request, 64)), stream_(of.speaks.open_stream(to_(of), *request_, 64)), sink_(sink) {}
  bool sends(std::string_view bytes) {
    if (last == status::ok) last = stream_->feed(bytes, sink_, out);
    return last == status::ok;
  }
  bool says(const json& event) { return sends("data: " + event.dump() + "\n\n"); }
  [[nodiscard]] std::string reason() const { return stream_->reason(); }
  status last = status::ok;
  std::string out;

 private:
  static endpoint to_(const api& of) {
    auto to = of.speaks.classify("POST", std::string_view(of.path).substr(0, of.path.find('?')));
    if (of.path.find('?') != std::string::npos) to.query = std::string_view(of.path).substr(of.path.find('?') + 1);
    return to;
  }
  std::unique_ptr<request_body> request_;
  std::unique_ptr<response_stream> stream_;
  channel_sink& sink_;
};

// How many events pass of so many; the reason is that of the first that does not.
int passed(upstream& up, int events, const std::function<json(int)>& event) {
  int n = 0;
  while (n < events && up.says(event(n))) ++n;
  return n;
}

// Keeps what is said until the end, and lets so much wait behind it.
class waiting_sink final : public testing::adding_sink {
 public:
  explicit waiting_sink(std::uint64_t bytes_max) : adding_sink(" end", true), bytes_max_(bytes_max) {}
  status count_kept(std::uint64_t bytes) override {
    kept_back = bytes;
    return bytes <= bytes_max_ ? status::released : status::failed;
  }
  std::uint64_t kept_back = 0;

 private:
  std::uint64_t bytes_max_;
};

TEST(stream_bounds, events_that_wait_for_the_end_of_a_message_count_as_held) {
  constexpr std::uint64_t bytes_max = 64 << 10;
  waiting_sink sink(bytes_max);
  upstream up(messages, sink);
  up.says(json{{"type", "message_start"}, {"message", {{"id", "m"}, {"content", json::array()}}}});
  up.says(json{{"type", "content_block_start"}, {"index", 0}, {"content_block", {{"type", "text"}, {"text", "kept"}}}});
  up.says(json{{"type", "content_block_stop"}, {"index", 0}});
  EXPECT_GT(sink.kept_back, 0u) << "the end of the block waits";
  const json event{{"type", "new_event"}};
  const auto n = passed(up, 100'000, [&](int) { return event; });
  EXPECT_LT(n, static_cast<int>(bytes_max / event.dump().size())) << "its bytes and more";
  EXPECT_GT(n, 300);
  EXPECT_EQ(up.last, status::blocked);
  EXPECT_EQ(up.reason(), "") << "the sink has it";
  EXPECT_EQ(up.out.find("new_event"), std::string::npos);
}

TEST(stream_bounds, events_that_waited_and_left_are_held_no_more) {
  waiting_sink sink(1 << 20);
  upstream up(messages, sink);
  up.says(json{{"type", "message_start"}, {"message", {{"id", "m"}, {"content", json::array()}}}});
  up.says(json{{"type", "content_block_start"}, {"index", 0}, {"content_block", {{"type", "text"}, {"text", "kept"}}}});
  up.says(json{{"type", "content_block_stop"}, {"index", 0}});
  EXPECT_GT(sink.kept_back, 0u);
  up.says(json{{"type", "message_delta"}, {"delta", {{"stop_reason", "end_turn"}}}});
  EXPECT_EQ(sink.kept_back, 0u);
  EXPECT_NE(up.out.find("kept"), std::string::npos) << up.out;
}

TEST(stream_bounds, blocks_of_a_message_that_say_nothing_are_counted_like_those_that_do) {
  for (const char* type : {"content_block_start", "content_block_stop"}) {
    testing::pass_sink sink;
    upstream up(messages, sink);
    const auto n = passed(up, 5000, [&](int i) {
      json e{{"type", type}, {"index", i}};
      if (std::string_view(type).ends_with("start")) e["content_block"] = {{"type", "text"}, {"text", ""}};
      return e;
    });
    EXPECT_EQ(n, static_cast<int>(limits::calls)) << type;
    EXPECT_EQ(up.last, status::unreadable);
    EXPECT_EQ(up.reason(), "more content blocks than the gateway follows");
  }
}

TEST(stream_bounds, items_of_a_response_are_counted_that_only_end) {
  testing::pass_sink sink;
  upstream up(responses, sink);
  const auto n = passed(up, 5000, [](int i) { return json{{"type", "response.output_item.done"}, {"output_index", i}, {"item", {{"type", "message"}, {"content", json::array()}}}}; });
  EXPECT_EQ(n, static_cast<int>(limits::calls));
  EXPECT_EQ(up.last, status::unreadable);
  EXPECT_EQ(up.reason(), "more items of a response than the gateway follows");
}

// What is forgotten is judged again: nothing passes unread.
TEST(stream_bounds, alternatives_are_remembered_up_to_their_bytes) {
  testing::pass_sink sink;
  upstream up(chat, sink);
  const auto beside = [&](char c, std::size_t bytes) {
    const json token{{"token", "x"}, {"top_logprobs", json::array({{{"token", std::string(bytes, c)}}})}};
    EXPECT_TRUE(up.says(json{{"choices", json::array({{{"index", 0}, {"delta", {{"content", "x"}}}, {"logprobs", {{"content", json::array({token})}}}}})}}));
  };
  const auto judged = [&](char c, std::size_t bytes) { return std::ranges::count(sink.texts, std::string(bytes, c)); };
  for (int i = 0; i < 3; ++i) beside('a', 100);
  EXPECT_EQ(judged('a', 100), 1);
  constexpr std::size_t much = 700'000;
  for (const char c : {'b', 'c', 'b', 'c'}) beside(c, much);
  EXPECT_EQ(judged('b', much), 2);
  EXPECT_EQ(judged('c', much), 2);
  for (int i = 0; i < 2; ++i) beside('d', 2 << 20);
  EXPECT_EQ(judged('d', 2 << 20), 2) << "too long to be remembered";
}

TEST(stream_bounds, names_of_fields_that_no_table_knows_count_as_their_texts_do) {
  // Too long for one, and too long together.
  for (const std::size_t name : {std::size_t{900'000}, std::size_t{4000}}) {
    for (const auto* of : {&chat, &messages, &responses}) {
      testing::pass_sink sink;
      upstream up(*of, sink);
      json fields = json::object();
      for (int i = 0; i < 400; ++i) fields["f" + std::to_string(i)] = "x";
      json event{{"type", "new_event"}, {std::string(name, 'k'), fields}};
      EXPECT_FALSE(up.says(event)) << of->path << name;
      EXPECT_EQ(up.last, status::unreadable);
      EXPECT_NE(up.reason().find("than the gateway follows"), std::string::npos) << up.reason();
    }
  }
}

TEST(stream_bounds, names_of_what_grows_in_a_choice_count_too) {
  testing::pass_sink sink;
  upstream up(chat, sink);
  const auto n = passed(up, 1000, [](int i) {
    return json{{"choices", json::array({{{"index", i % 100}, {"delta", {{"f" + std::to_string(i) + std::string(3000, 'k'), "x"}}}}})}};
  });
  EXPECT_LT(n, 400);
  EXPECT_EQ(up.last, status::unreadable);
  testing::pass_sink other;
  upstream gemini(candidates, other);
  const auto arguments = passed(gemini, 60, [](int i) {
    const json argument{{"jsonPath", "$.a" + std::to_string(i) + std::string(100'000, 'k')}, {"stringValue", "x"}, {"willContinue", true}};
    return json{{"candidates", json::array({{{"index", 0}, {"content", {{"parts", json::array({{{"functionCall", {{"name", "f"}, {"partialArgs", json::array({argument})}}}}})}}}}})}};
  });
  EXPECT_LT(arguments, 12);
  EXPECT_EQ(gemini.last, status::unreadable);
}

TEST(stream_bounds, white_space_before_a_stream_is_kept_up_to_a_bound) {
  const std::string event = "data: {\"candidates\":[{\"index\":0,\"content\":{\"parts\":[{\"text\":\"x\"}]}}]}\n\n";
  testing::pass_sink sink;
  upstream few(candidates, sink);
  for (int i = 0; i < 60; ++i) EXPECT_TRUE(few.sends(std::string(1024, '\n')));
  EXPECT_TRUE(few.sends(event));
  EXPECT_EQ(few.out, std::string(60 * 1024, '\n') + event);
  upstream many(candidates, sink);
  int n = 0;
  while (n < 8192 && many.sends(std::string(1024, '\n'))) ++n;
  EXPECT_EQ(n, static_cast<int>(limits::blank_bytes / 1024));
  EXPECT_EQ(many.last, status::unreadable);
  EXPECT_NE(many.reason().find("white space"), std::string::npos);
}

// Ones that edit, so that what points into a text moves; and so that it stays where it is, which costs the sink no more for many words.
struct editing_sink final : testing::replace_sink {
  editing_sink() : replace_sink("secret", "[R]") {}
};
struct masking_sink final : testing::replace_sink {
  masking_sink() : replace_sink("secret", "[mask]") {}
};

// Processor time, the least of some tries: what else runs on the machine makes none shorter.
template <class Sink>
std::chrono::nanoseconds time_of(const api& of, const std::string& bytes) {
  auto best = std::chrono::nanoseconds::max();
  for (int i = 0; i < 3; ++i) {
    Sink sink;
    sink.passes_unread = true;
    upstream up(of, sink);
    const auto begin = thread_cpu_time();
    EXPECT_TRUE(up.sends(bytes)) << of.path << up.reason();
    best = std::min(best, thread_cpu_time() - begin);
  }
  return best;
}

// Eight times as much takes eight times as long, or little more; with the square it would be sixty-four.
template <class Sink = testing::pass_sink>
void expect_linear(const api& of, const char* what, std::size_t n, const std::function<json(std::size_t)>& event) {
  const auto once = time_of<Sink>(of, "data: " + event(n).dump() + "\n\n"), eightfold = time_of<Sink>(of, "data: " + event(8 * n).dump() + "\n\n");
  EXPECT_LT(eightfold, 24 * once + std::chrono::milliseconds(5)) << what << ": " << once.count() / 1000 << " us and " << eightfold.count() / 1000 << " us";
}

json many_of(std::size_t n, const json& each) {
  auto out = json::array();
  for (std::size_t i = 0; i < n; ++i) out.push_back(each);
  return out;
}

TEST(stream_bounds, an_event_costs_what_its_bytes_do) {
  expect_linear(candidates, "arguments of a call", 4000, [](std::size_t n) {
    return json{{"candidates", json::array({{{"index", 0}, {"content", {{"parts", json::array({{{"functionCall", {{"name", "f"}, {"args", {{"a", many_of(n, "x")}}}}}}})}}}}})}};
  });
  expect_linear(chat, "choices", 8000, [](std::size_t n) { return json{{"choices", many_of(n, {{"index", 0}, {"delta", {{"content", "x"}}}})}}; });
  expect_linear(completions, "choices of a completion", 8000, [](std::size_t n) { return json{{"choices", many_of(n, {{"index", 0}, {"text", "x"}})}}; });
  expect_linear(chat, "choices with tokens", 4000, [](std::size_t n) {
    return json{{"choices", many_of(n, {{"index", 0}, {"delta", {{"content", "x"}}}, {"logprobs", {{"content", json::array({{{"token", "x"}}})}}}})}};
  });
  expect_linear(completions, "choices of a completion with tokens", 4000, [](std::size_t n) {
    return json{{"choices", many_of(n, {{"index", 0}, {"text", "x"}, {"logprobs", {{"tokens", json::array({"x"})}}}})}};
  });
}

TEST(stream_bounds, an_event_with_citations_of_an_edited_text_costs_what_its_bytes_do) {
  expect_linear<editing_sink>(candidates, "segments of a candidate", 4000, [](std::size_t n) {
    const json segment = {{"segment", {{"startIndex", 2}, {"endIndex", 10}}}};
    return json{{"candidates", json::array({{{"index", 0}, {"finishReason", "STOP"}, {"content", {{"parts", json::array({{{"text", "a secret b"}}})}}}, {"groundingMetadata", {{"groundingSupports", many_of(n, segment)}}}}})}};
  });
  expect_linear<masking_sink>(chat, "annotations and edits of a choice", 1000, [](std::size_t n) {
    std::string text;
    for (std::size_t i = 0; i < n; ++i) text += "a secret ";
    json cited = json::array();
    for (std::size_t i = 0; i < n; ++i) cited.push_back({{"type", "url_citation"}, {"url_citation", {{"start_index", 9 * i + 2}, {"end_index", 9 * i + 8}}}});
    return json{{"choices", json::array({{{"index", 0}, {"finish_reason", "stop"}, {"delta", {{"content", text}, {"annotations", cited}}}}})}};
  });
}

// What is said of a whole value after some of it was edited holds for all of it, in whatever order they stand.
TEST(stream_bounds, a_later_word_on_a_value_overrules_those_within_it) {
  const answer_table table({}, {});
  event_reader event(table, 64);
  ASSERT_TRUE(event.parse(R"({"a":["x",{"b":"y"}],"c":"z"})").has_value());
  const auto& body = event.body();
  const auto list = body.member(0, "a"), object = body.sibling(body.first_child(list)), word = body.member(0, "c");
  event.add_element(list, "1");
  event.replace(body.first_child(list), "w");
  event.set(object, "{}");
  event.append(word, "!");
  event.append(word, "!");
  EXPECT_EQ(event.apply(), R"({"a":["w",{},1],"c":"z!!"})");
  ASSERT_TRUE(event.parse(R"({"a":["x",{"b":"y"}],"c":"z"})").has_value());
  event.replace(body.first_child(list), "w");
  event.add_element(list, "1");
  event.set(list, "[]");
  event.set(word, "1");
  event.set(word, "2");
  EXPECT_EQ(event.apply(), R"({"a":[],"c":2})");
}

TEST(stream_bounds, of_a_text_that_was_edited_nothing_is_kept) {
  unsent_text text;
  EXPECT_TRUE(text.leaves("a sec", "a "));
  EXPECT_FALSE(text.empty());
  EXPECT_FALSE(text.leaves("ret", "[R]"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(text.empty());
    EXPECT_FALSE(text.leaves("more", "more")) << "edited once is edited";
  }
  text.clear();
  EXPECT_TRUE(text.leaves("more", "more"));
}

// What may become a data: URL is kept until it is known, and blanks that its readers skip make it no longer.
TEST(stream_bounds, of_what_may_become_an_attachment) {
  const auto note = [](const std::string& text) { return json{{"choices", json::array()}, {"note", text}}; };
  for (const auto& [first, more] : {std::pair<std::string, std::string>{"d", std::string(600, '\n')}, {"data:", std::string(600, 'a')}}) {
    testing::pass_sink sink;
    upstream up(chat, sink);
    ASSERT_TRUE(up.says(note(first)));
    ASSERT_TRUE(up.says(note(more)));
    EXPECT_FALSE(up.says(note(more)));
    EXPECT_EQ(sink.unread_paths, std::vector<std::string>{"note"});
  }
  testing::pass_sink blanks;
  upstream up(chat, blanks);
  EXPECT_EQ(passed(up, 3000, [&](int) { return note(std::string(600, ' ')); }), 3000);
  EXPECT_TRUE(blanks.unread_paths.empty());
  testing::pass_sink many;
  many.passes_unread = true;
  upstream wide(chat, many);
  const auto pictures = [](int n) {
    return json{{"choices", json::array({{{"index", 0}, {"delta", {{"images", json::array({{{"index", n}, {"image_url", {{"url", "data:image/png;base64,iVBORw0KGgo="}}}}})}}}}})}};
  };
  EXPECT_EQ(passed(wide, 2000, pictures), static_cast<int>(limits::unknown_fields));
  EXPECT_NE(wide.reason().find("more attachments than the gateway follows"), std::string::npos) << wide.reason();
}

}  // namespace
}  // namespace sluice::wire
