// How commands get from a folder to a snapshot, and how they show what was found on the way.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sluice/match/compiler.hpp"
#include "sluice/policy/breadth.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/policy/golden.hpp"

namespace sluice::app {

// The compiler in a child process and its cache: $XDG_CACHE_HOME/sluice, ~/.cache/sluice, or memory when neither can be
// written.
struct bundle_compiler {
  std::unique_ptr<match::compile_backend> backend;
  std::unique_ptr<policy::shard_cache> cache;
};
[[nodiscard]] bundle_compiler make_bundle_compiler();

struct bundle_input {
  std::string path;
  policy::bundle_source source;
  policy::build_report report;
  policy::breadth breadth = {};
};

// What a bundle is held against: the passes that a node makes too, or all that it must pass before it goes live anywhere.
enum class held_against : unsigned char { passes, harmless_texts };

// Reads and builds; a folder that cannot be read is complained about and gives nothing. `now`: a date for the expiry of
// exceptions, empty for today.
[[nodiscard]] std::optional<bundle_input> build_bundle(const std::string& path, const std::string& now,
                                                       bundle_compiler& with, held_against what = held_against::passes,
                                                       policy::expired_exceptions how = policy::expired_exceptions::refuse);
// The same for commands that need a snapshot: shows what was found and gives nothing when the bundle was refused.
[[nodiscard]] std::optional<bundle_input> need_bundle(const std::string& path, const std::string& now,
                                                      bundle_compiler& with, held_against what = held_against::passes,
                                                      policy::expired_exceptions how = policy::expired_exceptions::refuse);

// A bundle that was published before, built here to hold another against it: exceptions that have expired since are left out. Without a snapshot where it
// is not built here any more.
[[nodiscard]] bundle_input build_published(std::string path, policy::bundle_source source, bundle_compiler& with);

// Diagnostics for people, each with its line of the file and a mark under the column. To stderr.
void show_diagnostics(const bundle_input& input);
void show_diagnostics(const policy::diagnostics& found);  // without their lines
// For an option's check: "" when `text` is a day or a time.
[[nodiscard]] std::string check_day(const std::string& text);

// The bundle's golden cases and those of more files; nothing when one of them cannot be read (it was complained about).
[[nodiscard]] std::optional<std::vector<policy::golden_case>> golden_cases(const bundle_input& input,
                                                                           const std::vector<std::string>& files);
[[nodiscard]] std::optional<std::string> read_whole(const std::string& file, std::size_t bytes_max);
// The first 12 digits of a version.
[[nodiscard]] std::string short_version(const std::string& version);

}  // namespace sluice::app
