// Judges for stream tests: one that lets everything through, one that holds the last bytes, one that replaces a word, one that
// blocks at a word. They stand for a policy, not for how one is evaluated.
#pragma once

#include <string>
#include <vector>

#include "sluice/wire/dialect.hpp"

namespace sluice::wire::testing {

class pass_sink : public channel_sink {
 public:
  bool judges(role, part_kind) override { return false; }
  std::uint32_t open(role, part_kind kind, bool, std::string name) override {
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
