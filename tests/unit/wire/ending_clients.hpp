// Strict clients: each reads all bytes of a streamed answer in its dialect and complains of whatever an SDK could stumble over, above all
// of how it ended.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "traces.hpp"

namespace sluice::wire::testing {

// How a stream was heard to end. `complaint`: the first thing that is wrong; "" when nothing is.
struct ending {
  std::string complaint;
  bool filtered = false, failed = false;
  std::map<std::string, std::string> texts;  // what each text came to
};

class client {
 public:
  using json = nlohmann::json;
  virtual ~client() = default;
  [[nodiscard]] ending hear(const std::string& bytes) {
    read(bytes);
    if (!end_.failed) last();
    return std::move(end_);
  }

 protected:
  virtual void read(const std::string& bytes) {
    for (const auto& line : lines_of(bytes)) {
      if (line.starts_with(':') || line == "\r") continue;
      if (line.starts_with("event: ")) {
        type_ = line.substr(7);
        continue;
      }
      expect(line.starts_with("data: "), "a line that is none of the framing: " + line);
      if (line.starts_with("data: ")) piece(line.substr(6));
      type_.clear();
    }
  }
  virtual void event(const json& e) = 0;
  virtual void last() = 0;

  void piece(const std::string& data) {
    expect(!over_, "something behind the end: " + data);
    if (data == "[DONE]") return end();
    const auto e = json::parse(data, nullptr, false);
    expect(!e.is_discarded(), "no JSON: " + data);
    if (e.is_discarded()) return;
    if (e.contains("error") && !e["error"].is_null()) return fail(e["error"]);
    event(e);
  }
  void end() { over_ = true; }
  void fail(const json& error) {
    expect(!error.empty(), "an error that says nothing");
    end_.failed = over_ = true;
  }
  void expect(bool held, const std::string& complaint) {
    if (!held && end_.complaint.empty()) end_.complaint = complaint;
  }
  ending end_;
  std::string type_;
  bool over_ = false;
};

// Chat Completions and Completions.
class choices_client final : public client {
 public:
  explicit choices_client(bool chat) : chat_(chat) {}

 private:
  void event(const json& e) override {
    for (const auto& c : e["choices"]) {
      const int n = c["index"];
      // One end may take another's place: that the answer was filtered, when all of it had finished.
      const bool filtered = c["finish_reason"] == "content_filter";
      expect(!finished_.contains(n) || (filtered && begun_ == finished_), "a choice goes on behind its finish");
      if (chat_ && !begun_.contains(n)) expect(c["delta"].contains("role"), "a choice that begins without its role");
      begun_.insert(n);
      const auto& says = chat_ ? c["delta"] : c;
      for (const char* key : {"content", "reasoning_content", "refusal", "text"}) {
        if (says.contains(key) && says[key].is_string()) end_.texts[std::to_string(n) + key] += says[key].get<std::string>();
      }
      for (const auto& call : says.value("tool_calls", json::array())) end_.texts[std::to_string(n) + "call"] += call["function"].value("arguments", "");
      if (!c["finish_reason"].is_string()) continue;
      finished_.insert(n);
      end_.filtered = end_.filtered || filtered;
    }
  }
  void last() override {
    expect(over_, "no [DONE]");
    expect(begun_ == finished_ && !begun_.empty(), "a choice without a finish");
  }
  bool chat_;
  std::set<int> begun_, finished_;
};

class responses_client final : public client {
  void event(const json& e) override {
    expect(e["type"] == type_, "two types of one event");
    const auto number = e["sequence_number"].get<std::int64_t>();
    expect(number > number_, "numbers that do not rise");
    number_ = number;
    const auto type = e["type"].get<std::string>();
    const auto item = e.value("output_index", -1);
    if (type == "response.created") expect(!std::exchange(created_, true), "created twice");
    expect(created_, "an event before response.created");
    if (type == "response.output_item.added") expect(open_.insert(item).second, "an item added twice");
    if (type.ends_with(".delta")) {
      expect(open_.contains(item), "a piece of no item");
      end_.texts[std::to_string(item)] += e["delta"].get<std::string>();
    }
    if (type == "response.output_item.done") {
      expect(open_.erase(item) == 1, "an item ended that is not open");
      ++done_;
      const auto& parts = e["item"].contains("content") && !e["item"]["content"].empty() ? e["item"]["content"] : e["item"].value("summary", json::array());
      for (const auto& part : parts) expect(part["text"] == end_.texts[std::to_string(item)], "an item that says something else than its pieces");
    }
    if (type == "response.completed" || type == "response.incomplete") {
      over_ = true;
      end_.filtered = type == "response.incomplete" && e["response"]["incomplete_details"]["reason"] == "content_filter";
      expect(e["response"]["status"] == type.substr(9), "a status that is not that of its event");
      expect(open_.empty(), "an item without an end");
      expect(e["response"]["output"].size() == done_, "a response without all of its items");
    }
  }
  void last() override { expect(over_, "no end of the response"); }
  std::int64_t number_ = -1;
  std::set<int> open_;
  std::size_t done_ = 0;
  bool created_ = false;
};

class messages_client final : public client {
  void event(const json& e) override {
    expect(e["type"] == type_, "two types of one event");
    if (type_ == "message_start") expect(!std::exchange(started_, true), "started twice");
    expect(started_, "an event before message_start");
    const auto block = e.value("index", -1);
    if (type_ == "content_block_start") expect(open_.insert(block).second && block == next_++, "a block that is open, or out of order");
    if (type_ == "content_block_delta") {
      expect(open_.contains(block), "a piece of no block");
      for (const char* key : {"text", "thinking", "partial_json"}) end_.texts[std::to_string(block)] += e["delta"].value(key, "");
    }
    if (type_ == "content_block_stop") expect(open_.erase(block) == 1, "a block ended that is not open");
    if (type_ == "message_delta") {
      expect(open_.empty(), "an end within a block");
      told_ = true;  // the API may tell more than one; the last counts
      end_.filtered = e["delta"]["stop_reason"] == "refusal";
    }
    if (type_ == "message_stop") over_ = true;
  }
  void last() override { expect(over_ && told_, "no end of the message"); }
  std::set<int> open_;
  int next_ = 0;
  bool started_ = false, told_ = false;
};

class gemini_client final : public client {
 public:
  explicit gemini_client(bool array) : array_(array) {}

 private:
  void read(const std::string& bytes) override {
    if (!array_) return client::read(bytes);
    const auto all = json::parse(bytes, nullptr, false);
    expect(all.is_array(), "no array: " + bytes);
    if (all.is_array()) {
      for (const auto& each : all) piece(each.dump());
    }
  }
  void event(const json& e) override {
    for (const auto& c : e["candidates"]) {
      const int n = c.value("index", 0);
      // The end of the framing ends the answer, so a candidate may be stopped behind its finish.
      expect(!finished_.contains(n) || c.value("finishReason", "") == "SAFETY", "a candidate goes on behind its finish");
      begun_.insert(n);
      for (const auto& part : c.contains("content") ? c["content"]["parts"] : json::array()) {
        end_.texts[std::to_string(n) + (part.value("thought", false) ? "thought" : "")] += part.value("text", "");
      }
      if (!c.contains("finishReason")) continue;
      finished_.insert(n);
      end_.filtered = end_.filtered || c["finishReason"] == "SAFETY";
    }
  }
  void last() override { expect(begun_ == finished_ && !begun_.empty(), "a candidate without a finish"); }
  bool array_;
  std::set<int> begun_, finished_;
};

class ollama_client final : public client {
  void read(const std::string& bytes) override {
    for (const auto& line : lines_of(bytes)) piece(line);
  }
  void event(const json& e) override {
    const auto& says = e.contains("message") ? e["message"] : e;
    for (const char* key : {"content", "thinking", "response"}) {
      if (!says.value(key, "").empty()) end_.texts[key] += says.value(key, "");
    }
    if (!e.value("done", false)) return;
    over_ = true;
    end_.filtered = e["done_reason"] == "content_filter";
  }
  void last() override { expect(over_, "no last line"); }
};

}  // namespace sluice::wire::testing
