// See classifier_layout.hpp.
#include "classifier_layout.hpp"

#include <bit>
#include <cstring>
#include <string>

namespace sluice::match {
namespace {

constexpr std::int32_t magic = 793712314, version = 12;
constexpr std::string_view label_prefix = "__label__";
constexpr std::int32_t dim_max = 512, labels_max = 64, ngrams_max = 5, subword_max = 8, bucket_max = 1 << 22;
constexpr std::size_t word_bytes_max = 256;
constexpr std::int32_t centroids = 256;  // of one sub-quantiser
constexpr std::int32_t softmax = 3, one_vs_all = 4, supervised = 3;
static_assert(std::endian::native == std::endian::little, "fastText writes numbers as the machine has them");

// Takes numbers and bytes from the front; once short, everything reads as zero and `whole` is false.
class reader {
 public:
  explicit reader(std::string_view bytes) : bytes_(bytes) {}
  template <class T>
  T take() {
    T out{};
    if (bytes_.size() - at_ < sizeof out) {
      whole_ = false;
      at_ = bytes_.size();
      return out;
    }
    std::memcpy(&out, bytes_.data() + at_, sizeof out);
    at_ += sizeof out;
    return out;
  }
  void skip(std::uint64_t n) {
    if (bytes_.size() - at_ < n) whole_ = false;
    at_ = whole_ ? at_ + static_cast<std::size_t>(n) : bytes_.size();
  }
  // Up to a zero byte.
  std::string_view word() {
    const auto end = bytes_.find('\0', at_);
    if (end == std::string_view::npos) {
      whole_ = false;
      at_ = bytes_.size();
      return {};
    }
    const auto out = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return out;
  }
  [[nodiscard]] bool whole() const { return whole_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }
  [[nodiscard]] std::size_t at() const { return at_; }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool whole_ = true;
};

std::unexpected<error> cut(const reader& from) {
  return fail(errc::parse, "the model file is cut off: it ends at byte " + std::to_string(from.at()) +
                               ", in the middle of the model; copy or train it again");
}
std::unexpected<error> damaged(const std::string& what) {
  return fail(errc::parse, "the model file is damaged: " + what + "; train it again with sluice classifier train");
}

result<void> read_arguments(reader& from, model_layout& out) {
  out.dim = from.take<std::int32_t>();
  from.skip(3 * sizeof(std::int32_t));  // ws, epoch, minCount
  from.skip(sizeof(std::int32_t));      // neg
  out.word_ngrams = from.take<std::int32_t>();
  const auto loss = from.take<std::int32_t>(), model = from.take<std::int32_t>();
  out.bucket = from.take<std::int32_t>();
  out.minn = from.take<std::int32_t>();
  out.maxn = from.take<std::int32_t>();
  from.skip(sizeof(std::int32_t) + sizeof(double));  // lrUpdateRate, t
  if (!from.whole()) return cut(from);
  if (model != supervised) {
    return fail(errc::invalid_argument, "the model file holds word vectors and no classifier; sluice classifier train makes one");
  }
  if (loss != softmax && loss != one_vs_all) {
    return fail(errc::invalid_argument, "the model was trained with a loss that is not read here; train it with softmax or one-vs-all");
  }
  out.one_vs_all = loss == one_vs_all;
  if (out.dim < 1 || out.dim > dim_max) return damaged("its dimension is " + std::to_string(out.dim));
  if (out.word_ngrams < 1 || out.word_ngrams > ngrams_max) return damaged("its word n-grams are " + std::to_string(out.word_ngrams));
  if (out.maxn < 0 || out.maxn > subword_max || out.minn < 0) return damaged("its character n-grams are out of range");
  const bool hashed = out.word_ngrams > 1 || out.maxn > 0;
  if (out.bucket < (hashed ? 1 : 0) || out.bucket > bucket_max) return damaged("its number of buckets is " + std::to_string(out.bucket));
  return {};
}

result<void> read_entries(reader& from, std::int32_t words, std::int32_t labels, model_layout& out) {
  for (std::int32_t i = 0; i < words + labels; ++i) {
    const auto text = from.word();
    from.skip(sizeof(std::int64_t));  // count
    const auto type = from.take<std::int8_t>();
    if (!from.whole()) return cut(from);
    if (type != (i < words ? 0 : 1)) return damaged("its words and labels are out of order");
    if (text.empty() || text.size() > word_bytes_max) return damaged("it has a word of " + std::to_string(text.size()) + " bytes");
    if (i < words) {
      out.words.push_back(text);
      continue;
    }
    if (!text.starts_with(label_prefix) || text.size() == label_prefix.size()) return damaged("a label has no name");
    out.labels.push_back(text.substr(label_prefix.size()));
  }
  return {};
}

result<void> read_dictionary(reader& from, model_layout& out) {
  const auto size = from.take<std::int32_t>(), words = from.take<std::int32_t>(), labels = from.take<std::int32_t>();
  from.skip(sizeof(std::int64_t));  // ntokens
  const auto pruned = from.take<std::int64_t>();
  if (!from.whole()) return cut(from);
  // An entry takes ten bytes at least, a pair eight: so much for counts that the file cannot hold.
  if (words < 1 || labels < 2 || labels > labels_max || size != words + labels || static_cast<std::size_t>(size) > from.left() / 10 + 1) {
    return damaged("it says it has " + std::to_string(words) + " words and " + std::to_string(labels) + " labels");
  }
  if (auto done = read_entries(from, words, labels, out); !done) return done;
  out.pruned = pruned >= 0;
  if (pruned < -1 || (pruned > 0 && static_cast<std::uint64_t>(pruned) > from.left() / 8)) return cut(from);
  for (std::int64_t i = 0; i < pruned; ++i) {
    const auto bucket = from.take<std::int32_t>(), row = from.take<std::int32_t>();
    if (bucket < 0 || bucket >= out.bucket || row < 0) return damaged("an n-gram points outside of it");
    out.kept.emplace_back(bucket, row);
  }
  return {};
}

// ProductQuantizer::save, for vectors of `dim` numbers. Gives the number of parts, 0 when something is wrong.
std::int32_t read_quantizer(reader& from, std::int64_t dim) {
  const auto has = from.take<std::int32_t>(), parts = from.take<std::int32_t>(), part = from.take<std::int32_t>(),
             last = from.take<std::int32_t>();
  from.skip(static_cast<std::uint64_t>(dim) * centroids * sizeof(float));
  const bool fits = has == dim && parts >= 1 && parts <= dim && part >= 1 && last >= 1 && last <= part &&
                    (static_cast<std::int64_t>(parts) - 1) * part + last == dim;
  return fits ? parts : 0;
}

result<void> read_matrix(reader& from, bool quantised, std::int64_t rows, std::int64_t columns, const char* name) {
  const auto norms = quantised ? from.take<std::int8_t>() : std::int8_t{0};
  if (norms != 0 && norms != 1) return damaged(std::string("a mark of its ") + name + " matrix is neither 0 nor 1");
  const auto m = from.take<std::int64_t>(), n = from.take<std::int64_t>();
  if (!from.whole()) return cut(from);
  if (m != rows || n != columns) {
    return damaged(std::string("its ") + name + " matrix is " + std::to_string(m) + " by " + std::to_string(n) + " and not " +
                   std::to_string(rows) + " by " + std::to_string(columns));
  }
  if (!quantised) {
    from.skip(static_cast<std::uint64_t>(m) * static_cast<std::uint64_t>(n) * sizeof(float));
    return from.whole() ? result<void>{} : cut(from);
  }
  const auto codes = from.take<std::int32_t>();
  if (codes < 0) return damaged(std::string("its ") + name + " matrix has no codes");
  from.skip(static_cast<std::uint64_t>(codes));
  const auto parts = read_quantizer(from, columns);
  if (!from.whole()) return cut(from);
  if (parts == 0 || static_cast<std::int64_t>(codes) != m * parts) return damaged(std::string("the codes of its ") + name + " matrix do not fit");
  if (norms == 1) {
    from.skip(static_cast<std::uint64_t>(m));
    if (read_quantizer(from, 1) != 1 && from.whole()) return damaged(std::string("the norms of its ") + name + " matrix do not fit");
  }
  return from.whole() ? result<void>{} : cut(from);
}

}  // namespace

result<model_layout> read_layout(std::string_view bytes, const classifier_limits& limits) {
  reader from(bytes);
  const auto sign = from.take<std::int32_t>(), format = from.take<std::int32_t>();
  if (!from.whole() || sign != magic) {
    return fail(errc::parse, "the file is no fastText model; sluice classifier train makes one");
  }
  if (format != version) {
    return fail(errc::parse, "the model file is of fastText's format " + std::to_string(format) + ", and this version reads format " +
                                 std::to_string(version) + "; train it again with sluice classifier train");
  }
  model_layout out;
  if (auto done = read_arguments(from, out); !done) return std::unexpected(done.error());
  if (auto done = read_dictionary(from, out); !done) return std::unexpected(done.error());
  const auto words = static_cast<std::int64_t>(out.words.size());
  out.rows = words + (out.pruned ? static_cast<std::int64_t>(out.kept.size()) : out.bucket);
  for (const auto& [bucket, row] : out.kept) {
    if (words + row >= out.rows) return damaged("an n-gram points outside of it");
  }
  if (static_cast<std::uint64_t>(out.rows) * (out.labels.size() + 1) * sizeof(float) > limits.table_bytes_max) {
    return fail(errc::limit, "the model would take more than " + std::to_string(limits.table_bytes_max >> 20) +
                                 " MiB of memory; train it with fewer buckets or a smaller --cutoff");
  }
  const auto quantised = from.take<std::int8_t>();
  if (quantised != 0 && quantised != 1) return damaged("a mark is neither 0 nor 1");
  if (out.pruned && quantised == 0) return damaged("it is pruned but not quantised");
  if (auto done = read_matrix(from, quantised == 1, out.rows, out.dim, "input"); !done) return std::unexpected(done.error());
  const auto output_quantised = from.take<std::int8_t>();
  // FastText::loadModel reads the output as quantised only when the input is.
  if (output_quantised != 0 && (output_quantised != 1 || quantised == 0)) return damaged("a mark of its output matrix is wrong");
  if (auto done = read_matrix(from, output_quantised == 1, static_cast<std::int64_t>(out.labels.size()), out.dim, "output"); !done) {
    return std::unexpected(done.error());
  }
  if (from.left() != 0) return damaged(std::to_string(from.left()) + " bytes stand behind the model");
  return out;
}

}  // namespace sluice::match
