// The spool thread: takes records from the rings, chains and writes them, and syncs in groups.
#include "sluice/audit/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "background_sync.hpp"
#include "checkpoint.hpp"
#include "files.hpp"
#include "format.hpp"
#include "ring.hpp"
#include "sealed_text.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::audit {
namespace {

constexpr std::size_t batch_bytes_max = 1u << 20;
constexpr std::size_t text_waiting_max = 64u << 20;
constexpr std::size_t records_beside = 1024;
// While records come they are formatted in small pieces: a large one would take a processor from the traffic for too long.
constexpr milliseconds drain_every{1};
// After a sync that failed: how soon a new file is tried, at first and at most.
constexpr milliseconds repair_first{1000}, repair_last{60'000};

}  // namespace

struct log::impl {
  log_config config;
  std::vector<std::unique_ptr<ring>> rings;
  std::string boot;
  int fd = -1;
  std::uint32_t file_number = 0;
  std::uint64_t file_bytes = 0;
  std::string hash;
  std::uint64_t sequence = 0, written = 0;  // the spool thread's own; statistics has what is on disk
  same_in_all same;
  std::optional<checkpoint_schedule> checkpoints;  // none: without a key
  std::string batch, line, newest_checkpoint;
  bool unsynced = false;
  mono_time synced{};
  // What a failed sync left in doubt: the kernel may have dropped what it could not write, and says so only once. So no later sync of
  // the same file makes it good; a new file does, which says what may be missing.
  std::uint64_t written_to = 0;                // the last record that is whole in the file
  std::uint64_t synced_to = 0, beside_to = 0;  // of the last sync that went well, and of the one under way
  std::string write_fault, sync_fault;         // what fails at the moment; empty: nothing
  mono_time repair_at{};
  milliseconds repair_after{0};
  background_sync beside;
  std::thread thread;

  mutable std::mutex lock;
  std::condition_variable wake, flushed;
  std::vector<control_event> events;
  std::uint64_t flush_wanted = 0, flush_done = 0;
  bool stopping = false;
  statistics counts;
  std::atomic<bool> failed{false};
  std::atomic<std::size_t> text_waiting{0};
  std::vector<std::unique_ptr<std::atomic<std::uint64_t>>> dropped;  // by producer
  std::uint64_t dropped_told = 0;

  void tell_faults() {
    const auto& fault = write_fault.empty() ? sync_fault : write_fault;
    failed.store(!fault.empty(), std::memory_order_relaxed);
    const std::scoped_lock hold(lock);
    counts.failed = !fault.empty();
    if (counts.failed) counts.failure = fault;
  }

  void sync_failed(const std::string& what, int why) {
    sync_fault = "syncing " + what + " failed: " + std::strerror(why) + "; records after " + std::to_string(synced_to) + " may not survive a crash of the machine";
    repair_after = std::clamp(repair_after * 2, repair_first, repair_last);
    repair_at = mono_now() + repair_after;
    {
      const std::scoped_lock hold(lock);
      ++counts.sync_failures;
    }
    tell_faults();
  }

  // Goes on in a new file; when that cannot be opened, the one before stays in use.
  result<void> open_file() {
    const auto path = config.directory + "/" + file_name(config.node, boot, file_number + 1);
    const int next = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (next < 0) return fail(errc::io, "the audit file " + path + " cannot be opened: " + std::strerror(errno));
    if (fd >= 0) {
      if (sync_fault.empty() && (unsynced || beside.busy())) sync();
      ::close(fd);
    }
    fd = next;
    ++file_number;
    file_bytes = 0;
    // The name itself must survive a crash.
    const int dir = ::open(config.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool named = dir >= 0 && ::fsync(dir) == 0;
    const int why = errno;
    if (dir >= 0) ::close(dir);
    if (named) return {};
    sync_failed("the folder " + config.directory, why);
    return fail(errc::io, sync_fault);
  }

  // In a new file, because of the old one nobody knows what the disk has. The records in doubt are named in the chain.
  void repair() {
    if (!open_file()) return postpone_repair();
    append_event(line, {"unsynced", sluice::now().wall, "", "", "", sync_fault}, context());
    chain();
    write_batch(false);
    if (!batch.empty()) return postpone_repair();
    if (::fdatasync(fd) != 0) return sync_failed(current_file(), errno);
    sync_fault.clear();
    repair_after = milliseconds(0);
    note_synced();
    tell_faults();
  }

  void postpone_repair() {
    repair_after = std::clamp(repair_after * 2, repair_first, repair_last);
    repair_at = mono_now() + repair_after;
  }

  [[nodiscard]] std::string current_file() const { return config.directory + "/" + file_name(config.node, boot, file_number); }

  // Closes the line that append_record began: links it and adds it to the batch.
  void chain() {
    link(nullptr);
    if (checkpoints && checkpoints->full()) checkpoint("interval");
  }

  void checkpoint(std::string_view kind) {
    checkpoints->append(line, kind, sluice::now(), context());
    link(config.signing.get());
  }

  void link(const crypto::signing_key* signing) {
    line.append(",\"prev\":\"").append(hash).append("\"}");
    if (signing != nullptr) sign_line(line, *signing);
    hash = crypto::sha256_hex(line);
    batch.append(line, 0, line.size() - 1);
    batch.append(",\"hash\":\"").append(hash).append("\"}\n");
    if (signing != nullptr) newest_checkpoint = line.substr(0, line.size() - 1) + ",\"hash\":\"" + hash + "\"}";
    line.clear();
    ++written;
  }

  line_context context() { return {config, same, ++sequence}; }

  // Writes the batch; on a full disk keeps it and tries again at the next turn.
  void write_batch(bool now_too) {
    std::size_t done = 0;
    while (done < batch.size()) {
      const auto n = ::write(fd, batch.data() + done, batch.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        write_fault = std::string("writing the audit log failed: ") + std::strerror(errno);
        tell_faults();
        break;
      }
      done += static_cast<std::size_t>(n);
    }
    file_bytes += done;
    batch.erase(0, done);
    unsynced = unsynced || done > 0;
    if (!batch.empty()) return;
    write_fault.clear();
    written_to = sequence;
    if (now_too && sync_fault.empty()) sync();
    tell_faults();
    const std::scoped_lock hold(lock);
    counts.bytes += done;
    counts.last_hash = hash;
    counts.sequence = sequence;
    counts.written = written;
  }

  void note_synced() {
    unsynced = false;
    synced = mono_now();
    synced_to = written_to;
    const std::scoped_lock hold(lock);
    ++counts.syncs;
  }

  void sync() {
    if (::fdatasync(fd) == 0) return note_synced();
    sync_failed(current_file(), errno);
  }

  void look_beside() {
    if (beside.busy()) return;
    const auto to = std::exchange(beside_to, 0);
    if (const int why = beside.take_failure(); why != 0) return sync_failed(current_file(), why);
    synced_to = std::max(synced_to, to);
  }

  // Not in the way of the next records: a disk that takes its time would keep them in memory, where a kill loses them.
  void sync_beside() {
    if (beside_to != 0) return;  // the one before is under way, or was not looked at
    if (!beside.begin(fd)) return sync();  // no descriptor was free for it
    beside_to = written_to;
    unsynced = false;
    synced = mono_now();
  }

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
    for (auto& one : rings) {
      for (record* r = nullptr; batch.size() < batch_bytes_max && (r = one->front()) != nullptr; one->release()) {
        any = true;
        append_record(line, *r, context());
        chain();
        forget(*r);
      }
    }
    return any;
  }

  void note_drops() {
    std::uint64_t now = 0;
    for (const auto& d : dropped) now += d->load(std::memory_order_relaxed);
    if (now == dropped_told) return;
    append_event(line, {"lost", sluice::now().wall, "", "", "", std::to_string(now - dropped_told) + " records did not fit"}, context());
    chain();
    dropped_told = now;
  }

  void run() {
    bool behind = false, busy = false;
    for (bool last = false; !last;) {
      std::vector<control_event> todo;
      std::uint64_t wanted = 0;
      {
        std::unique_lock hold(lock);
        // What did not fit into the last batch does not wait.
        const auto pause = behind ? milliseconds(0) : config.sync == sync_mode::always ? milliseconds(1) : busy ? std::min(drain_every, config.interval) : config.interval;
        wake.wait_for(hold, pause, [&] { return stopping || !events.empty() || flush_wanted != flush_done; });
        todo.swap(events);
        wanted = flush_wanted;
        last = stopping;
      }
      bool more = true;
      while (more && batch.size() < batch_bytes_max) more = drain();
      for (const auto& e : todo) {
        append_event(line, e, context());
        chain();
      }
      note_drops();
      if (last) {
        append_event(line, {"stop", sluice::now().wall, "", "", "", ""}, context());
        chain();
      }
      // What was retired may have been all that was signed.
      const bool retired = std::ranges::any_of(todo, [](const control_event& e) { return e.kind == "retired"; });
      if (checkpoints && (last || retired || checkpoints->due(mono_now()))) checkpoint(last ? "close" : checkpoints->begun() ? "interval" : "boot");
      busy = !batch.empty();
      if (busy) write_batch(config.sync == sync_mode::always || last || wanted != flush_done);
      look_beside();
      if (sync_fault.empty()) {
        if ((unsynced || beside.busy()) && wanted != flush_done) sync();
        if (unsynced && mono_now() - synced >= config.interval) sync_beside();
        if (batch.empty() && file_bytes > config.file_bytes_max) (void)open_file();
      } else if (batch.empty() && (last || mono_now() >= repair_at)) {
        repair();
      }
      if (batch.empty() && !newest_checkpoint.empty()) {
        if (config.on_checkpoint) config.on_checkpoint(newest_checkpoint);
        newest_checkpoint.clear();
      }
      behind = more && batch.empty();
      const std::scoped_lock hold(lock);
      if (batch.empty() && !more) flush_done = wanted;
      flushed.notify_all();
    }
  }
};

log::log(std::unique_ptr<impl> made) : impl_(std::move(made)) {}

result<std::unique_ptr<log>> log::open(log_config config, std::size_t producers, std::size_t beside) {
  std::error_code why;
  std::filesystem::create_directories(config.directory, why);
  if (why) {
    return fail(errc::io, "the audit folder " + config.directory + " cannot be made: " + why.message() + "; choose another audit.directory");
  }
  auto made = std::make_unique<impl>();
  auto& x = *made;
  x.config = std::move(config);
  auto tail = repair_tail(x.config.directory, x.config.node);
  if (!tail) return std::unexpected(tail.error());
  x.hash = tail->hash;
  x.sequence = tail->sequence;
  x.counts.torn_repaired = tail->torn ? 1 : 0;
  // Sorts by time, and two boots in one moment still differ.
  auto stamp = rfc3339(now().wall);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':' || c == '.'; });
  const auto random = crypto::random_bytes(4);
  x.boot = stamp + hex(random);
  if (x.boot <= tail->newest_boot) x.boot = tail->newest_boot + "z";  // a clock that was set back: files are read in the order of their names
  x.counts.boot = x.boot;
  if (x.config.signing) x.checkpoints.emplace(x.config, boot_end{tail->boot, tail->hash, tail->sequence});
  x.same = same_in_all(x.config, x.boot);
  if (auto opened = x.open_file(); !opened) {
    if (x.fd >= 0) ::close(x.fd);
    return std::unexpected(opened.error());
  }
  for (std::size_t i = 0; i < producers + beside; ++i) {
    x.rings.push_back(std::make_unique<ring>(i < producers ? x.config.ring_records : std::min(x.config.ring_records, records_beside)));
    x.dropped.push_back(std::make_unique<std::atomic<std::uint64_t>>(0));
  }
  x.events.push_back({"start", now().wall, "", "", "", tail->torn ? "the torn last line of the boot before was cut off" : ""});
  std::unique_ptr<log> out(new log(std::move(made)));
  out->impl_->thread = std::thread([p = out->impl_.get()] { p->run(); });
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
  if (impl_->fd >= 0) ::close(impl_->fd);
}

bool log::reserve(std::size_t producer, std::size_t records) {
  if (impl_->config.on_full == on_full::drop) return true;
  return !impl_->failed.load(std::memory_order_relaxed) && impl_->rings[producer]->reserve(records);
}

void log::release(std::size_t producer, std::size_t records) {
  if (impl_->config.on_full == on_full::block) impl_->rings[producer]->release_reserved(records);
}

record* log::claim(std::size_t producer, bool reserved) {
  const bool kept = reserved && impl_->config.on_full == on_full::block;
  if (auto* slot = impl_->rings[producer]->claim(kept); slot != nullptr) return slot;
  auto& lost = *impl_->dropped[producer];
  lost.store(lost.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return nullptr;
}

void log::publish(std::size_t producer) {
  auto& to = *impl_->rings[producer];
  to.publish();
  if (to.size() == to.capacity() / 2) impl_->wake.notify_one();
}

bool log::reserve_text(std::size_t bytes) {
  if (impl_->text_waiting.fetch_add(bytes, std::memory_order_relaxed) + bytes <= text_waiting_max) return true;
  impl_->text_waiting.fetch_sub(bytes, std::memory_order_relaxed);
  return false;
}

void log::event(control_event e) {
  {
    const std::scoped_lock hold(impl_->lock);
    impl_->events.push_back(std::move(e));
  }
  impl_->wake.notify_all();
}

void log::flush() {
  std::unique_lock hold(impl_->lock);
  const auto mine = ++impl_->flush_wanted;
  impl_->wake.notify_all();
  impl_->flushed.wait(hold, [&] { return impl_->flush_done >= mine || impl_->stopping || impl_->counts.failed; });
}

log::statistics log::stats() const {
  const std::scoped_lock hold(impl_->lock);
  auto s = impl_->counts;
  s.syncs += impl_->beside.done();
  for (const auto& d : impl_->dropped) s.dropped += d->load(std::memory_order_relaxed);
  return s;
}

}  // namespace sluice::audit
