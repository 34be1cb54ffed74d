// fastText's supervised training and quantisation. The library reads and writes files by name only; memory files stand for them, so
// that nothing is left on a disk. See classifier_training.hpp.
#include <fasttext/fasttext.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "classifier_tokens.hpp"
#include "sluice/match/classifier_training.hpp"
#include "sluice/text/view.hpp"

namespace sluice::match {
namespace {

constexpr std::size_t window_bytes = block_bytes * window_blocks;
constexpr std::size_t label_bytes_max = 64;

class memory_file {
 public:
  memory_file() : fd_(::memfd_create("sluice-classifier", MFD_CLOEXEC)) {}
  ~memory_file() {
    if (fd_ >= 0) ::close(fd_);
  }
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;
  [[nodiscard]] bool open() const { return fd_ >= 0; }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }
  [[nodiscard]] bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno != EINTR) return false;
      if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  [[nodiscard]] std::string read() const {
    std::string out;
    std::array<char, 65536> buffer;
    for (::off_t at = 0;;) {
      const auto n = ::pread(fd_, buffer.data(), buffer.size(), at);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return out;
      out.append(buffer.data(), static_cast<std::size_t>(n));
      at += n;
    }
  }

 private:
  int fd_;
};

bool good_label(std::string_view label) {
  return !label.empty() && label.size() <= label_bytes_max && std::ranges::all_of(label, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// A row as lines for the library: one for each window's worth of its text.
void append_lines(const training_row& row, std::vector<std::string>& lines) {
  text::view view;
  text::make_view(row.text, text::view_kind::folded, view);
  const auto folded = view.text();
  std::string token;
  for (std::size_t at = 0; at < folded.size();) {
    std::string line = "__label__" + row.label;
    const std::size_t begin = at, empty = line.size();
    while (at - begin < window_bytes && next_token(folded, at, token)) {
      if (!token.empty()) line += " " + token;
    }
    // A short rest of a long text says little of what the whole is.
    if (line.size() > empty && (begin == 0 || at - begin >= block_bytes)) lines.push_back(std::move(line) + "\n");
  }
}

result<std::string> make_lines(std::span<const training_row> rows) {
  std::map<std::string, std::size_t> labels;
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!good_label(rows[i].label)) {
      return fail(errc::invalid_argument, "row " + std::to_string(i + 1) + ": a label has 1 to 64 of a-z, 0-9, - and _");
    }
    if (!text::is_valid_utf8(rows[i].text)) return fail(errc::invalid_argument, "row " + std::to_string(i + 1) + ": the text is no UTF-8");
    ++labels[rows[i].label];
    append_lines(rows[i], lines);
  }
  if (labels.size() < 2) return fail(errc::invalid_argument, "the rows have fewer than two labels; a classifier tells at least two apart");
  // Mixed, since training goes in the order of lines, and independent of the order that the rows came in.
  std::ranges::sort(lines, [](const std::string& a, const std::string& b) {
    const auto x = token_hash(a), y = token_hash(b);
    return x != y ? x < y : a < b;
  });
  std::string all;
  for (const auto& line : lines) all += line;
  return all;
}

fasttext::Args arguments(const training_options& options, const std::string& input) {
  fasttext::Args out;
  out.input = input;
  out.model = fasttext::model_name::sup;
  out.loss = fasttext::loss_name::softmax;
  out.dim = options.dim;
  out.epoch = options.epochs;
  out.wordNgrams = options.word_ngrams;
  out.minCount = options.min_count;
  out.minCountLabel = 0;
  out.minn = options.char_ngrams_min;
  out.maxn = options.char_ngrams_max;
  out.bucket = options.buckets;
  out.lr = options.learning_rate;
  out.seed = options.seed;
  out.thread = 1;
  out.verbose = 0;
  return out;
}

// The one place that the library can throw at.
result<std::string> run_library(const training_options& options, const memory_file& input, const memory_file& output,
                                const training_progress& progress) {
  try {
    auto args = arguments(options, input.path());
    fasttext::FastText model;
    bool stopped = false;
    model.train(args, [&](float part, float loss, double, double, std::int64_t) {
      if (stopped || !progress || progress(static_cast<double>(part), static_cast<double>(loss))) return;
      stopped = true;
      model.abort();
    });
    args.qnorm = true;
    args.qout = false;
    args.dsub = 2;
    args.cutoff = options.cutoff;
    args.retrain = false;
    model.quantize(args);
    model.saveModel(output.path());
  } catch (const fasttext::FastText::AbortError&) {
    return fail(errc::closed, "the training was stopped");
  } catch (const std::exception& thrown) {
    return fail(errc::invalid_argument, std::string("fastText could not train: ") + thrown.what());
  }
  return output.read();
}

}  // namespace

result<std::string> train_classifier(std::span<const training_row> rows, const training_options& options, const training_progress& progress) {
  auto lines = make_lines(rows);
  if (!lines) return lines;
  const memory_file input, output;
  if (!input.open() || !output.open() || !input.write(*lines)) {
    return fail(errc::unavailable, std::string("no memory for the training text: ") + std::strerror(errno));
  }
  auto made = run_library(options, input, output, progress);
  if (!made) return made;
  if (auto fine = load_classifier(*made, options.limits); !fine) return std::unexpected(fine.error());
  return made;
}

}  // namespace sluice::match
