// Golden cases from tables that others wrote: CSV and JSON lines in, cases out, each text once. Pure; files are the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sluice/base/result.hpp"

namespace sluice::rollout {

struct import_row {
  std::size_t line = 0;                // where it begins
  std::string text;
  std::string request, response;       // JSON lines only: of a row that has them in place of a text
};

// RFC 4180: quoted fields may hold commas, quotes (doubled) and line ends. The first line names the columns.
[[nodiscard]] result<std::vector<import_row>> read_csv(std::string_view bytes, const std::string& column);
// Objects, each with `key` or with `request` and `response`; other keys are ignored. Empty lines are skipped.
[[nodiscard]] result<std::vector<import_row>> read_json_lines(std::string_view bytes, const std::string& key);

// How alike two texts are: Jaccard's index of their runs of five characters, case and white space aside. 1: the same. Of texts of more than 16,384
// different runs it is that of the same sample of both.
[[nodiscard]] double likeness(std::string_view a, std::string_view b);

// Texts in their order: which one before it each is like. Candidates by MinHash over bands (Broder 1997), then compared as above, so that a text
// costs its own length, and not the number of those before it.
class likeness_index {
 public:
  // From 0.1 on. Of texts that are as alike as that, all but one in 800 share a band.
  explicit likeness_index(double alike_min);
  // The number of the first one that the text is like, which stands for it; its own number where there is none.
  std::size_t add(std::string_view text);

 private:
  double alike_min_;
  std::size_t rows_, added_ = 0;
  std::unordered_map<std::size_t, std::vector<std::uint64_t>> kept_;  // runs, by number, of those that stand for themselves
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> by_band_;
};
// For each text whether it is like one before it.
[[nodiscard]] std::vector<bool> near_duplicates(std::span<const std::string> texts, double alike_min);

struct import_options {
  std::string set;
  std::vector<std::string> slices;
  bool as_response = false;            // what `text` stands for
  double alike_min = 0.8;
  unsigned holdout_percent = 0;        // by the text's digest: the same texts each time, whatever stands beside them
  std::vector<std::string> known;      // texts that are in the set already
};
struct imported_cases {
  std::vector<std::string> lines, holdout;  // JSON, without the line end
  std::size_t rows = 0, empty = 0, duplicates = 0;
};
// Ids are the set's name and ten digits of the text's SHA-256.
[[nodiscard]] result<imported_cases> make_cases(std::span<const import_row> rows, const import_options& how);

}  // namespace sluice::rollout
