// See log_sources.hpp.
#include "log_sources.hpp"

#include <CLI/CLI.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gateway_setup.hpp"
#include "http_call.hpp"
#include "sluice/app/command.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr milliseconds patience{20'000};

struct admin_port {
  std::string url, token, ca_file;

  result<std::string> get(const std::string& path) const {
    http_request ask{.method = "GET", .url = url + path, .fields = {}, .body = {}, .ca_file = ca_file};
    if (!token.empty()) ask.fields.emplace_back("Authorization", "Bearer " + token);
    auto answer = http_call(ask, patience);
    if (!answer) return fail(answer.error().code, url + ": " + answer.error().message);
    if (answer->status == 401) return fail(errc::refused, url + " wants its token: give --token-file");
    if (answer->status != 200) return fail(errc::unavailable, url + path + " answered " + std::to_string(answer->status) + "; is it the admin port of a gateway of this release?");
    return std::move(answer->body);
  }
};

// Up to the size that the listing had: what is written meanwhile belongs to a later look, and the chain ends at a whole line.
result<void> copy_file(const admin_port& from, const std::string& name, std::uint64_t bytes, const fs::path& to) {
  std::ofstream out(to, std::ios::binary);
  for (std::uint64_t at = 0; at < bytes;) {
    auto piece = from.get("/v1/audit/file?name=" + name + "&offset=" + std::to_string(at));
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) return fail(errc::io, from.url + " has less of " + name + " than it listed; was it changed meanwhile? ask again");
    piece->resize(std::min<std::size_t>(piece->size(), bytes - at));
    out << *piece;
    at += piece->size();
  }
  out.close();
  if (!out) return fail(errc::io, "cannot write " + to.string());
  return {};
}

result<void> copy_log(const admin_port& from, const fs::path& to) {
  const auto listing = from.get("/v1/audit/files");
  if (!listing) return std::unexpected(listing.error());
  const auto j = parse_bounded<json>(*listing);
  const auto files = j.is_object() ? j.find("files") : j.end();
  if (!j.is_object() || files == j.end() || !files->is_array()) return fail(errc::parse, from.url + " does not list audit files");
  for (const auto& file : *files) {
    const auto name = word(file, "name");
    // A listing is another machine's word: a name that leads out of the folder is none.
    if (name.empty() || name.find('/') != std::string::npos || name.starts_with('.')) return fail(errc::refused, from.url + " lists a file whose name is none");
    if (auto done = copy_file(from, name, natural(file, "bytes"), to / name); !done) return done;
  }
  return {};
}

bool is_url(const std::string& place) { return place.starts_with("http://") || place.starts_with("https://"); }

}  // namespace

void add_from(CLI::App& command, log_options& options) {
  command.add_option("--from", options.from, "A folder of audit files, or the URL of a gateway's admin port; may be given for several nodes")->required();
  add_admin_options(command, options.token_file, options.ca_file);
}

void add_admin_options(CLI::App& command, std::string& token_file, std::string& ca_file) {
  command.add_option("--token-file", token_file, "For URLs: the file with the admin ports' token");
  command.add_option("--ca-file", ca_file, "For https URLs: certificates to trust");
}

bool add_token(http_request& ask, const std::string& token_file) {
  if (token_file.empty()) return true;
  auto token = read_secret(token_file, "--token-file");
  if (!token) return complain(token.error().message), false;
  ask.fields.emplace_back("Authorization", "Bearer " + *token);
  return true;
}

std::optional<log_sources> log_sources::open(const log_options& options) {
  log_sources out;
  admin_port port{.url = {}, .token = {}, .ca_file = options.ca_file};
  if (!options.token_file.empty()) {
    auto token = read_secret(options.token_file, "--token-file");
    if (!token) return complain(token.error().message), std::nullopt;
    port.token = *token;
  }
  for (const auto& place : options.from) {
    if (!is_url(place)) {
      const auto files = audit::stored_files(place);
      if (!files) return complain(files.error().message), std::nullopt;
      // A misspelt folder must not read like a log in which nothing is found.
      if (files->empty()) return complain(place + " holds no decision log: no file there has a name that gateways give (NODE-BOOT-000001.jsonl)", "is it audit.directory of the gateway's configuration?"), std::nullopt;
      out.folders_.push_back(place);
      continue;
    }
    if (out.copies_.empty()) {
      const auto random = crypto::random_bytes(12);
      auto name = fs::temp_directory_path() / ("sluice-audit-" + hex(random));
      std::error_code why;
      if (!fs::create_directory(name, why)) return complain("no temporary folder can be made in " + fs::temp_directory_path().string()), std::nullopt;
      out.copies_ = std::move(name);
      fs::permissions(out.copies_, fs::perms::owner_all, why);
    }
    const auto folder = out.copies_ / std::to_string(out.folders_.size());
    fs::create_directory(folder);
    port.url = place.ends_with('/') ? place.substr(0, place.size() - 1) : place;
    if (auto done = copy_log(port, folder); !done) return complain(done.error().message), std::nullopt;
    out.folders_.push_back(folder.string());
  }
  return out;
}

log_sources::log_sources(log_sources&& other) noexcept : folders_(std::move(other.folders_)), copies_(std::exchange(other.copies_, {})) {}

log_sources::~log_sources() {
  std::error_code ignored;
  if (!copies_.empty()) fs::remove_all(copies_, ignored);
}

}  // namespace sluice::app
