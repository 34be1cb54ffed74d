// Judges for stream tests: one that lets everything through, one that holds the last bytes, one that replaces a word, one that
// blocks at a word. They stand for a policy, not for how one is evaluated.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sluice/wire/dialect.hpp"

namespace sluice::wire::testing {

class pass_sink : public channel_sink {
 public:
  bool judges(role, part_kind) override { return false; }
  std::uint32_t open(role, part_kind kind, bool, std::string name, std::int64_t) override {
    kinds.push_back(kind);
    names.push_back(std::move(name));
    texts.emplace_back();
    return static_cast<std::uint32_t>(texts.size() - 1);
  }
  status feed(std::uint32_t c, std::string_view text, std::string& out) override {
    texts[c] += text;
    out += text;
    return status::released;
  }
  status finish(std::uint32_t, std::string&) override { return status::released; }
  bool passes(const unread& what) override {
    unread_paths.push_back(what.path);
    return passes_unread;
  }
  bool passes_unread = false;
  std::vector<std::string> unread_paths;
  std::vector<std::string> texts;  // what each channel was fed
  std::vector<part_kind> kinds;
  std::vector<std::string> names;
};

// Puts `addition` behind every choice, and keeps what the channels that end with a choice say until then, when `keep` says so.
class adding_sink : public pass_sink {
 public:
  explicit adding_sink(std::string addition, bool keep = false) : addition_(std::move(addition)), keep_(keep) {}
  bool judges(role, part_kind kind) override { return keep_ && kind == part_kind::text; }
  std::uint32_t open(role who, part_kind kind, bool editable, std::string name, std::int64_t choice) override {
    choices.push_back(choice);
    held_.emplace_back();
    return pass_sink::open(who, kind, editable, std::move(name), choice);
  }
  status feed(std::uint32_t c, std::string_view text, std::string& out) override {
    std::string left;
    (void)pass_sink::feed(c, text, left);
    (holds_whole(c) ? held_[c] : out) += left;
    return status::released;
  }
  status finish(std::uint32_t c, std::string& out) override {
    out += std::exchange(held_[c], {});
    return status::released;
  }
  status end(std::uint32_t c, std::string& out) override { return holds_whole(c) ? status::released : finish(c, out); }
  bool keeps_rest(std::uint32_t c) const override { return holds_whole(c) && !held_[c].empty(); }
  void rest(std::uint32_t c, std::string& out) override {
    if (holds_whole(c)) out += rewritten.value_or(std::exchange(held_[c], {}));
    if (holds_whole(c) && rewritten) rewritten = "";
  }
  status closing(std::int64_t choice, bool structured, std::string& addition) override {
    closed.emplace_back(choice, structured);
    if (blocks) return status::blocked;
    if (!structured) addition = addition_;
    return status::released;
  }
  bool adds() const override { return true; }
  std::vector<std::pair<std::int64_t, bool>> closed;  // choices in the order in which they ended, and whether they were structured
  std::vector<std::int64_t> choices;                  // of each channel
  std::optional<std::string> rewritten;               // what the first kept text becomes
  bool blocks = false;

 private:
  [[nodiscard]] bool holds_whole(std::uint32_t c) const { return keep_ && kinds[c] == part_kind::text; }
  std::string addition_;
  bool keep_;
  std::vector<std::string> held_;
};

// Replaces every `word`; holds what could still become it.
class replace_sink : public pass_sink {
 public:
  replace_sink(std::string word, std::string with) : word_(std::move(word)), with_(std::move(with)) {}
  bool judges(role, part_kind) override { return true; }
  status feed(std::uint32_t c, std::string_view text, std::string& out) override {
    texts[c] += text;
    held_.resize(texts.size());
    held_[c] += text;
    return resolve(c, false, out);
  }
  status finish(std::uint32_t c, std::string& out) override {
    held_.resize(texts.size());
    return resolve(c, true, out);
  }
  bool holds(std::uint32_t c) const override { return c < held_.size() && !held_[c].empty(); }
  // Texts of these tests are ASCII, so that a byte is a character.
  std::optional<std::vector<text_edit>> edits(std::uint32_t c) const override {
    std::vector<text_edit> out;
    const auto length = static_cast<std::int64_t>(word_.size());
    for (auto at = texts[c].find(word_); at != std::string::npos; at = texts[c].find(word_, at + word_.size())) {
      out.push_back({static_cast<std::int64_t>(at), static_cast<std::int64_t>(at) + length, static_cast<std::int64_t>(with_.size()), static_cast<std::int64_t>(at), word_, with_});
    }
    return out;
  }

 private:
  status resolve(std::uint32_t c, bool last, std::string& out) {
    auto& h = held_[c];
    for (auto at = h.find(word_); at != std::string::npos; at = h.find(word_, at + with_.size())) h.replace(at, word_.size(), with_);
    std::size_t keep = 0;
    for (std::size_t n = std::min(h.size(), word_.size() - 1); n > 0 && !last; --n) {
      if (h.ends_with(std::string_view(word_).substr(0, n))) {
        keep = n;
        break;
      }
    }
    out += h.substr(0, h.size() - keep);
    h.erase(0, h.size() - keep);
    return status::released;
  }
  std::string word_, with_;
  std::vector<std::string> held_;
};

class block_sink : public pass_sink {
 public:
  explicit block_sink(std::string word) : word_(std::move(word)) {}
  bool judges(role, part_kind) override { return true; }
  status feed(std::uint32_t c, std::string_view text, std::string& out) override {
    (void)pass_sink::feed(c, text, out);
    return texts[c].find(word_) == std::string::npos ? status::released : status::blocked;
  }

 private:
  std::string word_;
};

}  // namespace sluice::wire::testing
