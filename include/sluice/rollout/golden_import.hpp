// Golden cases from tables that others wrote: CSV and JSON lines in, cases out, each text once. Pure; files are the caller's.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
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

// How alike two texts are: Jaccard's index of their runs of five characters, case and white space aside. 1: the same.
[[nodiscard]] double likeness(std::string_view a, std::string_view b);

// For each text whether it is like one before it: candidates by MinHash over bands (Broder 1997), then compared exactly.
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
