// See checkpoint_stream.hpp.
#include "sluice/store/checkpoint_stream.hpp"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "sluice/base/threads.hpp"

#include "redis_client.hpp"
#include "ring_layout.hpp"
#include "source.hpp"

namespace sluice::store {
namespace {

constexpr milliseconds timeout{2000};
constexpr milliseconds back_off_min{1000}, back_off_max{5000};  // ± 20 %: a fleet never asks in step
constexpr std::size_t at_once_max = 64;
constexpr std::size_t entries_read_max = 2 * checkpoints_kept;  // Redis cuts it "about" there
constexpr const char* page_entries = "1000";
constexpr std::string_view field_name = "checkpoint";

}  // namespace

checkpoint_sender::checkpoint_sender(redis_endpoint to, const std::string& ring, logger log)
    : to_(std::move(to)), stream_(ring_keys(ring).checkpoints()), log_(std::move(log)) {
  thread_ = start_thread([this] {
    ::pthread_setname_np(::pthread_self(), "checkpoints");
    run();
  });
}

checkpoint_sender::~checkpoint_sender() {
  {
    const std::scoped_lock hold(lock_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void checkpoint_sender::add(std::string line) {
  {
    const std::scoped_lock hold(lock_);
    if (waiting_.size() >= waiting_max) {
      waiting_.pop_front();
      ++counts_.skipped;
    }
    waiting_.push_back(std::move(line));
  }
  wake_.notify_all();
}

void checkpoint_sender::set_reachable(bool is) {
  {
    const std::scoped_lock hold(lock_);
    if (std::exchange(reachable_, is) == is) return;
  }
  wake_.notify_all();
}

checkpoint_sender::counts checkpoint_sender::stats() const {
  const std::scoped_lock hold(lock_);
  auto out = counts_;
  out.waiting = waiting_.size();
  return out;
}

// Told once, until something else is wrong.
void checkpoint_sender::tell(const std::string& why) {
  if (std::exchange(told_, why) == why) return;
  if (why.empty()) return log_("info", "checkpoints of the decision log reach Redis again");
  log_("warn", "checkpoints of the decision log wait for Redis at " + to_.display() + ": " + why);
}

result<void> checkpoint_sender::send(const std::vector<std::string>& some) {
  if (!writer_) {
    auto made = stream_writer::connect(to_, stream_, checkpoints_kept, timeout);
    if (!made) return std::unexpected(made.error());
    writer_.emplace(std::move(*made));
  }
  std::vector<stream_entry> entries;
  for (const auto& line : some) entries.push_back({{std::string(field_name), line}});
  auto done = writer_->append(entries);
  if (!done) writer_.reset();  // it may be another server's turn
  return done;
}

void checkpoint_sender::run() {
  milliseconds back_off{0};  // none: the last attempt went well
  for (;;) {
    std::vector<std::string> some;
    bool last = false;
    {
      std::unique_lock hold(lock_);
      if (back_off.count() != 0) wake_.wait_for(hold, jittered(back_off), [this] { return stopping_; });
      wake_.wait(hold, [this] { return stopping_ || (reachable_ && !waiting_.empty()); });
      last = stopping_;
      some.assign(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), at_once_max)));
    }
    if (some.empty()) return;
    // A connection that was closed while nobody wrote shows now: that is no reason to wait.
    const bool was_open = writer_.has_value();
    auto done = send(some);
    if (!done && was_open) done = send(some);
    back_off = done ? milliseconds(0) : std::clamp(back_off * 2, back_off_min, back_off_max);
    tell(done ? "" : done.error().message);
    const std::scoped_lock hold(lock_);
    if (!done && last) return;
    if (!done) continue;
    counts_.sent += some.size();
    // What was skipped meanwhile were the first of these.
    for (const auto& line : some) {
      if (!waiting_.empty() && waiting_.front() == line) waiting_.pop_front();
    }
  }
}

result<kept_checkpoints> read_checkpoints(const redis_endpoint& from, const std::string& ring, milliseconds wait) {
  kept_checkpoints out{.stream = ring_keys(ring).checkpoints(), .entries = {}, .added = {}};
  auto redis = redis_client::connect(from, wait);
  if (!redis) return std::unexpected(redis.error());
  // How many were added is asked before what is there: entries that come meanwhile are no riddle.
  const auto about = redis->command({"XINFO", "STREAM", out.stream});
  if (!about && about.error().code != errc::refused) return std::unexpected(about.error());
  for (std::size_t i = 0; about && i + 1 < about->items.size(); i += 2) {
    if (about->items[i].text == "entries-added") out.added = static_cast<std::uint64_t>(about->items[i + 1].integer);
  }
  for (std::string end = "+"; out.entries.size() < entries_read_max;) {
    const auto page = redis->command({"XREVRANGE", out.stream, end, "-", "COUNT", page_entries});
    if (!page) return std::unexpected(page.error());
    if (page->items.empty()) break;
    for (const auto& each : page->items) {
      if (each.items.size() != 2) return fail(errc::parse, "Redis gave no entries for stream " + out.stream);
      out.entries.push_back({each.items[0].text, each.items[1].field(field_name)});
    }
    end = "(" + out.entries.back().id;
  }
  std::ranges::reverse(out.entries);
  return out;
}

}  // namespace sluice::store
