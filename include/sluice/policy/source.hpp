// A bundle's files as bytes, and the version that names them. Where they come from (folder, Redis) is store's matter.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sluice/base/result.hpp"

namespace sluice::policy {

// What a file in a bundle is for. Only `decides` files count into the version; golden sets have a digest of their own.
enum class file_class : unsigned char { decides, golden, other };
// bundle.yaml, *.yaml/*.yml/*.json anywhere but under golden/ and docs decide; models/* decide; golden/*.jsonl are golden.
[[nodiscard]] file_class classify_file(const std::string& path);

struct source_file {
  std::string path;    // plain: wrong_with_path; sorted in a bundle
  std::string bytes;
  std::string sha256;  // 64 hex digits of bytes
};

struct bundle_source {
  std::vector<source_file> files;  // sorted by path; `decides` and `golden` files
};

// What is wrong with the path of a bundle's file, as the end of a sentence; "" when it is plain: relative, '/' separated, no empty part, no "." or "..", no
// backslash and no control character. Whoever reads files from outside asks this: with NUL and a line feed in a path, one file could spell the lines of two
// in the list that names the version.
[[nodiscard]] std::string_view wrong_with_path(std::string_view path);
[[nodiscard]] source_file make_source_file(std::string path, std::string bytes);
// SHA-256 (hex) over the canonical list "path\0sha256\n" of the files that decide, in path order.
[[nodiscard]] std::string version_of(const bundle_source& source);
// Whether it is written as one: 64 digits. What comes from outside may be anything.
[[nodiscard]] bool is_version(std::string_view text);
[[nodiscard]] std::string golden_digest_of(const bundle_source& source);

}  // namespace sluice::policy
