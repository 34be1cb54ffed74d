// See vault.hpp. Two round trips for a batch of questions: read every conversation's entries, then write what is new.
#include "sluice/store/vault.hpp"

#include <algorithm>

#include "redis_lane.hpp"
#include "vault_entries.hpp"

namespace sluice::store {
namespace {

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
  impl(vault_config c, callbacks to)
      : calls(std::move(to)), entries(c.ring, c.secret),
        lane({.redis = std::move(c.redis), .timeout = c.timeout, .thread = "sluice-vault", .name = "the vault", .without = "exchanges do what on_vault_unavailable of their rules says"},
             {.serve = [this](redis_client& redis, std::vector<asked>& batch, mono_time until) { return serve(redis, batch, until); },
              .tell = [this](asked& each, bool served) { tell(each, served); },
              .log = calls.log}) {}

  const callbacks calls;
  const vault_entries entries;
  redis_lane<asked> lane;  // the last one: its thread uses the others

  void tell(asked& each, bool served) {
    each.answer.available = served && !each.refused;
    lane.count([&](shared_figures& all) {
      all.unavailable += each.answer.available ? 0 : 1;
      all.recalled += each.answer.values.size();
    });
    calls.answered(each.worker, each.ticket, std::move(each.answer));
  }

  [[nodiscard]] result<void> serve(redis_client& redis, std::vector<asked>& batch, mono_time until) {
    std::vector<std::string> names;
    std::vector<redis_command> reads, writes;
    for (const auto& each : batch) {
      names.push_back(entries.name_of(each.question.tenant, each.question.conversation));
      reads.push_back({"HGETALL", names.back()});
    }
    const auto found = redis.pipeline(reads, until);
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
    const auto written = redis.pipeline(writes, until);
    if (!written) return std::unexpected(written.error());
    std::uint64_t kept = 0;
    for (std::size_t i = 0; i < writers.size(); ++i) {
      const auto& reply = (*written)[i];
      if (reply.kind == redis_reply::kind::error) lane.complain("Redis refused to keep values of a conversation: " + reply.text);
      if (reply.kind != redis_reply::kind::integer || reply.integer != 1) writers[i]->refused = true;
      if (!writers[i]->refused) kept += writers[i]->question.keep.size();
    }
    lane.count([&](shared_figures& all) { all.kept += kept; });
    return {};
  }

  // Takes what was found into the answer; gives the command that writes what is new and removes what is over, or nothing.
  [[nodiscard]] redis_command write_of(asked& each, const std::string& name, const redis_reply& found, wall_time time) {
    each.answer.values.clear();
    each.refused = false;
    if (found.kind == redis_reply::kind::error) {
      lane.complain("Redis refused to read values of a conversation: " + found.text);
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
    lane.complain("entries of the vault do not open: they are of another secrets.key_file, or were altered");
    lane.count([&](shared_figures& all) { all.unreadable += unreadable; });
  }
};

vault::vault(vault_config config, callbacks calls) : impl_(std::make_unique<impl>(std::move(config), std::move(calls))) { impl_->lane.start(); }

vault::~vault() { stop(); }

bool vault::ask(unsigned worker, std::uint64_t ticket, policy::vault_question question) {
  const auto bytes = bytes_of(question);
  return impl_->lane.ask({.worker = worker, .ticket = ticket, .question = std::move(question)}, bytes);
}

void vault::stop() { impl_->lane.stop(); }

shared_figures vault::stats() const { return impl_->lane.stats(); }

}  // namespace sluice::store
