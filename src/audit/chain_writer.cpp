// See chain_writer.hpp.
#include "chain_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "sluice/base/durable_file.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::audit {
namespace {

// After a sync that failed: how soon a new file is tried, at first and at most.
constexpr milliseconds repair_first{1000}, repair_last{60'000};
// How often the reserve is taken again after it was needed.
constexpr milliseconds reserve_every{10'000};

// Behind `newest` in the order of names, for a clock that is before it now: its name, counted up. As wide however often that happens.
std::string boot_behind(const std::string& newest, const std::string& random) {
  constexpr char mark = '~';  // behind the "z" that older releases put there, one more at each start
  constexpr std::size_t digits = 8;
  const auto counted = newest.find(mark);
  auto stem = newest.substr(0, counted);
  while (counted == std::string::npos && stem.ends_with('z')) stem.pop_back();
  std::uint64_t number = 0;
  if (counted != std::string::npos) std::from_chars(newest.data() + counted + 1, newest.data() + std::min(newest.size(), counted + 1 + digits), number);
  auto next = std::to_string(number + 1);
  next.insert(0, digits - std::min(digits, next.size()), '0');
  return stem + mark + next + random;
}

}  // namespace

chain_writer::~chain_writer() {
  if (fd_ >= 0) ::close(fd_);
}

result<void> chain_writer::open() {
  auto tail = repair_tail(config_.directory, config_.node);
  if (!tail) return std::unexpected(tail.error());
  hash_ = tail->hash;
  sequence_ = tail->sequence;
  counts_.torn_repaired = tail->torn ? 1 : 0;
  // Sorts by time, and two boots in one moment still differ.
  auto stamp = rfc3339(now().wall);
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':' || c == '.'; });
  const auto random = hex(crypto::random_bytes(4));
  counts_.boot = stamp + random;
  if (counts_.boot <= tail->newest_boot) counts_.boot = boot_behind(tail->newest_boot, random);  // a clock that was set back: files are read in the order of their names
  if (config_.signing) checkpoints_.emplace(config_, boot_end{tail->boot, tail->hash, tail->sequence});
  same_ = same_in_all(config_, counts_.boot);
  reserve_.take();
  counts_.reserve_held = reserve_.held();
  return open_file();
}

void chain_writer::add(const record& r) {
  append_record(line_, r, context());
  chain();
}

void chain_writer::add(const control_event& e) {
  standing_.take(e);
  append_event(line_, e, context());
  chain();
}

void chain_writer::restate(const standing_state& now) {
  standing_ = now;
  restate();
}

// For whoever reads this file when those before it are gone.
void chain_writer::restate() {
  if (!standing_.runs()) return;
  append_event(line_, standing_.event(sluice::now().wall), context());
  standing_.append(line_);
  chain();
}

void chain_writer::go_on_in_a_new_file() {
  if (!open_file()) return;
  restate();
  if (batch_.empty()) return;
  write_batch(false);
  file_bytes_ = 0;  // a long one alone is no reason for yet another file
}

// Closes the line that was begun: links it and adds it to the batch.
void chain_writer::chain() {
  link(nullptr);
  if (checkpoints_ && checkpoints_->full()) checkpoint("interval");
}

void chain_writer::checkpoint_when_due(std::string_view kind, bool now) {
  if (checkpoints_ && (now || checkpoints_->due(mono_now()))) checkpoint(kind);
}

void chain_writer::checkpoint(std::string_view kind) {
  checkpoints_->append(line_, kind, sluice::now(), context());
  link(config_.signing.get());
}

void chain_writer::link(const crypto::signing_key* signing) {
  line_.append(",\"prev\":\"").append(hash_).append("\"}");
  if (signing != nullptr) sign_line(line_, *signing);
  hash_ = crypto::sha256_hex(line_);
  batch_.append(line_, 0, line_.size() - 1);
  batch_.append(",\"hash\":\"").append(hash_).append("\"}\n");
  if (signing != nullptr) newest_checkpoint_ = line_.substr(0, line_.size() - 1) + ",\"hash\":\"" + hash_ + "\"}";
  line_.clear();
  ++chained_;
}

void chain_writer::write(bool sync_too, bool makes_room) {
  write_batch(sync_too);
  if (!makes_room || !counts_.full || !reserve_.held()) return;
  reserve_.give();
  reserve_at_ = mono_now() + reserve_every;
  write_batch(sync_too);
}

void chain_writer::write_batch(bool sync_too) {
  const auto done = write_all(fd_, batch_);
  if (done < batch_.size()) {
    write_error_ = errno;
    write_fault_ = std::string("writing the audit log failed: ") + std::strerror(write_error_);
    note_faults();
  }
  file_bytes_ += done;
  batch_.erase(0, done);
  unsynced_ = unsynced_ || done > 0;
  if (!batch_.empty()) return;
  write_fault_.clear();
  written_to_ = sequence_;
  if (sync_too && sync_fault_.empty()) sync();
  note_faults();
  counts_.bytes += done;
  counts_.last_hash = hash_;
  counts_.sequence = sequence_;
  counts_.written = chained_;
}

void chain_writer::keep_up(bool waited_for, bool last) {
  look_beside();
  if (sync_fault_.empty()) {
    if ((unsynced_ || beside_to_ != 0) && waited_for) sync();
    if (sync_fault_.empty() && unsynced_ && mono_now() - synced_ >= config_.interval) sync_beside();
    if (!last && batch_.empty() && file_bytes_ > config_.file_bytes_max) go_on_in_a_new_file();
  } else if (batch_.empty() && (last || mono_now() >= repair_at_)) {
    repair();
  }
  if (batch_.empty() && !reserve_.held() && mono_now() >= reserve_at_) {
    reserve_.take();
    reserve_at_ = mono_now() + reserve_every;
  }
  counts_.reserve_held = reserve_.held();
  if (!batch_.empty() || newest_checkpoint_.empty()) return;
  if (config_.on_checkpoint) config_.on_checkpoint(newest_checkpoint_);
  newest_checkpoint_.clear();
}

void chain_writer::note_faults() {
  const auto& fault = write_fault_.empty() ? sync_fault_ : write_fault_;
  counts_.failed = !fault.empty();
  if (counts_.failed) counts_.failure = fault;
  counts_.full = !write_fault_.empty() && (write_error_ == ENOSPC || write_error_ == EDQUOT);
}

void chain_writer::note_synced() {
  unsynced_ = false;
  synced_ = mono_now();
  synced_to_ = written_to_;
  ++counts_.syncs;
}

// The kernel tells a fault to one of those who sync a file, and the next one hears that all is well: so who syncs here waits for the one beside,
// and goes by what that one heard.
void chain_writer::sync() {
  beside_.wait();
  look_beside();
  if (!sync_fault_.empty()) return;
  if (::fdatasync(fd_) == 0) return note_synced();
  sync_failed(current_file(), errno);
}

// Not in the way of the next records: a disk that takes its time would keep them in memory, where a kill loses them.
void chain_writer::sync_beside() {
  if (beside_to_ != 0) return;  // the one before is under way, or was not looked at
  if (!beside_.begin(fd_)) return sync();  // no descriptor was free for it
  beside_to_ = written_to_;
  beside_file_ = current_file();
  unsynced_ = false;
  synced_ = mono_now();
}

void chain_writer::look_beside() {
  if (beside_.busy()) return;
  const auto to = std::exchange(beside_to_, 0);
  if (const int why = beside_.take_failure(); why != 0) return sync_failed(beside_file_, why);
  if (sync_fault_.empty()) synced_to_ = std::max(synced_to_, to);  // else another was told of the fault, and this one that all is well
}

void chain_writer::sync_failed(const std::string& what, int why) {
  sync_fault_ = "syncing " + what + " failed: " + std::strerror(why) + "; records after " + std::to_string(synced_to_) + " may not survive a crash of the machine";
  postpone_repair();
  ++counts_.sync_failures;
  note_faults();
}

// Goes on in a new file; when that cannot be opened, the one before stays in use.
result<void> chain_writer::open_file() {
  const auto path = config_.directory + "/" + file_name(config_.node, counts_.boot, file_number_ + 1);
  const int next = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (next < 0) return fail(errc::io, "the audit file " + path + " cannot be opened: " + std::strerror(errno));
  if (fd_ >= 0) {
    if (sync_fault_.empty() && (unsynced_ || beside_to_ != 0)) sync();
    ::close(fd_);
  }
  fd_ = next;
  ++file_number_;
  file_bytes_ = 0;
  // The name itself must survive a crash.
  const auto why = sync_folder(config_.directory);
  if (!why) return {};
  sync_failed("the folder " + config_.directory, why.value());
  return fail(errc::io, sync_fault_);
}

// In a new file, because of the old one nobody knows what the disk has. The records in doubt are named in the chain.
void chain_writer::repair() {
  beside_.wait();  // of the old file: what it hears is no fault of the new one
  look_beside();
  if (!open_file()) return postpone_repair();
  add({"unsynced", sluice::now().wall, "", "", "", sync_fault_});
  restate();
  write_batch(false);
  if (!batch_.empty()) return postpone_repair();
  if (::fdatasync(fd_) != 0) return sync_failed(current_file(), errno);
  sync_fault_.clear();
  repair_after_ = milliseconds(0);
  note_synced();
  note_faults();
}

void chain_writer::postpone_repair() {
  repair_after_ = std::clamp(repair_after_ * 2, repair_first, repair_last);
  repair_at_ = mono_now() + repair_after_;
}

}  // namespace sluice::audit
