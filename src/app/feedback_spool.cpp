// See feedback_spool.hpp.
#include "feedback_spool.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "gateway_setup.hpp"
#include "sluice/base/clock.hpp"
#include "sluice/base/threads.hpp"
#include "sluice/base/durable_file.hpp"
#include "sluice/rollout/feedback.hpp"
#include "sluice/store/stream_writer.hpp"
#include "sluice/telemetry/log.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t at_once_max = 256;
constexpr std::uint64_t shrink_bytes = 1u << 20;
constexpr std::uint64_t stream_entries_max = 100'000;
constexpr milliseconds redis_timeout{3000};
constexpr auto look_every = std::chrono::seconds(1), again_after = std::chrono::seconds(5);

// Whole lines from `from` on.
std::vector<std::string> lines_of(const std::string& file, std::uint64_t from, std::size_t lines_max, std::uint64_t& end) {
  std::vector<std::string> out;
  end = from;
  std::ifstream in(file, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(from));
  for (std::string line; out.size() < lines_max && std::getline(in, line) && !in.eof();) {
    end += line.size() + 1;
    out.push_back(std::move(line));
  }
  return out;
}

bool is_label(const std::string& line) {
  const auto entry = rollout::parse_entry(line);
  return entry && entry->what == rollout::feedback_entry::kind::label;
}

// Of whole lines the newest that have room, those of people who looked before those of clients; in their order.
std::vector<std::string> newest(std::vector<std::string> all, std::uint64_t bytes_max) {
  std::vector<bool> label, stays(all.size());
  for (const auto& line : all) label.push_back(is_label(line));
  for (const bool labels : {true, false}) {
    for (std::size_t i = all.size(); i-- > 0;) {
      if (label[i] != labels) continue;
      if (all[i].size() + 1 > bytes_max) break;
      bytes_max -= all[i].size() + 1;
      stays[i] = true;
    }
  }
  std::vector<std::string> out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (stays[i]) out.push_back(std::move(all[i]));
  }
  return out;
}

}  // namespace

feedback_spool::feedback_spool(const std::string& directory, std::optional<store::redis_endpoint> redis, const std::string& ring)
    : file_(directory + "/feedback.jsonl"), sent_file_(directory + "/feedback.sent"), reports_(store::feedback_stream(ring)), labels_(store::label_stream(ring)), redis_(std::move(redis)) {
  open_file();
  if (const auto text = read_file(sent_file_, "the feedback spool")) std::from_chars(text->data(), text->data() + text->size(), sent_);
  if (sent_ > size_) sent_ = 0;  // sent twice is better than not at all
  thread_ = start_thread([this] { run(); });
}

// A last line that a crash tore is cut off: the next one would be glued to it.
void feedback_spool::open_file() {
  std::error_code none;
  const auto size = std::filesystem::file_size(file_, none);
  size_ = none ? 0 : size;
  const auto bytes = size_ == 0 ? result<std::string>() : read_file(file_, "the feedback spool");
  if (!bytes || bytes->size() != size_ || bytes->ends_with('\n') || bytes->empty()) return;
  size_ = bytes->rfind('\n') + 1;  // 0 where there is none
  ++counts_.dropped;
  const bool cut = ::truncate(file_.c_str(), static_cast<off_t>(size_)) == 0;
  telemetry::log(telemetry::level::warn, "the last entry of the feedback spool was written in part, and is lost",
                 {{"file", file_}, {"bytes", std::to_string(size - size_)}, {"cut", cut ? "yes" : std::strerror(errno)}});
}

feedback_spool::~feedback_spool() {
  {
    const std::scoped_lock hold(lock_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool feedback_spool::add(std::string line) {
  {
    const std::scoped_lock hold(lock_);
    const bool has_room = line.size() + (redis_ ? size_ : 0) <= file_bytes_max;  // without Redis what is older makes room
    if (fails_ || queue_.size() >= queue_max || !has_room) {
      ++counts_.dropped;
      return false;
    }
    ++counts_.received;
    queue_.push_back(std::move(line));
  }
  wake_.notify_all();
  return true;
}

std::vector<std::string> feedback_spool::lines() const {
  std::uint64_t end = 0;
  return lines_of(file_, 0, file_bytes_max, end);
}

feedback_spool::counts feedback_spool::stats() const {
  const std::scoped_lock hold(lock_);
  auto out = counts_;
  out.waiting_bytes = size_ - std::min(sent_, size_);
  return out;
}

// Told once, until something else is wrong.
void feedback_spool::tell(const std::string& why) {
  if (why == told_) return;
  told_ = why;
  if (why.empty()) return telemetry::log(telemetry::level::info, "feedback reaches Redis again");
  telemetry::log(telemetry::level::warn, "feedback waits in the state directory", {{"reason", why}});
}

// Somebody took the file away or emptied it: what was in it is gone, and neither its size nor what of it was sent says anything any more.
void feedback_spool::look_at_file() {
  std::error_code none;
  const auto size = std::filesystem::file_size(file_, none);
  if (none && none != std::errc::no_such_file_or_directory) return;  // writing tells
  const std::uint64_t there = none ? 0 : size;
  if (there >= size_) return;
  telemetry::log(telemetry::level::warn, "the feedback spool was taken away or cut by somebody else: it begins anew", {{"file", file_}, {"bytes", std::to_string(size_ - there)}});
  if (const auto kept = replace_file(sent_file_, "0\n"); !kept) tell(kept.error().message);
  const std::scoped_lock hold(lock_);
  open_file();
  sent_ = 0;
}

// The older half of a full file goes, at once, so that not every entry costs that.
void feedback_spool::make_room(std::size_t bytes) {
  if (redis_ || size_ + bytes <= file_bytes_max) return;
  auto all = lines();
  const auto before = all.size();
  std::string kept;
  const auto some = newest(std::move(all), file_bytes_max / 2);
  for (const auto& line : some) kept += line + "\n";
  const auto dropped = before - some.size();
  if (!replace_file(file_, kept, 0600)) return;  // the disk takes nothing: the next write says why
  telemetry::log(telemetry::level::warn, "the feedback spool was full: the oldest entries are gone", {{"file", file_}, {"entries", std::to_string(dropped)}});
  const std::scoped_lock hold(lock_);
  counts_.dropped += dropped;
  size_ = kept.size();
}

// True: all of it is on the disk. Else none is, which is told once.
bool feedback_spool::write(const std::vector<std::string>& some) {
  look_at_file();
  if (some.empty()) return true;
  std::string bytes;
  for (const auto& line : some) bytes += line + "\n";
  make_room(bytes.size());
  const int fd = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const auto why = fd >= 0 ? append_whole(fd, size_, bytes, true) : std::error_code(errno, std::generic_category());
  const bool fine = !why;
  if (fd >= 0) ::close(fd);
  const auto said = fine ? std::string() : why.message();
  if (said != std::exchange(told_of_disk_, said)) {
    if (fine) telemetry::log(telemetry::level::info, "feedback is taken again: " + file_ + " can be written");
    else telemetry::log(telemetry::level::error, "feedback waits in memory, and no more is taken: " + file_ + " cannot be written", {{"reason", said}, {"entries", std::to_string(some.size())}});
  }
  const std::scoped_lock hold(lock_);
  size_ += fine ? bytes.size() : 0;
  fails_ = !fine;
  return fine;
}

// What was answered "accepted" is not given up while the gateway runs.
void feedback_spool::keep(std::vector<std::string> some) {
  const std::scoped_lock hold(lock_);
  std::ranges::move(queue_, std::back_inserter(some));  // came meanwhile
  queue_ = std::move(some);
}

// Labels first: a user of Redis that may not write them yet would have reports sent again and again.
result<void> feedback_spool::send(const std::vector<std::string>& some) {
  for (const bool labels : {true, false}) {
    std::vector<store::stream_entry> entries;
    for (const auto& line : some) {
      if (is_label(line) == labels) entries.push_back({{"entry", line}});
    }
    if (entries.empty()) continue;
    auto writer = store::stream_writer::connect(*redis_, labels ? labels_ : reports_, stream_entries_max, redis_timeout);
    if (!writer) return std::unexpected(writer.error());
    if (const auto done = writer->append(entries); !done) return done;
  }
  return {};
}

// True: nothing is left to send.
bool feedback_spool::forward() {
  if (!redis_) return true;
  for (;;) {
    std::uint64_t end = 0;
    const auto some = lines_of(file_, sent_, at_once_max, end);
    if (some.empty()) break;
    if (const auto done = send(some); !done) return tell(done.error().message), false;
    {
      const std::scoped_lock hold(lock_);
      sent_ = end;
      counts_.forwarded += some.size();
    }
    if (const auto kept = replace_file(sent_file_, std::to_string(sent_) + "\n"); !kept) return tell(kept.error().message), false;
  }
  tell("");
  return empty_file(), true;
}

// What was sent goes, once it is much. That nothing was sent of the empty file is on the disk first: a mark that stayed would hide as much of
// what comes next. After a crash between the two everything is sent again.
void feedback_spool::empty_file() {
  {
    const std::scoped_lock hold(lock_);
    if (sent_ < shrink_bytes || sent_ < size_) return;
  }
  if (const auto kept = replace_file(sent_file_, "0\n"); !kept) return tell(kept.error().message);
  const bool emptied = ::truncate(file_.c_str(), 0) == 0;
  if (!emptied) return tell("emptying " + file_ + " failed: " + std::strerror(errno));
  const std::scoped_lock hold(lock_);
  size_ = sent_ = 0;
}

void feedback_spool::lose(std::size_t entries) {
  telemetry::log(telemetry::level::error, "feedback was lost: " + file_ + " could not be written until the end", {{"entries", std::to_string(entries)}});
  const std::scoped_lock hold(lock_);
  counts_.dropped += entries;
}

void feedback_spool::run() {
  mono_time next{};
  for (;;) {
    std::vector<std::string> some;
    bool last = false;
    {
      std::unique_lock hold(lock_);
      wake_.wait_for(hold, look_every, [this] { return stopping_ || (!queue_.empty() && !fails_); });
      some.swap(queue_);
      last = stopping_;
    }
    const auto entries = some.size();
    const bool written = write(some);
    if (last && !written) lose(entries);
    if (last) return;
    if (!written) keep(std::move(some));
    const auto t = mono_now();
    if (t < next) continue;
    next = forward() ? t : t + again_after;
  }
}

}  // namespace sluice::app
