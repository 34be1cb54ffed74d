// Which files of a bundle count, and the digests that name it.
#include "sluice/policy/source.hpp"

#include <algorithm>

#include "sluice/crypto/digest.hpp"

namespace sluice::policy {
namespace {

std::string digest_of(const bundle_source& source, file_class wanted) {
  crypto::sha256_stream stream;
  for (const source_file& file : source.files) {
    if (classify_file(file.path) != wanted) continue;
    stream.update(file.path);
    stream.update(std::string_view("\0", 1));
    stream.update(file.sha256);
    stream.update("\n");
  }
  const crypto::digest digest = stream.finish();
  std::string out;
  out.reserve(64);
  constexpr std::string_view digits = "0123456789abcdef";
  for (const unsigned char byte : digest) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

}  // namespace

file_class classify_file(const std::string& path) {
  const std::string_view name = path;
  const auto ends = [&](std::string_view suffix) { return name.size() > suffix.size() && name.ends_with(suffix); };
  if (name.starts_with("golden/")) return ends(".jsonl") ? file_class::golden : file_class::other;
  if (name.starts_with("docs/")) return file_class::other;
  if (name.starts_with("models/")) return file_class::decides;
  if (ends(".yaml") || ends(".yml") || ends(".json")) return file_class::decides;
  return file_class::other;
}

std::string_view wrong_with_path(std::string_view path) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (path.empty()) return "its path is empty";
  if (path.starts_with('/')) return "its path is not relative";
  if (path.contains('\\') || std::ranges::any_of(path, is_control)) return "its path holds a sign that no path of a bundle has";
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    const auto part = path.substr(at, end - at);
    if (part.empty() || part == "." || part == "..") return "its path is not plain";
    at = end + 1;
  }
  return {};
}

source_file make_source_file(std::string path, std::string bytes) {
  std::string digest = crypto::sha256_hex(bytes);
  return {.path = std::move(path), .bytes = std::move(bytes), .sha256 = std::move(digest)};
}

bool is_version(std::string_view text) { return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos; }

std::string version_of(const bundle_source& source) { return digest_of(source, file_class::decides); }
std::string golden_digest_of(const bundle_source& source) { return digest_of(source, file_class::golden); }

}  // namespace sluice::policy
