// Streams of any dialect as traces, and the recordings that tests find: SLUICE_FIXTURES, or ../shared/fixtures beside the sources.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "sinks.hpp"

namespace sluice::wire::testing {

struct trace {
  std::string out;
  response_stream::status last = response_stream::status::ok;  // of what came
  bool whole = true;  // false: its end is missing, and what was held then did not leave
};

// The bytes of an answer in the pieces that `cuts` makes, judged by `sink`, ended as the proxy ends it; one that broke off is left as it is.
inline trace run(const dialect& speaks, std::string_view method_path, const std::string& request_body, std::string_view bytes, const std::vector<std::size_t>& cuts,
                 channel_sink& sink, std::string_view message = {}) {
  using status = response_stream::status;
  const auto to = speaks.classify("POST", method_path);
  const auto request = speaks.read_request(to, request_body, 64);
  const auto stream = speaks.open_stream(to, **request, 64);
  trace t;
  std::size_t at = 0;
  const auto feed = [&](std::size_t end) {
    if (t.last == status::ok) t.last = stream->feed(bytes.substr(at, end - at), sink, t.out);
    at = end;
  };
  for (const auto c : cuts) feed(c);
  feed(bytes.size());
  if (t.last == status::ok) t.last = stream->end(true, sink, t.out);
  if (t.last == status::broken_off) t.whole = false, t.last = status::ok;
  if (t.last == status::blocked || t.last == status::unreadable) stream->cut(message, t.out);
  return t;
}

inline std::vector<std::size_t> random_cuts(std::mt19937& rng, std::size_t size) {
  std::vector<std::size_t> out;
  for (std::size_t at = rng() % 40; at < size; at += 1 + rng() % 400) out.push_back(at);
  return out;
}

inline std::vector<std::pair<std::string, std::string>> fixture_files() {
  namespace fs = std::filesystem;
  const char* env = std::getenv("SLUICE_FIXTURES");
  const fs::path root = env != nullptr ? fs::path(env) : fs::path(SLUICE_SOURCE_DIR) / "../shared/fixtures";
  std::vector<std::pair<std::string, std::string>> out;
  std::error_code why;
  for (fs::recursive_directory_iterator it(root, why), end; !why && it != end; it.increment(why)) {
    if (!it->is_regular_file()) continue;
    std::ifstream in(it->path(), std::ios::binary);
    out.emplace_back(it->path().string(), std::string{std::istreambuf_iterator<char>(in), {}});
  }
  return out;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::size_t at = 0;
  while (at < text.size()) {
    const auto stop = std::min(text.find('\n', at), text.size());
    if (stop > at) out.push_back(text.substr(at, stop - at));
    at = stop + 1;
  }
  return out;
}

}  // namespace sluice::wire::testing
