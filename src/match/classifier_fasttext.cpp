// fastText behind the classifier's interface. Its two layers are linear (a label's score is the softmax of W·mean(rows of the features)),
// so both matrices are multiplied out once, at load: each feature keeps one number for each label, and scoring is a look-up and
// an addition for each word. The library reads and decodes the file, after read_layout() has checked it, and trains
// (classifier_fasttext_training.cpp); tests hold the scores against the library's own.
#include <fasttext/fasttext.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <limits>
#include <numeric>
#include <spanstream>

#include "classifier_kinds.hpp"
#include "classifier_layout.hpp"
#include "classifier_tokens.hpp"

namespace sluice::match {
namespace {

constexpr std::string_view end_of_text = "</s>";
constexpr std::size_t ngrams_max = 5;
constexpr std::uint32_t none = 0xffffffff;

// The library's object, with a door to its matrices.
class library_model : public fasttext::FastText {
 public:
  // The loader of a stream expects that the sign was read.
  [[nodiscard]] bool read(std::istream& in) {
    if (!checkModel(in)) return false;
    loadModel(in);
    return in.good();
  }
  // Row `row` of the input times the output: one number for each label, in the model's order.
  void multiply(std::int64_t row, fasttext::Vector& hidden, std::span<float> out) const {
    hidden.zero();
    hidden.addRow(*input_, row);
    for (std::size_t label = 0; label < out.size(); ++label) out[label] = output_->dotRow(hidden, static_cast<std::int64_t>(label));
  }
};

class fasttext_classifier final : public classifier {
 public:
  // The one place that the library can throw at.
  static result<std::shared_ptr<const classifier>> load(std::string_view bytes, const classifier_limits& limits) {
    auto layout = read_layout(bytes, limits);
    if (!layout) return std::unexpected(layout.error());
    try {
      auto made = std::make_shared<fasttext_classifier>();
      if (auto done = made->build(bytes, *layout); !done) return std::unexpected(done.error());
      return std::shared_ptr<const classifier>(std::move(made));
    } catch (const std::exception& thrown) {
      return fail(errc::parse, std::string("fastText could not read the model file: ") + thrown.what());
    }
  }

  [[nodiscard]] std::span<const std::string> labels() const override { return labels_; }

  [[nodiscard]] std::size_t memory_bytes() const override {
    return (table_.size() + word_sums_.size()) * sizeof(float) + slots_.size() * sizeof(slot) + kept_.size() * sizeof(kept_slot) + word_bytes_.size();
  }

  [[nodiscard]] bool score(const classifier_words& words, scoring_budget& budget, classifier_scratch& scratch,
                           std::vector<label_score>& out) const override;

 private:
  struct slot {
    std::uint32_t hash = 0, word = none;
    std::uint32_t begin = 0;  // of its bytes
    std::uint16_t size = 0, features = 0;
  };
  struct kept_slot {
    std::uint32_t bucket = none, row = 0;
  };
  // What the features of one block add up to. Its sums stand in the scratch.
  struct block {
    std::uint32_t begin = 0, end = 0, features = 0;
  };
  // The hashes of the n-grams that end at the last word, shortest first (Dictionary::addWordNgrams).
  struct ngram_state {
    std::array<std::uint64_t, ngrams_max> hashes{};
    std::size_t length = 0;
  };

  result<void> build(std::string_view bytes, const model_layout& layout);
  void order_labels(const model_layout& layout, std::vector<std::size_t>& places);
  void index_words(const model_layout& layout);
  void index_kept(const model_layout& layout);

  [[nodiscard]] const slot* find_word(std::string_view token, std::uint32_t hash) const {
    for (std::size_t i = hash & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      const auto& s = slots_[i];
      if (s.word == none) return nullptr;
      if (s.hash == hash && std::string_view(word_bytes_).substr(s.begin, s.size) == token) return &s;
    }
  }
  [[nodiscard]] std::size_t first_slot(std::uint32_t bucket) const { return (bucket * 2654435761u >> 8) & (kept_.size() - 1); }
  // The row of a bucket; none when pruning dropped it (Dictionary::pushHash).
  [[nodiscard]] std::uint32_t row_of(std::uint32_t bucket) const {
    if (!pruned_) return words_ + bucket;
    if (kept_.empty()) return none;
    for (std::size_t i = first_slot(bucket);; i = (i + 1) & (kept_.size() - 1)) {
      if (kept_[i].bucket == none) return none;
      if (kept_[i].bucket == bucket) return words_ + kept_[i].row;
    }
  }
  void add(std::span<float> sums, const float* what) const {
    for (std::size_t l = 0; l < sums.size(); ++l) sums[l] += what[l];
  }
  void add_row(std::span<float> sums, std::uint32_t& features, std::uint32_t bucket) const {
    const auto row = row_of(bucket);
    if (row == none) return;
    add(sums, &table_[static_cast<std::size_t>(row) * labels_.size()]);
    ++features;
  }
  void add_subwords(std::string_view token, std::span<float> sums, std::uint32_t& features) const;
  void add_word(std::string_view token, std::uint32_t hash, std::span<float> sums, std::uint32_t& features) const;
  // Calls f(bucket) for each n-gram that ends at this word, longest first.
  template <class F>
  void each_ngram(std::uint32_t hash, ngram_state& ngrams, F&& f) const;
  void add_words(const classifier_words& of, std::span<const classifier_words::word> words, ngram_state& ngrams, std::vector<std::uint32_t>& buckets,
                 std::span<float> sums, std::uint32_t& features) const;
  void judge(std::span<const block> window, const ngram_state& ngrams, std::span<float> sums, std::span<float> work,
             std::vector<label_score>& out) const;

  std::vector<std::string> labels_;
  std::vector<float> table_;       // row × label
  std::vector<float> word_sums_;   // word × label: its row and those of its character n-grams
  std::string word_bytes_;
  std::vector<slot> slots_;
  std::vector<kept_slot> kept_;
  std::uint32_t words_ = 0, bucket_ = 0;
  std::size_t word_ngrams_ = 1, minn_ = 0, maxn_ = 0;
  bool one_vs_all_ = false, pruned_ = false;
};

result<void> fasttext_classifier::build(std::string_view bytes, const model_layout& layout) {
  std::vector<std::size_t> places;
  order_labels(layout, places);
  const auto n = labels_.size();
  if (std::ranges::adjacent_find(labels_) != labels_.end()) return fail(errc::parse, "the model file is damaged: it has a label twice");
  words_ = static_cast<std::uint32_t>(layout.words.size());
  bucket_ = static_cast<std::uint32_t>(layout.bucket);
  word_ngrams_ = static_cast<std::size_t>(layout.word_ngrams);
  minn_ = static_cast<std::size_t>(layout.minn);
  maxn_ = static_cast<std::size_t>(layout.maxn);
  one_vs_all_ = layout.one_vs_all;
  pruned_ = layout.pruned;
  library_model model;
  std::ispanstream in(std::span<const char>(bytes.data(), bytes.size()));
  if (!model.read(in)) return fail(errc::parse, "fastText could not read the model file; train it again");
  table_.resize(static_cast<std::size_t>(layout.rows) * n);
  std::vector<float> row(n);
  fasttext::Vector hidden(layout.dim);
  for (std::int64_t i = 0; i < layout.rows; ++i) {
    model.multiply(i, hidden, row);
    for (std::size_t l = 0; l < n; ++l) {
      if (!std::isfinite(row[l])) return fail(errc::parse, "the model file is damaged: it holds numbers that are none; train it again");
      table_[static_cast<std::size_t>(i) * n + places[l]] = row[l];
    }
  }
  index_kept(layout);
  index_words(layout);
  return {};
}

// places[i]: where the model's label i stands among the sorted ones.
void fasttext_classifier::order_labels(const model_layout& layout, std::vector<std::size_t>& places) {
  std::vector<std::size_t> order(layout.labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return layout.labels[i]; });
  places.resize(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    places[order[i]] = i;
    labels_.emplace_back(layout.labels[order[i]]);
  }
}

void fasttext_classifier::index_words(const model_layout& layout) {
  std::size_t size = 2;
  while (size < layout.words.size() * 2) size *= 2;
  slots_.resize(size);
  const auto n = labels_.size();
  word_sums_.assign(layout.words.size() * n, 0);
  for (std::uint32_t i = 0; i < layout.words.size(); ++i) {
    const auto text = layout.words[i];
    const auto begin = static_cast<std::uint32_t>(word_bytes_.size());
    word_bytes_ += text;
    const auto hash = token_hash(text);
    std::size_t at = hash & (size - 1);
    while (slots_[at].word != none) at = (at + 1) & (size - 1);
    const std::span<float> sums(&word_sums_[i * n], n);
    std::uint32_t features = 1;
    add(sums, &table_[i * n]);
    if (text != end_of_text) add_subwords(text, sums, features);
    const auto narrow = [](std::size_t n) { return static_cast<std::uint16_t>(std::min<std::size_t>(n, 0xffff)); };
    slots_[at] = {hash, i, begin, narrow(text.size()), narrow(features)};
  }
}

void fasttext_classifier::index_kept(const model_layout& layout) {
  if (layout.kept.empty()) return;
  std::size_t size = 2;
  while (size < layout.kept.size() * 2) size *= 2;
  kept_.resize(size);
  for (const auto& [bucket, row] : layout.kept) {
    const auto key = static_cast<std::uint32_t>(bucket);
    std::size_t at = first_slot(key);
    while (kept_[at].bucket != none && kept_[at].bucket != key) at = (at + 1) & (size - 1);
    kept_[at] = {key, static_cast<std::uint32_t>(row)};
  }
}

// Dictionary::computeSubwords: character n-grams of "<token>", a code point at a time.
void fasttext_classifier::add_subwords(std::string_view token, std::span<float> sums, std::uint32_t& features) const {
  if (maxn_ == 0) return;
  const auto byte_at = [&](std::size_t i) { return i == 0 ? '<' : i <= token.size() ? token[i - 1] : '>'; };
  const auto continues = [&](std::size_t i) { return (byte_at(i) & 0xc0) == 0x80; };
  const std::size_t size = token.size() + 2;
  for (std::size_t begin = 0; begin < size; ++begin) {
    if (continues(begin)) continue;
    std::uint32_t h = 2166136261u;
    std::size_t at = begin;
    for (std::size_t n = 1; at < size && n <= maxn_; ++n) {
      do {
        h = (h ^ static_cast<std::uint32_t>(static_cast<std::int8_t>(byte_at(at)))) * 16777619u;
        ++at;
      } while (at < size && continues(at));
      if (n >= minn_ && !(n == 1 && (begin == 0 || at == size))) add_row(sums, features, h % bucket_);
    }
  }
}

void fasttext_classifier::add_word(std::string_view token, std::uint32_t hash, std::span<float> sums, std::uint32_t& features) const {
  if (const auto* known = find_word(token, hash)) {
    add(sums, &word_sums_[static_cast<std::size_t>(known->word) * labels_.size()]);
    features += known->features;
  } else if (token != end_of_text) {
    add_subwords(token, sums, features);
  }
}

template <class F>
void fasttext_classifier::each_ngram(std::uint32_t hash, ngram_state& ngrams, F&& f) const {
  const auto signed_hash = static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(hash)));
  for (std::size_t n = std::min(ngrams.length, word_ngrams_ - 1); n > 0; --n) {
    const auto longer = ngrams.hashes[n - 1] * 116049371u + signed_hash;
    ngrams.hashes[n] = longer;
    f(static_cast<std::uint32_t>(longer % bucket_));
  }
  ngrams.hashes[0] = signed_hash;
  ngrams.length = std::min(ngrams.length + 1, ngrams_max - 1);
}

// The tables are larger than a cache: what will be looked up is asked for first, so that one look-up does not wait for the other.
void fasttext_classifier::add_words(const classifier_words& of, std::span<const classifier_words::word> words, ngram_state& ngrams,
                                    std::vector<std::uint32_t>& buckets, std::span<float> sums, std::uint32_t& features) const {
  buckets.clear();
  auto length = ngrams.length;
  for (const auto& word : words) {
    if (word.size == 0) continue;
    __builtin_prefetch(&slots_[word.hash & (slots_.size() - 1)]);
    each_ngram(word.hash, ngrams, [&](std::uint32_t bucket) {
      if (!kept_.empty()) __builtin_prefetch(&kept_[first_slot(bucket)]);
      buckets.push_back(bucket);
    });
  }
  auto bucket = buckets.begin();
  for (const auto& word : words) {
    if (word.size == 0) continue;
    add_word(of.text(word), word.hash, sums, features);
    for (auto n = std::min(length, word_ngrams_ - 1); n > 0; --n) add_row(sums, features, *bucket++);
    length = std::min(length + 1, ngrams_max - 1);
  }
}

// One window: its blocks and the end of text behind them, as the library sees a line.
void fasttext_classifier::judge(std::span<const block> window, const ngram_state& ngrams, std::span<float> sums,
                                std::span<float> work, std::vector<label_score>& out) const {
  const auto n = labels_.size();
  std::ranges::fill(work, 0.0f);
  std::uint32_t features = 0;
  for (std::size_t b = 0; b < window.size(); ++b) {
    add(work, &sums[b * n]);
    features += window[b].features;
  }
  auto behind = ngrams;
  const auto hash = token_hash(end_of_text);
  add_word(end_of_text, hash, work, features);
  each_ngram(hash, behind, [&](std::uint32_t bucket) { add_row(work, features, bucket); });
  if (features == 0) return;
  float highest = -std::numeric_limits<float>::infinity(), total = 0;
  for (float& each : work) {
    each /= static_cast<float>(features);
    highest = std::max(highest, each);
  }
  for (float& each : work) {
    each = one_vs_all_ ? 1.0f / (1.0f + std::exp(-each)) : std::exp(each - highest);
    total += each;
  }
  for (std::size_t l = 0; l < n; ++l) {
    const float score = one_vs_all_ ? work[l] : work[l] / total;
    if (score > out[l].score) out[l] = {score, window.front().begin, window.back().end};
  }
}

bool fasttext_classifier::score(const classifier_words& words, scoring_budget& budget, classifier_scratch& scratch,
                                std::vector<label_score>& out) const {
  const auto n = labels_.size();
  out.assign(n, {});
  if (std::ranges::all_of(words.words(), [](const auto& each) { return each.size == 0; })) {
    const auto read = std::min(budget.bytes, words.size());
    budget.bytes -= read;
    return read == words.size();
  }
  scratch.sums.assign((window_blocks + 1) * n, 0);
  const std::span<float> all(scratch.sums), work = all.subspan(window_blocks * n);
  std::array<block, window_blocks> blocks{};
  std::size_t count = 0;
  ngram_state ngrams;
  auto left = words.words();
  for (std::size_t at = 0; at < words.size();) {
    if (budget.bytes == 0) return false;
    if (count == window_blocks) {
      std::shift_left(blocks.begin(), blocks.end(), 1);
      std::shift_left(scratch.sums.begin(), scratch.sums.begin() + static_cast<std::ptrdiff_t>(window_blocks * n), static_cast<std::ptrdiff_t>(n));
      --count;
    }
    const std::span<float> sums = all.subspan(count * n, n);
    std::ranges::fill(sums, 0.0f);
    block& here = blocks[count++];
    here = {static_cast<std::uint32_t>(at), 0, 0};
    std::size_t taken = 0;
    for (const std::size_t end = at + block_bytes; at < end && taken < left.size(); ++taken) at = left[taken].behind;
    if (taken == 0) return false;  // read with a smaller budget than this
    add_words(words, left.first(taken), ngrams, scratch.buckets, sums, here.features);
    left = left.subspan(taken);
    here.end = static_cast<std::uint32_t>(at);
    budget.bytes -= std::min(budget.bytes, at - here.begin);
    if (count == window_blocks || at >= words.size()) judge(std::span(blocks).first(count), ngrams, all, work, out);
  }
  return true;
}

}  // namespace

result<std::shared_ptr<const classifier>> load_fasttext(std::string_view bytes, const classifier_limits& limits) { return fasttext_classifier::load(bytes, limits); }

}  // namespace sluice::match
