// What a node writes of itself, and reads of its neighbours. See redis_source.hpp.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "redis_source.hpp"

namespace sluice::store {
using nlohmann::json;
namespace {

constexpr milliseconds heartbeat_every{10'000};
constexpr milliseconds nodes_every{30'000};
constexpr const char* node_seconds = "30";
constexpr milliseconds leave_max{1000};
constexpr const char* ack_seconds = "2592000";     // 30 days
constexpr milliseconds forgotten_after{86'400'000};  // a node that was silent for a day is no longer counted
constexpr const char* nodes_shown_max = "256";

json json_of(const std::vector<rule_demotion>& all) {
  json out = json::array();
  for (const auto& each : all) out.push_back({{"version", each.version}, {"rule", each.rule}, {"why", each.why}});
  return out;
}

std::int64_t now_ms() { return std::chrono::duration_cast<milliseconds>(now().wall.time_since_epoch()).count(); }

}  // namespace

// Nodes are told apart by one clock, Redis' own: one whose clock is ahead would have all others forgotten. A Redis that does not let it be asked
// leaves a node its own, and then it forgets nobody.
result<void> redis_source::read_clock() {
  const auto asked = mono_now();
  const auto time = commands_->command({"TIME"});
  clock_.reset();
  if (!time) return time.error().code == errc::refused ? result<void>() : std::unexpected(time.error());
  if (const auto at = redis_time(*time)) clock_ = *at - std::chrono::duration_cast<milliseconds>(asked.time_since_epoch());
  return {};
}

milliseconds redis_source::redis_now() const {
  return clock_ ? *clock_ + std::chrono::duration_cast<milliseconds>(mono_now().time_since_epoch()) : milliseconds(now_ms());
}

result<void> redis_source::tell(const std::vector<redis_command>& commands) {
  auto replies = commands_->pipeline(commands);
  if (!replies) return std::unexpected(replies.error());
  for (const auto& reply : *replies) {
    if (reply.kind != redis_reply::kind::error) continue;
    if (!silence_told_) node_.log("warn", "Redis does not let this node report: " + reply.text + "; policies still arrive (docs/redis.md lists what a node's user needs)");
    silence_told_ = true;
    return {};
  }
  silence_told_ = false;
  return {};
}

result<void> redis_source::acknowledge(const activation_record& record, const std::string& state, const std::string& phase,
                                       const std::string& message) {
  const auto& last = node_.last_result();
  const bool applied = state == "ACK" || (state == "NACK" && phase != "VERIFY");
  json ack = {{"state", state},
              {"phase", phase},
              {"version", record.version},
              {"message", message},
              {"rule", applied ? last.rule : ""},
              {"compile_ms", applied ? last.took.count() : 0},
              {"db_bytes", applied ? last.database_bytes : 0},
              {"ts", now_ms()}};
  if (state == "ACK") ack["kept"] = json_of(node_.kept());
  const auto key = keys_.ack(record.activation), own = keys_.node(config_.node_id);
  // All nodes write the first key, and only this one the second: by that its word is told from what others say in its name.
  return tell({{"HSET", key, config_.node_id, ack.dump(-1, ' ', false, json::error_handler_t::replace)}, {"EXPIRE", key, ack_seconds},
               {"HSET", own, "answer", policy::to_string(record.activation) + " " + state}, {"EXPIRE", own, node_seconds}});
}

// Two processes of one name are one to everybody else, and the answers of one pass for those of both. One that has ended writes over nothing any more: once
// is no evidence, for the last heartbeat before a restart may come late.
result<void> redis_source::look_for_namesake() {
  constexpr unsigned sure = 2, most = 4;
  const auto said = commands_->command({"HGET", keys_.node(config_.node_id), "boot"});
  if (!said) return said.error().code == errc::refused ? result<void>() : std::unexpected(said.error());
  const bool other = std::exchange(beat_, true) && !said->text.empty() && said->text != boot_;
  overwritten_ = other ? std::min(overwritten_ + 1, most) : overwritten_ - std::min(overwritten_, 1u);
  if (overwritten_ >= sure && !namesake_told_) {
    node_.log("error", "NAME GIVEN TWICE: another gateway reports as " + config_.node_id + " in ring " + config_.ring + ", so that nobody can tell what either of them runs. Give each its own node.id");
    namesake_told_ = true;
  }
  if (overwritten_ == 0) namesake_told_ = false;
  node_.set_name_given_twice(namesake_told_);
  return {};
}

result<void> redis_source::heartbeat() {
  if (auto done = look_for_namesake(); !done) return done;
  json labels = json::object();
  for (const auto& [name, value] : config_.labels) labels[name] = value;
  const auto key = keys_.node(config_.node_id);
  const auto& s = node_.state();
  std::vector<rule_demotion> demoted;
  for (const auto& each : s.demotions) {
    if (each.here) demoted.push_back(each.what);
  }
  next_heartbeat_ = mono_now() + jittered(heartbeat_every);
  const auto report = node_.report();
  const auto t = redis_now();
  std::vector<redis_command> words = {{"HSET", key, "boot", boot_, "namesake", namesake_told_ ? "1" : "", "activation", policy::to_string(s.active), "highest", policy::to_string(s.highest), "version", s.version, "record", s.record, "canary", node_.canary() ? node_.canary()->version : "", "shadow", node_.shadow(), "arms", report.arms, "shown", to_json(report.shown), "demoted", json_of(demoted).dump(-1, ' ', false, json::error_handler_t::replace),
                "kept", json_of(node_.kept()).dump(-1, ' ', false, json::error_handler_t::replace), "revoked_lost", json(node_.revoked_lost()).dump(), "state",
                std::string(to_string(node_.freshness_now())), "build", config_.build, "labels",
                labels.dump(-1, ' ', false, json::error_handler_t::replace)},
               {"EXPIRE", key, node_seconds},
               {"ZADD", keys_.nodes(), std::to_string(t.count()), config_.node_id}};
  if (clock_) words.push_back({"ZREMRANGEBYSCORE", keys_.nodes(), "-inf", std::to_string((t - forgotten_after).count())});
  return tell(words);
}

// Takes its heartbeat away, for whoever counts the nodes that are there. What another process of that name has written is left to that one. By commands that
// a heartbeat needs anyway: a user of Redis that was made for an earlier release may do this, too.
void redis_source::leave() {
  if (!commands_ || !commands_->usable()) return;
  const auto until = mono_now() + leave_max;
  const auto key = keys_.node(config_.node_id);
  constexpr const char* nowhere = "-1";  // no time of any heartbeat
  std::string why;
  const auto says = commands_->pipeline({{"HGET", key, "boot"}}, until);
  if (says && says->front().text != boot_) return;
  const auto gone = says ? commands_->pipeline({{"EXPIRE", key, "0"}, {"ZADD", keys_.nodes(), nowhere, config_.node_id}, {"ZREMRANGEBYSCORE", keys_.nodes(), nowhere, nowhere}}, until) : std::unexpected(says.error());
  if (!gone) why = gone.error().message;
  for (std::size_t i = 0; gone && i < gone->size(); ++i) {
    if ((*gone)[i].kind == redis_reply::kind::error) why = (*gone)[i].text;
  }
  node_.log("info", why.empty() ? "this node has left ring " + config_.ring : "this node stands in ring " + config_.ring + " for up to " + node_seconds + " s more, because its heartbeat could not be taken away: " + why);
}

// The fleet, for this node's status page: the newest heartbeats, bounded, and seldom, for every node asks.
result<void> redis_source::read_nodes() {
  next_nodes_ = mono_now() + jittered(nodes_every);
  if (auto done = read_clock(); !done) return done;
  auto ids = commands_->command({"ZRANGE", keys_.nodes(), "(+inf", "-inf", "BYSCORE", "REV", "LIMIT", "0", nodes_shown_max, "WITHSCORES"});
  if (!ids) return ids.error().code == errc::refused ? result<void>() : std::unexpected(ids.error());
  std::vector<redis_command> asks;
  for (std::size_t i = 0; i + 1 < ids->items.size(); i += 2) asks.push_back({"HGETALL", keys_.node(ids->items[i].text)});
  auto fields = commands_->pipeline(asks);
  if (!fields) return std::unexpected(fields.error());
  std::vector<agent_status::neighbour> nodes;
  for (std::size_t i = 0; i < fields->size(); ++i) {
    const auto age = redis_now() - milliseconds(std::strtoll(ids->items[2 * i + 1].text.c_str(), nullptr, 10));
    const auto& f = (*fields)[i];
    nodes.push_back({ids->items[2 * i].text, f.field("activation"), f.field("version"), f.field("state"), age});
  }
  node_.set_nodes(std::move(nodes));
  return {};
}

}  // namespace sluice::store
