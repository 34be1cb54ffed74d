// See vault.hpp. Two round trips for a batch of questions: read every conversation's entries, then write what is new.
#include "sluice/store/vault.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include <pthread.h>

#include "redis_client.hpp"
#include "vault_entries.hpp"

namespace sluice::store {
namespace {

constexpr std::size_t batch_max = 64;
constexpr milliseconds back_off_first{100}, back_off_max{2000};

// KEYS: the conversation. ARGV: ms that it has to live, entries that it may have, how many pairs of field and entry to write, those pairs,
// and pairs that are over. What is over goes only while it is the entry that was read: another node may have renewed it since.
constexpr std::string_view write_script =
    "local key, sets, room = KEYS[1], tonumber(ARGV[3]), 1 "
    "for i = 4 + 2 * sets, #ARGV, 2 do if redis.call('HGET', key, ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', key, ARGV[i]) end end "
    "local count = redis.call('HLEN', key) "
    "for i = 4, 3 + 2 * sets, 2 do "
    "if redis.call('HEXISTS', key, ARGV[i]) == 0 then count = count + 1 end "
    "if count > tonumber(ARGV[2]) then room = 0 break end "
    "redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end "
    "local lives = tonumber(ARGV[1]) "
    "if lives > 0 and redis.call('PTTL', key) < lives then redis.call('PEXPIRE', key, ARGV[1]) end "
    "return room";

struct asked {
  unsigned worker = 0;
  std::uint64_t ticket = 0;
  policy::vault_question question;
  std::size_t bytes = 0;
  policy::vault_answer answer = {};
  bool refused = false;  // by Redis, or by a bound
};

std::size_t bytes_of(const policy::vault_question& q) {
  std::size_t out = q.tenant.size() + q.conversation.size();
  for (const auto& each : q.keep) out += each.token.size() + each.value.size();
  return out;
}

}  // namespace

struct vault::impl {
  impl(vault_config c, callbacks to) : config(std::move(c)), calls(std::move(to)), entries(config.ring, config.secret) {}

  const vault_config config;
  const callbacks calls;
  const vault_entries entries;

  mutable std::mutex mutex;  // what follows, until the next blank line; held for a push or a look, never over a call to Redis
  std::condition_variable wake;
  std::deque<asked> waiting;
  std::size_t waiting_bytes = 0;
  bool away = true, stopping = false;
  figures counted;

  // The thread's own.
  std::optional<redis_client> redis;
  milliseconds back_off{0};
  std::string complained;  // what the log was told last
  std::thread thread;

  void complain(const std::string& what) {
    if (std::exchange(complained, what) != what) calls.log("warn", what);
  }

  [[nodiscard]] bool connect() {
    auto made = redis_client::connect(config.redis, config.timeout);
    if (!made) {
      go_away(made.error());
      return false;
    }
    redis = std::move(*made);
    back_off = milliseconds(0);
    if (!std::exchange(complained, {}).empty()) calls.log("info", "the vault is reached again");
    const std::lock_guard lock(mutex);
    away = false;
    return true;
  }

  void go_away(const error& why) {
    redis.reset();
    back_off = std::clamp(back_off * 2, back_off_first, back_off_max);
    complain("the vault in Redis at " + config.redis.display() + " cannot be reached: " + why.message +
             "; exchanges do what on_vault_unavailable of their rules says");
    std::deque<asked> dropped;
    {
      const std::lock_guard lock(mutex);
      away = true;
      dropped.swap(waiting);
      waiting_bytes = 0;
    }
    for (auto& each : dropped) {
      each.refused = true;
      tell(each);
    }
  }

  void tell(asked& each) {
    each.answer.available = !each.refused;
    {
      const std::lock_guard lock(mutex);
      counted.unavailable += each.refused ? 1 : 0;
      counted.recalled += each.answer.values.size();
    }
    calls.answered(each.worker, each.ticket, std::move(each.answer));
  }

  // Waits for questions, or, while Redis is away, for the time of the next attempt. False: stop.
  [[nodiscard]] bool take(std::vector<asked>& batch) {
    std::unique_lock lock(mutex);
    while (!stopping && waiting.empty()) {
      if (!away) {
        wake.wait(lock);
        continue;
      }
      if (wake.wait_for(lock, back_off, [this] { return stopping; })) break;
      lock.unlock();
      (void)connect();
      lock.lock();
    }
    if (stopping) return false;
    while (!waiting.empty() && batch.size() < batch_max) {
      waiting_bytes -= waiting.front().bytes;
      batch.push_back(std::move(waiting.front()));
      waiting.pop_front();
    }
    return true;
  }

  void run() {
    std::vector<asked> batch;
    while (take(batch)) {
      auto done = serve(batch);
      // A connection that Redis closed while nobody asked shows with the next question: that one has another attempt.
      if (!done && done.error().code != errc::timeout && connect()) done = serve(batch);
      if (!done) {
        for (auto& each : batch) each.refused = true;
      }
      for (auto& each : batch) tell(each);
      batch.clear();
      if (!done && redis) go_away(done.error());
    }
  }

  [[nodiscard]] result<void> serve(std::vector<asked>& batch) {
    const auto until = mono_now() + config.timeout;
    std::vector<std::string> names;
    std::vector<redis_command> reads, writes;
    for (const auto& each : batch) {
      names.push_back(entries.name_of(each.question.tenant, each.question.conversation));
      reads.push_back({"HGETALL", names.back()});
    }
    const auto found = redis->pipeline(reads, until);
    if (!found) return std::unexpected(found.error());
    const auto time = now().wall;
    std::vector<asked*> writers;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      auto write = write_of(batch[i], names[i], (*found)[i], time);
      if (write.empty()) continue;
      writes.push_back(std::move(write));
      writers.push_back(&batch[i]);
    }
    if (writes.empty()) return {};
    const auto written = redis->pipeline(writes, until);
    if (!written) return std::unexpected(written.error());
    std::uint64_t kept = 0;
    for (std::size_t i = 0; i < writers.size(); ++i) {
      const auto& reply = (*written)[i];
      if (reply.kind == redis_reply::kind::error) complain("Redis refused to keep values of a conversation: " + reply.text);
      if (reply.kind != redis_reply::kind::integer || reply.integer != 1) writers[i]->refused = true;
      if (!writers[i]->refused) kept += writers[i]->question.keep.size();
    }
    const std::lock_guard lock(mutex);
    counted.kept += kept;
    return {};
  }

  // Takes what was found into the answer; gives the command that writes what is new and removes what is over, or nothing.
  [[nodiscard]] redis_command write_of(asked& each, const std::string& name, const redis_reply& found, wall_time time) {
    each.answer.values.clear();
    each.refused = false;
    if (found.kind == redis_reply::kind::error) {
      complain("Redis refused to read values of a conversation: " + found.text);
      each.refused = true;
      return {};
    }
    std::vector<std::string> sets, over;
    std::uint64_t unreadable = 0;
    for (std::size_t i = 0; i + 1 < found.items.size(); i += 2) {
      const auto &field = found.items[i].text, &bytes = found.items[i + 1].text;
      auto entry = entries.opened(name, field, bytes, time);
      if (!entry) {
        ++unreadable;
      } else if (entry->ttl.count() == 0) {
        over.insert(over.end(), {field, bytes});
      } else {
        each.answer.values.push_back(std::move(*entry));
      }
    }
    milliseconds longest{0};
    for (const auto& value : each.question.keep) {
      if (value.value.size() > value_bytes_max || sets.size() == 2 * entries_max) {
        each.refused = true;
        continue;
      }
      const auto field = entries.field_of(name, value.token);
      sets.insert(sets.end(), {field, entries.sealed(name, field, value, time)});
      longest = std::max(longest, value.ttl);
    }
    if (unreadable != 0) count_unreadable(unreadable);
    if (sets.empty() && over.empty()) return {};
    redis_command out = {"EVAL", std::string(write_script), "1", name, std::to_string(longest.count()), std::to_string(entries_max),
                         std::to_string(sets.size() / 2)};
    out.insert(out.end(), sets.begin(), sets.end());
    out.insert(out.end(), over.begin(), over.end());
    return out;
  }

  void count_unreadable(std::uint64_t unreadable) {
    complain("entries of the vault do not open: they are of another secrets.key_file, or were altered");
    const std::lock_guard lock(mutex);
    counted.unreadable += unreadable;
  }
};

vault::vault(vault_config config, callbacks calls) : impl_(std::make_unique<impl>(std::move(config), std::move(calls))) {
  (void)impl_->connect();
  impl_->thread = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "sluice-vault");
    impl_->run();
  });
}

vault::~vault() { stop(); }

bool vault::ask(unsigned worker, std::uint64_t ticket, policy::vault_question question) {
  auto& x = *impl_;
  const auto bytes = bytes_of(question);
  {
    const std::lock_guard lock(x.mutex);
    ++x.counted.asked;
    if (x.away || x.stopping || x.waiting.size() >= waiting_max || x.waiting_bytes + bytes > waiting_bytes_max) {
      ++x.counted.unavailable;
      return false;
    }
    x.waiting_bytes += bytes;
    x.waiting.push_back({.worker = worker, .ticket = ticket, .question = std::move(question), .bytes = bytes});
  }
  x.wake.notify_one();
  return true;
}

void vault::stop() {
  auto& x = *impl_;
  {
    const std::lock_guard lock(x.mutex);
    x.stopping = true;
  }
  x.wake.notify_one();
  if (x.thread.joinable()) x.thread.join();
}

vault::figures vault::stats() const {
  const std::lock_guard lock(impl_->mutex);
  auto out = impl_->counted;
  out.connected = !impl_->away;
  return out;
}

}  // namespace sluice::store
