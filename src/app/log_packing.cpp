// See log_packing.hpp.
#include "log_packing.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "sluice/audit/packing.hpp"
#include "sluice/base/threads.hpp"
#include "sluice/base/durable_file.hpp"
#include "sluice/http/zstd.hpp"
#include "sluice/telemetry/log.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t piece_bytes = 1u << 18;
constexpr std::chrono::seconds look_every{5};

result<void> pack(const std::string& from, const std::string& to) {
  std::ifstream in(from, std::ios::binary);
  if (!in) return fail(errc::io, "the audit file " + from + " cannot be read");
  // As the log's own files: not for every user of the machine.
  if (const int fd = ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640); fd >= 0) ::close(fd);
  std::ofstream out(to, std::ios::binary | std::ios::trunc);
  http::zstd_encoder encoder;
  std::string piece(piece_bytes, '\0'), packed;
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
    packed.clear();
    if (auto fed = encoder.feed(std::string_view(piece).substr(0, static_cast<std::size_t>(in.gcount())), packed); !fed) return fed;
    out << packed;
  }
  packed.clear();
  if (auto done = encoder.finish(packed); !done) return done;
  out << packed;
  out.close();
  if (in.bad() || !out) return fail(errc::io, "packing " + from + " into " + to + " failed");
  const int fd = ::open(to.c_str(), O_RDONLY | O_CLOEXEC);
  const auto why = fd >= 0 ? sync_file(fd) : std::error_code(errno, std::generic_category());
  if (fd >= 0) ::close(fd);
  return why ? fail(errc::io, "syncing " + to + " failed: " + why.message()) : result<void>();
}

result<void> unpack(const std::string& from, const std::function<bool(std::string_view)>& take) {
  std::ifstream in(from, std::ios::binary);
  if (!in) return fail(errc::io, "the audit file " + from + " cannot be read");
  http::zstd_decoder decoder(http::zstd_frames::one);  // as pack() makes it: nothing hides behind it
  std::string piece(piece_bytes, '\0'), lines;
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
    auto rest = std::string_view(piece).substr(0, static_cast<std::size_t>(in.gcount()));
    for (bool more = !rest.empty(); more;) {
      lines.clear();
      const auto fed = decoder.feed(rest, lines, piece_bytes);
      if (!fed) return fail(fed.error().code, from + ": " + fed.error().message + ": the file was changed");
      if (!take(lines)) return {};
      more = *fed;
    }
  }
  if (!decoder.whole()) return fail(errc::parse, from + ": the end of the packed file is missing");
  return {};
}

}  // namespace

void install_log_packing() { audit::set_packing({.pack = pack, .unpack = unpack}); }

log_tidying::log_tidying(audit::log& to, std::string directory, std::string node, audit::retention rules, std::string key_directory)
    : to_(to), directory_(std::move(directory)), node_(std::move(node)), rules_(rules), erasures_(std::move(key_directory)), thread_(start_thread([this] { run(); })) {}

log_tidying::~log_tidying() {
  {
    const std::scoped_lock hold(lock_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void log_tidying::run() {
  tell_erasures();
  std::unique_lock hold(lock_);
  while (!wake_.wait_for(hold, look_every, [this] { return stopping_; })) {
    hold.unlock();
    look();
    hold.lock();
  }
}

void log_tidying::tell_erasures() {
  const auto news = erasures_.look();
  if (news.empty()) return;
  for (const auto& each : news) to_.event({.kind = "erased", .time = now().wall, .activation = {}, .version = {}, .freshness = {}, .detail = each});
  to_.flush();
  if (!to_.stats().failed) erasures_.told();
}

void log_tidying::look() {
  tell_erasures();
  const auto done = audit::tidy(to_, directory_, node_, rules_, now(), memory_);
  if (!done.removed.empty()) {
    telemetry::log(telemetry::level::info, "old files of the decision log were removed", {{"files", std::to_string(done.removed.size())}, {"last", done.removed.back()}});
  }
  const auto retired = done.begins ? erasures_.retire(rfc3339(*done.begins - audit::asked_before).substr(0, std::string_view("2026-12-01").size())) : 0;
  if (retired && *retired > 0) telemetry::log(telemetry::level::info, "keys of kept text were removed: their records are gone", {{"keys", std::to_string(*retired)}});
  const auto fault = !done.problems.empty() ? done.problems.front() : retired ? std::string() : retired.error().message;
  if (!fault.empty() && fault != told_) telemetry::log(telemetry::level::warn, "the files of the decision log are not tidied", {{"reason", fault}});
  told_ = fault;
}

}  // namespace sluice::app
