// What a publisher reads of a ring, and what it may write beside activations. See publisher.hpp.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "publisher_impl.hpp"
#include "ring_scripts.hpp"
#include "stream_reader.hpp"
#include "sluice/base/foreign_json.hpp"

namespace sluice::store {
using nlohmann::json;
namespace {

milliseconds age_of(std::int64_t ms) {
  const auto t = std::chrono::duration_cast<milliseconds>(now().wall.time_since_epoch()).count();
  return milliseconds(t - std::clamp<std::int64_t>(ms, 0, t));
}

std::vector<rule_demotion> demotions_from(const json& j) {
  std::vector<rule_demotion> out;
  if (!j.is_array()) return out;
  for (const auto& each : j) {
    if (each.is_object()) out.push_back({word(each, "version"), word(each, "rule"), word(each, "why")});
  }
  return out;
}

node_labels labels_from(const std::string& heartbeat) {
  node_labels out;
  const auto j = parse_bounded<json>(heartbeat);
  if (!j.is_object()) return out;
  for (const auto& [name, value] : j.items()) {
    if (value.is_string()) out.emplace_back(name, value.get<std::string>());
  }
  return out;
}

}  // namespace

result<provenance> publisher::origin(const std::string& version) {
  auto made = fetch_manifest(impl_->redis, impl_->keys, version, {}, now().wall, {}, impl_->pinned(version));
  return made ? result<provenance>(std::move(made->how)) : std::unexpected(made.error());
}

result<provenance> publisher::vouched_origin(const std::string& version) {
  auto made = fetch_manifest(impl_->redis, impl_->keys, version, impl_->whom().value_or(trust{}), now().wall, {}, impl_->pinned(version));
  return made ? result<provenance>(std::move(made->how)) : std::unexpected(made.error());
}

result<void> publisher::impl::newest(const std::string& stream, std::size_t limit, const std::function<void(const std::string& id, const redis_reply& fields)>& take) {
  constexpr std::size_t all = 5'000'000;
  const auto whole = read_back(redis, stream, {.most = limit == 0 ? all : limit}, [&](const std::string& id, const redis_reply& fields) {
    take(id, fields);
    return true;
  });
  if (!whole) return std::unexpected(whole.error());
  return *whole || limit != 0 ? result<void>() : fail(errc::limit, "there are more than " + std::to_string(all) + " entries in " + stream + ": somebody wrote them. Put it aside; what runs stays: redis-cli RENAME '" + stream + "' '" + stream + ".aside'");
}

// Without those whose time is no time: they would stand before all others.
result<std::vector<std::pair<std::string, std::int64_t>>> publisher::impl::heartbeats() {
  const auto ids = redis.command({"ZRANGE", keys.nodes(), "(+inf", "-inf", "BYSCORE", "REV", "LIMIT", "0", std::to_string(nodes_max), "WITHSCORES"});
  if (!ids) return std::unexpected(ids.error());
  std::vector<std::pair<std::string, std::int64_t>> out;
  for (std::size_t i = 0; i + 1 < ids->items.size(); i += 2) out.emplace_back(ids->items[i].text, std::strtoll(ids->items[i + 1].text.c_str(), nullptr, 10));
  return out;
}

result<std::vector<node_status>> publisher::nodes() {
  auto ids = impl_->through_failover([&] { return impl_->heartbeats(); });
  if (!ids && ids.error().code == errc::refused) {
    const auto& key = impl_->keys.nodes();
    return fail(errc::refused, "who sends heartbeats cannot be read: " + ids.error().message + ". Where something else stands in its place, nodes write it anew once it is gone: redis-cli DEL '" + key + "'");
  }
  if (!ids) return std::unexpected(ids.error());
  std::vector<redis_command> asks;
  for (const auto& [id, at] : *ids) asks.push_back({"HGETALL", impl_->keys.node(id)});
  auto fields = impl_->redis.pipeline(asks);
  if (!fields) return std::unexpected(fields.error());
  std::vector<node_status> out;
  for (std::size_t i = 0; i < fields->size(); ++i) {
    const auto& f = (*fields)[i];
    node_status n;
    n.id = (*ids)[i].first;
    n.heartbeat_age = age_of((*ids)[i].second);
    n.activation = f.field("activation");
    n.version = f.field("version");
    n.state = f.field("state");
    n.build = f.field("build");
    n.name_given_twice = f.field("namesake") == "1";
    n.arms = f.field("arms");
    n.shown = shown_by_version_from(f.field("shown"));
    n.demoted = demotions_from(parse_bounded<json>(f.field("demoted")));
    n.kept = demotions_from(parse_bounded<json>(f.field("kept")));
    n.labels = labels_from(f.field("labels"));
    n.alive = !n.activation.empty();  // its hash expires when heartbeats stop: Redis' clock decides, not ours
    out.push_back(std::move(n));
  }
  return out;
}

result<shown_blocks> publisher::shown_in_shadow(const std::string& version) {
  auto seen = impl_->through_failover([&] { return impl_->reports(); });
  if (!seen) return std::unexpected(seen.error());
  const auto is = impl_->look_at_top();
  if (!is) return std::unexpected(is.error());
  return impl::shown_of(version, *seen, is->vouched() != nullptr ? std::optional(*is->vouched()) : std::nullopt);
}

result<publisher::nodes_ahead> publisher::ahead_of(const head_record& head) {
  auto seen = impl_->through_failover([&] { return impl_->reports(); });
  if (!seen) return std::unexpected(seen.error());
  nodes_ahead out;
  for (const auto& one : *seen) {
    const auto& said = one.fields.items;
    const auto highest = believed(said[0].text, head.activation);
    const bool other_record = !said[4].text.empty() && said[4].text != head.record;
    const bool fork = parse_activation(said[1].text) == head.activation && (said[2].text != head.version || other_record);
    if (highest <= head.activation && !fork) continue;
    out.highest = std::max(out.highest, highest);
    out.nodes.push_back(one.node);
  }
  if (out.highest == policy::activation{}) return nodes_ahead{};
  // Read after the reports: what nodes have taken from this Redis is at most its head.
  auto top = read_top(impl_->redis, impl_->keys);
  if (!top) return std::unexpected(top.error());
  return (top->record ? top->record->activation : policy::activation{}) == head.activation ? out : nodes_ahead{};
}

namespace {

// The answers to one activation. A ring that was emptied may count the same number again before its nodes are heard: what answered the record before
// says nothing of this one.
std::vector<acknowledgement> answers_in(const redis_reply& all, const std::string& version) {
  std::vector<acknowledgement> out;
  for (std::size_t i = 0; i + 1 < all.items.size(); i += 2) {
    const auto j = parse_bounded<json>(all.items[i + 1].text);
    if (!j.is_object()) continue;
    acknowledgement a{all.items[i].text, word(j, "state"), word(j, "phase"), word(j, "message"), word(j, "rule"), word(j, "version")};
    if (!version.empty() && !a.version.empty() && a.version != version) continue;
    a.compile = milliseconds(std::min<std::uint64_t>(natural(j, "compile_ms"), number_max));
    a.kept = demotions_from(member(j, "kept"));
    out.push_back(std::move(a));
  }
  return out;
}

// Its own key is gone with its heartbeats.
bool is_gone(const redis_reply& said) { return said.items.size() == 2 && said.items[0].text.empty() && said.items[1].text.empty(); }

// All nodes write the answers to an activation into one key, and each its own word into a key of its own (`said`). What that does not say of itself
// is no answer yet, whoever wrote it.
bool is_its_own(const acknowledgement& a, policy::activation of, const redis_reply& said) {
  if (said.items.size() != 2) return false;
  const auto &answer = said.items[0].text, &build = said.items[1].text;
  if (answer.empty()) return !build.empty();  // a release that says nothing there
  const auto space = answer.find(' ');
  const auto number = space == std::string::npos ? std::nullopt : parse_activation(answer.substr(0, space));
  return number && (*number > of || (*number == of && answer.substr(space + 1) == a.state));
}

}  // namespace

result<std::vector<acknowledgement>> publisher::acknowledgements(policy::activation of, const std::string& version) {
  head_record one;
  one.activation = of;
  one.version = version;
  auto out = acknowledgements({one});
  return out ? result<std::vector<acknowledgement>>(std::move(out->front())) : std::unexpected(out.error());
}

result<std::vector<std::vector<acknowledgement>>> publisher::acknowledgements(const std::vector<head_record>& of) {
  constexpr std::size_t page = 500;  // a pipeline of more holds its replies in memory all at once
  std::vector<std::vector<acknowledgement>> out;
  for (std::size_t begin = 0; begin < of.size(); begin += page) {
    std::vector<redis_command> asks;
    for (std::size_t i = begin; i < std::min(of.size(), begin + page); ++i) asks.push_back({"HGETALL", impl_->keys.ack(of[i].activation)});
    const auto all = impl_->through_failover([&] { return impl_->redis.pipeline(asks); });
    if (!all) return std::unexpected(all.error());
    for (const auto& each : *all) {
      if (each.kind == redis_reply::kind::error) return fail(errc::refused, "reading what nodes answered: " + each.text);
      out.push_back(answers_in(each, of[out.size()].version));
    }
  }
  if (auto done = impl_->only_own_words(out, of); !done) return std::unexpected(done.error());
  return out;
}

result<void> publisher::impl::only_own_words(std::vector<std::vector<acknowledgement>>& answers, const std::vector<head_record>& of) {
  std::map<std::string, redis_reply> said;  // by node
  for (const auto& each : answers) {
    for (const auto& a : each) said.try_emplace(a.node);
  }
  std::vector<redis_command> asks;
  for (const auto& [node, none] : said) asks.push_back({"HMGET", keys.node(node), "answer", "build"});
  auto own = redis.pipeline(asks);
  if (!own) return std::unexpected(own.error());
  for (std::size_t i = 0; auto& [node, reply] : said) reply = std::move((*own)[i++]);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    for (auto& a : answers[i]) {
      const auto& word = said.at(a.node);
      const bool gone = is_gone(word);
      if (gone) a.last = a.state;
      if (!gone && (a.state == "PENDING" || is_its_own(a, of[i].activation, word))) continue;
      a.state = "PENDING";
      a.phase = gone ? "GONE" : "UNCONFIRMED";
    }
  }
  return {};
}

// A lease for the sake of quiet: what it decides is fenced by the activation that it saw, so that two of them do no harm.
result<bool> publisher::lead(const std::string& who, milliseconds how_long) {
  const auto done = impl_->redis.command({"EVAL", std::string(lead_script), "1", impl_->keys.controller(), who, std::to_string(how_long.count())});
  if (!done) return std::unexpected(done.error());
  return done->integer == 1;
}

result<void> publisher::resign(const std::string& who) {
  const auto done = impl_->redis.command({"EVAL", std::string(resign_script), "1", impl_->keys.controller(), who});
  return done ? result<void>() : std::unexpected(done.error());
}

result<std::vector<std::string>> publisher::staged() {
  const auto members = impl_->redis.command({"ZREVRANGE", impl_->keys.versions(), "0", "-1"});
  if (!members) return std::unexpected(members.error());
  std::vector<std::string> out;
  for (const auto& m : members->items) out.push_back(m.text);
  return out;
}

result<policy::bundle_source> publisher::fetch(const std::string& version) {
  const auto manifest = fetch_manifest(impl_->redis, impl_->keys, version, {}, now().wall, {}, impl_->pinned(version));
  if (!manifest) return std::unexpected(manifest.error());
  return fetch_files(impl_->redis, impl_->keys, *manifest, {});
}

}  // namespace sluice::store
