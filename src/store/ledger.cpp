// See ledger.hpp. One round trip for a batch of questions: an entry is a string of its own, and an index by the end of their times bounds
// how many there are.
#include "sluice/store/ledger.hpp"

#include <algorithm>

#include "redis_lane.hpp"
#include "ring_layout.hpp"
#include "sluice/base/strings.hpp"
#include "timed_seal.hpp"

namespace sluice::store {
namespace {

// KEYS: the index, then the names. ARGV: the time, ms that entries live, how many there may be, and for each name an entry and what it is kept
// instead of. One that begins with the mark of a last word stays; of a call that comes twice, what the first kept is as good. A call removes more
// than it writes, so that the bound holds. The answer: how many something else stood in the way of.
constexpr std::string_view keep_script =
    "local index, ends, missed = KEYS[1], tonumber(ARGV[1]) + tonumber(ARGV[2]), 0 "
    "redis.call('ZREMRANGEBYSCORE', index, '-inf', ARGV[1]) "
    "for i = 2, #KEYS do local was, new, old = redis.call('GET', KEYS[i]) or '', ARGV[2 * i], ARGV[2 * i + 1] "
    "if was ~= new and old ~= '' and was ~= old then missed = missed + 1 "
    "elseif string.sub(was, 1, 1) ~= '1' then "
    "redis.call('SET', KEYS[i], new, 'PX', ARGV[2]) redis.call('ZADD', index, ends, KEYS[i]) end end "
    "redis.call('PEXPIRE', index, ARGV[2]) "
    "local over = math.min(redis.call('ZCARD', index) - tonumber(ARGV[3]), 2 * #KEYS) "
    "if over > 0 then local gone = redis.call('ZPOPMIN', index, over) for i = 1, #gone, 2 do redis.call('DEL', gone[i]) end end "
    "return missed";

constexpr char last_word = '1', replaceable = '0';

struct asked {
  unsigned worker = 0;
  std::uint64_t ticket = 0;
  ledger_question question;
  std::vector<std::string> names, stored;  // of question.keep: their keys and what is to stand there
  ledger_answer answer = {};
  bool refused = false;  // by Redis
};

std::size_t size_of(const ledger_question& q) {
  std::size_t out = q.tenant.size() + q.dialect.size();
  for (const auto& handle : q.recall) out += handle.size();
  for (const auto& each : q.keep) out += each.handle.size() + each.entry.size() + each.instead_of.size();
  return out;
}

}  // namespace

struct ledger::impl {
  impl(ledger_config c, callbacks to)
      : config(std::move(c)), calls(std::move(to)), index(ring_keys(config.ring).ledger()),
        name_key(bytes_of(crypto::derive_key(bytes_of(config.secret), "ledger-names"))),
        entry_key(crypto::derive_key(bytes_of(config.secret), "ledger-entries")),
        lane({.redis = config.redis, .timeout = config.timeout, .thread = "sluice-ledger", .name = "the ledger",
              .without = "requests that refer to what the upstream holds are refused"},
             {.serve = [this](redis_client& redis, std::vector<asked>& batch, mono_time until) { return serve(redis, batch, until); },
              .tell = [this](asked& each, bool served) { tell(each, served); },
              .log = calls.log}) {}

  const ledger_config config;
  const callbacks calls;
  const std::string index, name_key;
  const crypto::digest entry_key;
  redis_lane<asked> lane;  // the last one: its thread uses the others

  [[nodiscard]] std::string name_of(const ledger_question& q, std::string_view handle) const {
    return index + ':' + hex(bytes_of(crypto::hmac_sha256(name_key, led_by_length(q.tenant, led_by_length(q.dialect, handle)))));
  }

  void tell(asked& each, bool served) {
    each.answer.available = served && !each.refused;
    each.answer.found.resize(each.answer.available ? each.question.recall.size() : 0);
    each.answer.as_stored.resize(each.answer.found.size());
    const auto known = static_cast<std::uint64_t>(std::ranges::count_if(each.answer.found, [](const auto& entry) { return !entry.empty(); }));
    lane.count([&](shared_figures& all) {
      all.unavailable += each.answer.available ? 0 : 1;
      all.recalled += known;
      all.kept += each.answer.available ? each.question.keep.size() : 0;
    });
    calls.answered(each.worker, each.ticket, std::move(each.answer));
  }

  [[nodiscard]] result<void> serve(redis_client& redis, std::vector<asked>& batch, mono_time until) {
    const auto time = now().wall;
    std::vector<redis_command> commands;
    std::vector<std::vector<std::string>> names(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto& q = batch[i].question;
      for (const auto& handle : q.recall) names[i].push_back(name_of(q, handle));
      if (!names[i].empty()) {
        commands.push_back({"MGET"});
        commands.back().insert(commands.back().end(), names[i].begin(), names[i].end());
      }
      if (!q.keep.empty()) commands.push_back(write_of(batch[i], time));
    }
    if (commands.empty()) return {};
    const auto replies = redis.pipeline(commands, until);
    if (!replies) return std::unexpected(replies.error());
    auto reply = replies->begin();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      batch[i].refused = false;
      if (!names[i].empty()) read(batch[i], names[i], *reply++, time);
      if (batch[i].question.keep.empty()) continue;
      batch[i].answer.missed = accepted(batch[i], *reply) && reply->integer > 0;
      ++reply;
    }
    return {};
  }

  void read(asked& into, const std::vector<std::string>& names, const redis_reply& reply, wall_time time) {
    into.answer.found.assign(names.size(), {});
    into.answer.as_stored.assign(names.size(), {});
    if (!accepted(into, reply)) return;
    for (std::size_t i = 0; i < names.size() && i < reply.items.size(); ++i) {
      if (reply.items[i].text.empty()) continue;
      const std::string_view bytes = reply.items[i].text;
      auto entry = open_seal(entry_key, bytes.substr(1), led_by_length(names[i], bytes.substr(0, 1)), time);
      if (!entry) {
        lane.complain("entries of the ledger do not open: they are of another secrets.key_file, or were altered");
        lane.count([](shared_figures& all) { ++all.unreadable; });
      } else if (entry->left.count() > 0) {
        into.answer.found[i] = std::move(entry->plain);
        into.answer.as_stored[i] = reply.items[i].text;
      }
    }
  }

  bool accepted(asked& of, const redis_reply& reply) {
    if (reply.kind != redis_reply::kind::error) return true;
    lane.complain("Redis refused a question to the ledger: " + reply.text);
    of.refused = true;
    return false;
  }

  // Once, so that what is sent again after a connection was lost is the same.
  void seal(asked& what, wall_time time) const {
    if (!what.stored.empty()) return;
    for (const auto& each : what.question.keep) {
      const auto& name = what.names.emplace_back(name_of(what.question, each.handle));
      const std::string mark(1, each.last_word ? last_word : replaceable);
      what.stored.push_back(mark + seal_for(entry_key, each.entry, led_by_length(name, mark), time, config.ttl));
    }
  }

  [[nodiscard]] redis_command write_of(asked& what, wall_time time) const {
    seal(what, time);
    redis_command out = {"EVAL", std::string(keep_script), std::to_string(1 + what.names.size()), index};
    out.insert(out.end(), what.names.begin(), what.names.end());
    const auto ms = std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
    out.insert(out.end(), {std::to_string(ms), std::to_string(config.ttl.count()), std::to_string(config.handles_max)});
    for (std::size_t i = 0; i < what.stored.size(); ++i) out.insert(out.end(), {what.stored[i], what.question.keep[i].instead_of});
    return out;
  }
};

ledger::ledger(ledger_config config, callbacks calls) : impl_(std::make_unique<impl>(std::move(config), std::move(calls))) { impl_->lane.start(); }

ledger::~ledger() { stop(); }

bool ledger::ask(unsigned worker, std::uint64_t ticket, ledger_question question, std::vector<std::string>* as_stored) {
  const auto bytes = size_of(question);
  const bool fits = question.recall.size() + question.keep.size() <= handles_max &&
                    std::ranges::all_of(question.keep, [](const auto& each) { return each.entry.size() <= entry_bytes_max; });
  if (!fits) return impl_->lane.decline();
  asked what{.worker = worker, .ticket = ticket, .question = std::move(question), .names = {}, .stored = {}};
  if (as_stored != nullptr) {
    impl_->seal(what, now().wall);
    *as_stored = what.stored;
  }
  return impl_->lane.ask(std::move(what), bytes);
}

void ledger::stop() { impl_->lane.stop(); }

shared_figures ledger::stats() const { return impl_->lane.stats(); }

}  // namespace sluice::store
