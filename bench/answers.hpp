// Harmless answers as a model sends them, and the bundle that they are held against: what the hold-back measurements share.
#pragma once

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "events.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/store/directory.hpp"
#include "sluice/text/json.hpp"

namespace sluice::bench {

// Of a file with one {"text": …} a line.
inline std::vector<std::string> texts_of(const char* path) {
  std::vector<std::string> out;
  std::ifstream in(path);
  text::json::document line;
  for (std::string l; std::getline(in, l);) {
    if (!line.parse(l, 8)) continue;
    if (const auto t = line.member(0, "text"); t != text::json::none) out.emplace_back(line[t].text);
  }
  return out;
}

// The bundle in a folder, built whole. Without a snapshot what was wrong is on standard error.
inline policy::build_report built_from(const char* folder, match::compile_backend& backend, policy::shard_cache& cache) {
  const auto source = store::load_directory(folder, {});
  if (!source) {
    std::fprintf(stderr, "%s\n", source.error().message.c_str());
    return {};
  }
  auto out = policy::build(*source, now().wall, backend, cache);
  if (out.snapshot == nullptr) std::fprintf(stderr, "%s", policy::to_text(out.found).c_str());
  return out;
}

// The same rules with every one off but `id`.
inline policy::bundle_ast only(const policy::bundle_ast& bundle, std::string_view id) {
  auto out = bundle;
  for (auto& p : out.policies) {
    p.variants.clear();
    for (auto& r : p.rules) {
      if (r.id != id) r.enforcement = policy::enforcement::off;
    }
  }
  return out;
}

}  // namespace sluice::bench
