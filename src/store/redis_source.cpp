// See redis_source.hpp.
#include "redis_source.hpp"

#include <poll.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sluice/crypto/digest.hpp"

namespace sluice::store {
using nlohmann::json;
namespace {

constexpr milliseconds call_timeout{5000};
constexpr milliseconds heartbeat_every{10'000};
constexpr milliseconds back_off_min{200}, back_off_max{5000};
constexpr const char* node_seconds = "30";
constexpr const char* ack_seconds = "2592000";  // 30 days

std::int64_t now_ms() { return std::chrono::duration_cast<milliseconds>(now().wall.time_since_epoch()).count(); }

}  // namespace

// Around ± 20 %, so that a fleet never asks in step.
milliseconds redis_source::jittered(milliseconds around) {
  const auto r = static_cast<unsigned char>(crypto::random_bytes(1)[0]);
  return milliseconds(around.count() * (80 + r * 40 / 255) / 100);
}

result<void> redis_source::connect() {
  auto commands = redis_client::connect(*config_.redis, call_timeout);
  if (!commands) return std::unexpected(commands.error());
  auto subscription = redis_client::connect(*config_.redis, call_timeout);
  if (!subscription) return std::unexpected(subscription.error());
  // Before the head is read: what is activated between the two is then heard.
  if (auto done = subscription->command({"SUBSCRIBE", keys_.notify()}); !done) return std::unexpected(done.error());
  commands_ = std::move(*commands);
  subscription_ = std::move(*subscription);
  back_off_ = milliseconds(0);
  next_heartbeat_ = {};
  node_.log("info", "connected to " + config_.redis->display() + " ring " + config_.ring);
  return {};
}

void redis_source::drop(const std::string& why) {
  commands_.reset();
  subscription_.reset();
  node_.lost(why);
  back_off_ = std::clamp(back_off_ * 2, back_off_min, back_off_max);
  next_connect_ = mono_now() + jittered(back_off_);
}

void redis_source::look() {
  if (!commands_) {
    if (auto done = connect(); !done) return drop(done.error().message);
  }
  auto done = check();
  if (done && mono_now() >= next_heartbeat_) done = heartbeat();
  if (!done) return drop(done.error().message);
  next_poll_ = mono_now() + jittered(config_.poll);
}

result<void> redis_source::check() {
  auto head = read_head(*commands_, keys_);
  if (!head) {
    if (head.error().code != errc::integrity) return std::unexpected(head.error());
    // Redis answers, but with what no publisher wrote: what runs stays.
    node_.contact();
    if (!regressed_told_) node_.refuse({}, "", "VERIFY", head.error().message);
    regressed_told_ = true;
    return {};
  }
  node_.contact();
  if (!*head) return {};
  const auto& record = **head;
  if (record.activation <= node_.state().highest) {
    const bool behind = record.activation < node_.state().highest;
    if (behind && !regressed_told_) {
      node_.log("warn", "HEAD_REGRESSED: Redis is at " + policy::to_string(record.activation) + ", this node has seen " +
                            policy::to_string(node_.state().highest) + "; what runs stays until the next push");
    }
    regressed_told_ = behind;
    // A node that lost its policy but not its memory takes the same activation again.
    if (behind || node_.freshness() != policy::freshness::none) return {};
  }
  if (refused_ == record.activation) return {};
  return take(record);
}

result<void> redis_source::take(const activation_record& record) {
  if (auto told = acknowledge(record, "PENDING", "RECEIVED", ""); !told) return told;
  auto source = fetch_version(*commands_, keys_, record.version);
  if (!source) {
    const auto code = source.error().code;
    if (code != errc::integrity && code != errc::not_found) return std::unexpected(source.error());
    refused_ = record.activation;
    node_.refuse(record.activation, record.version, "VERIFY", source.error().message);
    return acknowledge(record, "NACK", "VERIFY", source.error().message);
  }
  if (auto told = acknowledge(record, "PENDING", "VERIFIED", ""); !told) return told;
  const auto done = node_.take(*source, record.version, record.activation, [](const std::string&) {});
  if (done == node::outcome::refused) {
    refused_ = record.activation;
    return acknowledge(record, "NACK", node_.last_result().phase, node_.last_result().message);
  }
  if (auto told = acknowledge(record, "ACK", "ACTIVE", ""); !told) return told;
  return heartbeat();
}

result<void> redis_source::acknowledge(const activation_record& record, const std::string& state, const std::string& phase,
                                       const std::string& message) {
  const auto& last = node_.last_result();
  const json ack = {{"state", state},
                    {"phase", phase},
                    {"version", record.version},
                    {"message", message},
                    {"rule", state == "NACK" ? last.rule : ""},
                    {"compile_ms", state == "ACK" ? last.took.count() : 0},
                    {"db_bytes", state == "ACK" ? last.database_bytes : 0},
                    {"ts", now_ms()},
                    {"sig", nullptr}};
  const auto key = keys_.ack(record.activation);
  auto set = commands_->command({"HSET", key, config_.node_id, ack.dump(-1, ' ', false, json::error_handler_t::replace)});
  if (!set) return std::unexpected(set.error());
  auto expire = commands_->command({"EXPIRE", key, ack_seconds});
  if (!expire) return std::unexpected(expire.error());
  return {};
}

result<void> redis_source::heartbeat() {
  json labels = json::object();
  for (const auto& [name, value] : config_.labels) labels[name] = value;
  const auto key = keys_.node(config_.node_id);
  const auto& s = node_.state();
  auto set = commands_->command({"HSET", key, "activation", policy::to_string(s.active), "highest", policy::to_string(s.highest), "version",
                                 s.version, "state", std::string(to_string(node_.freshness())), "build", config_.build, "labels", labels.dump()});
  if (set) set = commands_->command({"EXPIRE", key, node_seconds});
  if (set) set = commands_->command({"ZADD", keys_.nodes(), std::to_string(now_ms()), config_.node_id});
  if (!set) return std::unexpected(set.error());
  next_heartbeat_ = mono_now() + heartbeat_every;
  auto ids = commands_->command({"ZRANGE", keys_.nodes(), "0", "-1", "WITHSCORES"});
  if (!ids) return std::unexpected(ids.error());
  std::vector<agent_status::node> nodes;
  for (std::size_t i = 0; i + 1 < ids->items.size(); i += 2) {
    const auto age = milliseconds(now_ms() - std::strtoll(ids->items[i + 1].text.c_str(), nullptr, 10));
    auto fields = commands_->command({"HGETALL", keys_.node(ids->items[i].text)});
    if (!fields) return std::unexpected(fields.error());
    nodes.push_back({ids->items[i].text, fields->field("activation"), fields->field("version"), fields->field("state"), age});
  }
  node_.set_nodes(std::move(nodes));
  return {};
}

void redis_source::wait(int wake_fd) {
  if (!commands_) {
    // A connection of our own is not there to wait on; the descriptor and the time are.
    const auto left = std::chrono::duration_cast<milliseconds>(next_connect_ - mono_now()).count();
    pollfd fd{wake_fd, POLLIN, 0};
    ::poll(&fd, 1, static_cast<int>(std::clamp<std::int64_t>(left + 1, 0, 1000)));
    if (mono_now() >= next_connect_) look();
    return;
  }
  const auto until = std::min(next_poll_, next_heartbeat_);
  const auto left = std::chrono::duration_cast<milliseconds>(until - mono_now());
  auto heard = subscription_->next(std::clamp(left, milliseconds(0), config_.poll), wake_fd);
  if (!heard && heard.error().code != errc::timeout) return drop(heard.error().message);
  if (heard || mono_now() >= until) look();
}

}  // namespace sluice::store
