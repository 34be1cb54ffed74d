// See audit_export.hpp.
#include "audit_export.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "gateway_setup.hpp"
#include "http_call.hpp"
#include "sluice/base/durable_file.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/store/stream_writer.hpp"

namespace sluice::app {
namespace {

using nlohmann::json;

constexpr milliseconds patience{20'000};
constexpr int info = 9, warn = 13;  // severity numbers of OTLP

json attribute(std::string_view key, const std::string& value) { return {{"key", key}, {"value", {{"stringValue", value}}}}; }

json log_record(const json& r, const std::string& line) {
  const auto time = parse_time(word(r, "time")).value_or(wall_time{});
  const bool blocked = word(r, "verdict") == "block";
  json attributes = json::array();
  for (const auto& [name, key] : {std::pair{"id", "sluice.decision"}, {"verdict", "sluice.verdict"}, {"shadow_verdict", "sluice.shadow_verdict"}, {"version", "sluice.version"},
                                  {"activation", "sluice.activation"}, {"reason", "sluice.reason"}, {"boot", "sluice.boot"}}) {
    if (const auto value = word(r, name); !value.empty()) attributes.push_back(attribute(key, value));
  }
  const auto tenant = word(member(r, "context"), "tenant");
  if (!tenant.empty()) attributes.push_back(attribute("sluice.tenant", tenant));
  // With node and boot it names a record for good: who gets one twice can tell.
  attributes.push_back({{"key", "sluice.seq"}, {"value", {{"intValue", std::to_string(natural(r, "seq"))}}}});
  const auto nanoseconds = std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
  return {{"timeUnixNano", nanoseconds}, {"observedTimeUnixNano", nanoseconds}, {"severityNumber", blocked ? warn : info}, {"severityText", blocked ? "WARN" : "INFO"},
          {"eventName", "sluice.audit." + word(r, "event")}, {"body", {{"stringValue", line}}}, {"attributes", attributes}};
}

constexpr std::string_view record_begin = R"({"v":)";

// What stands behind the last newline, and where it begins.
std::string torn_tail(const std::string& path, std::uint64_t size, std::uint64_t& whole) {
  std::ifstream in(path, std::ios::binary);
  std::string piece, tail;
  for (whole = size; whole > 0;) {
    piece.resize(std::min<std::uint64_t>(1u << 16, whole));
    in.seekg(static_cast<std::streamoff>(whole - piece.size()));
    if (!in.read(piece.data(), static_cast<std::streamsize>(piece.size()))) return {};
    const auto at = piece.rfind('\n');
    tail.insert(0, piece, at == std::string::npos ? 0 : at + 1);
    whole -= piece.size() - (at == std::string::npos ? 0 : at + 1);
    if (at != std::string::npos) break;
  }
  return tail;
}

class file_sink final : public record_sink {
 public:
  file_sink(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~file_sink() override {
    if (fd_ != STDOUT_FILENO) ::close(fd_);
  }
  file_sink(const file_sink&) = delete;
  file_sink& operator=(const file_sink&) = delete;
  // A record that an earlier run left in part goes: the next one would be glued to it, and this run sends it again.
  result<void> begin() {
    const auto size = size_now();
    if (!size) return {};
    std::uint64_t whole = 0;
    const auto tail = torn_tail(path_, *size, whole);
    if (tail.empty()) return {};
    const auto begins = std::string_view(tail).substr(0, record_begin.size());
    if (!record_begin.starts_with(begins)) {
      return fail(errc::invalid_argument, path_ + " does not end with a newline, and what it ends with is no record; name another file");
    }
    const auto why = append_whole(fd_, whole, {}, false);
    return why ? fail(errc::io, "cutting the torn record off " + path_ + ": " + why.message()) : result<void>();
  }
  result<void> write(std::span<const std::string> lines) override {
    std::string bytes;
    for (const auto& line : lines) bytes += line + "\n";
    std::error_code why;
    if (const auto size = size_now()) {
      why = append_whole(fd_, *size, bytes, false);
    } else if (write_all(fd_, bytes) != bytes.size()) {
      why = {errno, std::generic_category()};
    }
    return why ? fail(errc::io, "writing " + path_ + ": " + why.message()) : result<void>();
  }
  result<void> finish() override {
    const auto why = size_now() ? sync_file(fd_) : std::error_code();
    return why ? fail(errc::io, "syncing " + path_ + ": " + why.message()) : result<void>();
  }

 private:
  // Of a file; none for what cannot be cut, a pipe.
  [[nodiscard]] std::optional<std::uint64_t> size_now() const {
    struct stat is {};
    if (::fstat(fd_, &is) != 0 || !S_ISREG(is.st_mode)) return std::nullopt;
    return static_cast<std::uint64_t>(is.st_size);
  }
  int fd_;
  std::string path_;
};

class redis_sink final : public record_sink {
 public:
  explicit redis_sink(store::stream_writer to) : to_(std::move(to)) {}
  result<void> write(std::span<const std::string> lines) override {
    std::vector<store::stream_entry> entries;
    for (const auto& line : lines) {
      const auto r = parse_bounded<json>(line, record_bounds);
      if (!r.is_object()) continue;
      entries.push_back({{"node", word(r, "node")}, {"boot", word(r, "boot")}, {"seq", std::to_string(natural(r, "seq"))}, {"event", word(r, "event")}, {"record", line}});
    }
    return to_.append(entries);
  }

 private:
  store::stream_writer to_;
};

class otlp_sink final : public record_sink {
 public:
  explicit otlp_sink(http_request ask) : ask_(std::move(ask)) {}
  result<void> write(std::span<const std::string> lines) override {
    ask_.body = otlp_logs(lines);
    result<void> last;
    for (const auto wait : {std::chrono::seconds(1), std::chrono::seconds(3), std::chrono::seconds(0)}) {
      bool again = false;
      last = once(again);
      if (last || !again) return last;
      std::this_thread::sleep_for(wait);
    }
    return last;
  }

 private:
  // OTLP names the answers after which to try again.
  result<void> once(bool& again) {
    const auto answer = http_call(ask_, patience);
    if (!answer) return again = true, fail(answer.error().code, ask_.url + ": " + answer.error().message);
    again = answer->status == 429 || answer->status == 502 || answer->status == 503 || answer->status == 504;
    if (answer->status != 200) return fail(errc::unavailable, ask_.url + " answered " + std::to_string(answer->status));
    const auto j = parse_bounded<json>(answer->body);
    const auto& partial = member(j, "partialSuccess");
    const auto& rejected = member(partial, "rejectedLogRecords");
    if (rejected.is_null() || rejected == 0 || rejected == "0") return {};
    return fail(errc::refused, ask_.url + " rejected " + rejected.dump() + " records: " + word(partial, "errorMessage"));
  }
  http_request ask_;
};

bool is_redis(const std::string& to) { return to.starts_with("redis://") || to.starts_with("rediss://"); }
bool is_collector(const std::string& to) { return to.starts_with("http://") || to.starts_with("https://"); }

result<std::unique_ptr<record_sink>> open_redis(const export_target& target, const std::string& secret) {
  auto where = store::parse_redis_url(target.to);
  if (!where) return std::unexpected(where.error());
  where->ca_file = target.ca_file;
  if (!secret.empty()) where->password = secret;
  auto writer = store::stream_writer::connect(*where, target.stream, target.stream_max, patience);
  if (!writer) return std::unexpected(writer.error());
  return std::make_unique<redis_sink>(std::move(*writer));
}

}  // namespace

std::string otlp_logs(std::span<const std::string> lines) {
  std::map<std::pair<std::string, std::string>, json> by_node;  // node, engine
  for (const auto& line : lines) {
    const auto r = parse_bounded<json>(line, record_bounds);
    if (r.is_object()) by_node.try_emplace({word(r, "node"), word(r, "engine")}, json::array()).first->second.push_back(log_record(r, line));
  }
  json resources = json::array();
  for (auto& [of, records] : by_node) {
    resources.push_back({{"resource", {{"attributes", {attribute("service.name", "sluice"), attribute("service.instance.id", of.first), attribute("service.version", of.second)}}}},
                         {"scopeLogs", {{{"scope", {{"name", "sluice.audit"}}}, {"logRecords", std::move(records)}}}}});
  }
  return json{{"resourceLogs", std::move(resources)}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string check_export_target(const std::string& to) {
  const auto scheme = to.find("://");
  if (scheme == std::string::npos || is_redis(to) || is_collector(to)) return {};
  return "'" + to.substr(0, scheme + 3) + "' is not known; records go to redis://, rediss://, http:// or https:// (a collector), a file's path, or - (standard output)";
}

result<std::unique_ptr<record_sink>> open_sink(const export_target& target) {
  std::string secret;
  if (!target.token_file.empty()) {
    auto read = read_secret(target.token_file, "--to-token-file");
    if (!read) return std::unexpected(read.error());
    secret = *read;
  }
  if (is_redis(target.to)) return open_redis(target, secret);
  if (is_collector(target.to)) {
    http_request ask{.method = "POST", .url = target.to, .fields = {{"Content-Type", "application/json"}}, .body = {}, .ca_file = target.ca_file};
    if (!secret.empty()) ask.fields.emplace_back("Authorization", "Bearer " + secret);
    return std::make_unique<otlp_sink>(std::move(ask));
  }
  if (target.to == "-") return std::make_unique<file_sink>(STDOUT_FILENO, "standard output");
  const int fd = ::open(target.to.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (fd < 0) return fail(errc::io, "cannot write " + target.to + ": " + std::strerror(errno));
  auto sink = std::make_unique<file_sink>(fd, target.to);
  if (auto begun = sink->begin(); !begun) return std::unexpected(begun.error());
  return sink;
}

}  // namespace sluice::app
