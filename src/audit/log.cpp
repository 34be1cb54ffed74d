// The spool thread: takes records from the queues and brings them to the chain's files.
#include "sluice/audit/log.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "sluice/base/threads.hpp"

#include "chain_writer.hpp"
#include "record_queue.hpp"
#include "sealed_text.hpp"

namespace sluice::audit {
namespace {

constexpr std::size_t text_waiting_max = 64u << 20;
constexpr std::size_t records_beside = 1024;
// While records come they are formatted in small pieces: a large one would take a processor from the traffic for too long.
constexpr milliseconds drain_every{1};
// How soon a disk that took nothing is asked again.
constexpr milliseconds retry_every{100};
constexpr std::size_t events_waiting_max = 256;

}  // namespace

struct log::impl {
  impl(log_config from, std::size_t producers, std::size_t beside) : config(std::move(from)), chain(config) {
    for (std::size_t i = 0; i < producers + beside; ++i) {
      queues.push_back(std::make_unique<record_queue>(i < producers ? config.queue_records : std::min(config.queue_records, records_beside)));
    }
    for (std::size_t i = 0; i <= producers + beside; ++i) dropped.push_back(std::make_unique<std::atomic<std::uint64_t>>(0));
  }

  log_config config;
  std::vector<std::unique_ptr<record_queue>> queues;
  chain_writer chain;
  std::uint64_t dropped_told = 0, events_told = 0;  // the spool thread's
  std::thread thread;

  mutable std::mutex lock;
  std::condition_variable wake, flushed;
  std::vector<control_event> events;
  standing_state standing;  // by all events, those among them that did not fit
  bool restates = false;    // some did not fit
  std::uint64_t flush_wanted = 0, flush_done = 0;
  std::uint64_t turns_begun = 0, turns_ended = 0;
  bool stopping = false;
  statistics counts;  // as the last turn left them
  std::atomic<bool> failed{false};
  std::atomic<std::size_t> text_waiting{0};
  std::vector<std::unique_ptr<std::atomic<std::uint64_t>>> dropped;  // by producer; of events, behind them

  // Matched text does not outlive its line.
  void forget(record& r) {
    r.request.findings.clear();
    r.response.findings.clear();
    text_waiting.fetch_sub(text_bytes(r), std::memory_order_relaxed);
    r.request_text.clear();
    r.response_text.clear();
  }

  bool drain() {
    bool any = false;
    for (auto& one : queues) {
      for (record* r = nullptr; chain.room() && (r = one->front()) != nullptr; one->release()) {
        any = true;
        chain.add(*r);
        forget(*r);
      }
    }
    return any;
  }

  void note_drops() {
    std::uint64_t now = 0;
    for (const auto& d : dropped) now += d->load(std::memory_order_relaxed);
    if (now == dropped_told) return;
    const auto of_events = dropped.back()->load(std::memory_order_relaxed);
    const auto some = of_events == events_told ? "" : ", " + std::to_string(of_events - events_told) + std::string(lost_events);
    chain.add({"lost", sluice::now().wall, "", "", "", std::to_string(now - dropped_told) + " records did not fit" + some});
    dropped_told = now;
    events_told = of_events;
  }

  // Under the lock. While the disk takes nothing only what makes room on it goes before the others.
  std::vector<control_event> take_events() {
    if (chain.room()) return std::exchange(events, {});
    std::vector<control_event> out;
    std::erase_if(events, [&](const control_event& e) { return e.kind == "retired" && (out.push_back(e), true); });
    return out;
  }

  // Under the lock, once all events that waited are taken: what they and those that were lost come to.
  std::optional<standing_state> take_standing() {
    if (!restates || !events.empty()) return std::nullopt;
    restates = false;
    return standing;
  }

  // Until something comes, somebody waits, or it is time.
  void wait_for_work(std::unique_lock<std::mutex>& hold, bool behind, bool busy) {
    if (chain.waiting()) {
      wake.wait_for(hold, std::min(retry_every, config.interval), [&] { return stopping; });
      return;
    }
    // What did not fit into the last batch does not wait.
    const auto pause = behind ? milliseconds(0) : config.sync == sync_mode::always ? milliseconds(1) : busy ? std::min(drain_every, config.interval) : config.interval;
    wake.wait_for(hold, pause, [&] { return stopping || !events.empty() || flush_wanted != flush_done || crowded(); });
  }

  [[nodiscard]] bool crowded() const {
    return std::ranges::any_of(queues, [](const auto& each) { return each->size() >= each->capacity() / 2; });
  }

  void run() {
    bool behind = false, busy = false;
    for (bool over = false; !over;) {
      std::vector<control_event> todo;
      std::optional<standing_state> after;
      std::uint64_t wanted = 0;
      bool ending = false;
      {
        std::unique_lock hold(lock);
        wait_for_work(hold, behind, busy);
        todo = take_events();
        after = take_standing();
        wanted = flush_wanted;
        ending = stopping;
        ++turns_begun;
      }
      bool more = true;
      while (more && chain.room()) more = drain();
      for (const auto& e : todo) chain.add(e);
      if (chain.room() || after) note_drops();
      if (after) chain.restate(*after);
      const bool last = ending && !more;
      if (last) chain.add({"stop", sluice::now().wall, "", "", "", ""});
      // What was retired may have been all that was signed.
      const bool retired = std::ranges::any_of(todo, [](const control_event& e) { return e.kind == "retired"; });
      if (last || retired || chain.room()) chain.checkpoint_when_due(last ? "close" : chain.checkpoints_begun() ? "interval" : "boot", last || retired);
      busy = chain.waiting();
      if (busy) chain.write(config.sync == sync_mode::always || last || wanted != flush_done, retired);
      chain.keep_up(wanted != flush_done, last);
      behind = more && !chain.waiting();
      over = last || (ending && chain.waiting());
      end_turn(wanted, more);
    }
  }

  void end_turn(std::uint64_t wanted, bool more) {
    failed.store(chain.counts().failed, std::memory_order_relaxed);
    const std::scoped_lock hold(lock);
    counts = chain.counts();
    if (!chain.waiting() && !more) flush_done = wanted;
    turns_ended = turns_begun;
    flushed.notify_all();
  }
};

log::log(std::unique_ptr<impl> made) : impl_(std::move(made)) {}

result<std::unique_ptr<log>> log::open(log_config config, std::size_t producers, std::size_t beside) {
  std::error_code why;
  std::filesystem::create_directories(config.directory, why);
  if (why) {
    return fail(errc::io, "the audit folder " + config.directory + " cannot be made: " + why.message() + "; choose another audit.directory");
  }
  auto made = std::make_unique<impl>(std::move(config), producers, beside);
  auto& x = *made;
  if (auto opened = x.chain.open(); !opened) return std::unexpected(opened.error());
  x.counts = x.chain.counts();
  x.events.push_back({"start", now().wall, "", "", "", x.counts.torn_repaired != 0 ? "the torn last line of the boot before was cut off" : ""});
  std::unique_ptr<log> out(new log(std::move(made)));
  out->impl_->thread = start_thread([p = out->impl_.get()] { p->run(); });
  out->flush();
  return out;
}

log::~log() {
  {
    const std::scoped_lock hold(impl_->lock);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  if (impl_->thread.joinable()) impl_->thread.join();
}

bool log::reserve(std::size_t producer, std::size_t records) {
  return !impl_->failed.load(std::memory_order_relaxed) && impl_->queues[producer]->reserve(records);
}

void log::release(std::size_t producer, std::size_t records) { impl_->queues[producer]->release_reserved(records); }

record* log::claim(std::size_t producer, bool reserved) {
  if (auto* slot = impl_->queues[producer]->claim(reserved); slot != nullptr) return slot;
  auto& lost = *impl_->dropped[producer];
  lost.store(lost.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return nullptr;
}

void log::publish(std::size_t producer) {
  auto& to = *impl_->queues[producer];
  to.publish();
  if (to.size() >= to.capacity() / 2) impl_->wake.notify_one();
}

bool log::reserve_text(std::size_t bytes) {
  if (impl_->text_waiting.fetch_add(bytes, std::memory_order_relaxed) + bytes <= text_waiting_max) return true;
  impl_->text_waiting.fetch_sub(bytes, std::memory_order_relaxed);
  return false;
}

void log::event(control_event e) {
  {
    const std::scoped_lock hold(impl_->lock);
    impl_->standing.take(e);
    if (impl_->events.size() < events_waiting_max || e.kind == "retired") {  // retention waits for its own, one at a time
      impl_->events.push_back(std::move(e));
    } else {
      impl_->dropped.back()->fetch_add(1, std::memory_order_relaxed);
      impl_->restates = true;
    }
  }
  impl_->wake.notify_all();
}

void log::flush() {
  std::unique_lock hold(impl_->lock);
  const auto mine = ++impl_->flush_wanted;
  const auto begun = impl_->turns_begun;
  impl_->wake.notify_all();
  // A turn that began earlier may not have seen what was pushed.
  impl_->flushed.wait(hold, [&] { return impl_->flush_done >= mine || impl_->stopping || (impl_->counts.failed && impl_->turns_ended > begun); });
}

log::statistics log::stats() const {
  const std::scoped_lock hold(impl_->lock);
  auto s = impl_->counts;
  s.syncs += impl_->chain.synced_beside();
  for (const auto& d : impl_->dropped) s.dropped += d->load(std::memory_order_relaxed);
  return s;
}

}  // namespace sluice::audit
