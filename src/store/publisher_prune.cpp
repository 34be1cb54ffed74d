// What a publisher takes away, and how what nothing can follow is taken away by hand. Both go by the log, which alone knows what was live: nothing
// that it names goes, nor what it may have named before somebody took entries out of it. See publisher.hpp.
#include <algorithm>
#include <set>

#include "publisher_impl.hpp"
#include "ring_scripts.hpp"

namespace sluice::store {
namespace {

std::int64_t ms_of(wall_time t) { return std::chrono::duration_cast<milliseconds>(t.time_since_epoch()).count(); }

struct named_versions {
  std::set<std::string> all;
  policy::activation after_gap;  // see publisher::pruned
  wall_time whole_since{};       // what was staged before may have been named by an entry that is missing
};

// Generations are counted by one from 1 on, so that a missing entry shows. What it named was staged before the one behind it was made.
named_versions named_by(const std::vector<head_record>& log) {
  named_versions out;
  for (std::size_t i = 0; i < log.size(); ++i) {
    const auto& each = log[i];
    out.all.insert({each.version, each.shadow, each.canary ? each.canary->version : std::string()});
    const auto before = i + 1 < log.size() ? log[i + 1].activation.generation : 0;
    if (each.activation.generation == before + 1) continue;
    if (out.after_gap == policy::activation{}) out.after_gap = each.activation;
    out.whole_since = std::max(out.whole_since, parse_time(each.time).value_or(wall_time::max()));
  }
  return out;
}

}  // namespace

error publisher::impl::nothing_follows(const ring_top& top, const std::string& why) {
  const auto quoted = [](const std::string& key) { return "'" + key + "'"; };
  const auto entries = redis.command({"XREVRANGE", keys.log(), "+", "-", "COUNT", "100"});
  const auto head = redis.command({"HGET", keys.head(), "record"});
  if (!entries || !head) return entries ? head.error() : entries.error();
  std::vector<std::string> ids;
  for (const auto& each : entries->items) ids.push_back(each.items.empty() ? std::string() : each.items[0].text);
  const std::string begin = why + ", and nothing can follow it. No activations come so far: somebody wrote it. What runs stays. ";
  const auto newest = ids.empty() ? std::nullopt : parse_activation(ids[0]);
  const auto record = parse_record(head->text);
  const auto fields = parse_activation(top.epoch + "-" + top.generation);
  const auto put_aside = "redis-cli RENAME " + quoted(keys.head()) + " " + quoted(keys.head() + ".damaged");
  if (newest && *newest < top.head) {
    if (record && record->activation > *newest) return {errc::integrity, begin + "The log is right: put the head aside, and try again: " + put_aside};
    return {errc::integrity, begin + "The log is right: set the head's number to that of its newest entry, and try again: redis-cli HSET " + quoted(keys.head()) + " epoch " + std::to_string(newest->epoch) + " gen " + std::to_string(newest->generation)};
  }
  if (ids.empty()) return {errc::integrity, begin + "The log is empty: put the head aside and try again: " + put_aside};
  // Several may have been written, and the head with them: what is left of one of them keeps all others from following.
  const auto number = [](const std::string& id) { return parse_activation(id).value_or(policy::activation{number_max, number_max}); };
  const auto right = std::ranges::find_if(ids, [&](const std::string& id) { return jumps(number(ids[0]), number(id)); });
  const auto bad = right != ids.end() ? right : ids.begin() + 1;
  const auto is_bad = [&](policy::activation at) { return right != ids.end() ? jumps(at, number(*right)) : at >= number(ids[0]); };
  std::string gone;
  for (auto it = ids.begin(); it != bad; ++it) gone += " " + *it;
  const bool head_too = (record && is_bad(record->activation)) || (fields && is_bad(*fields));
  return {errc::integrity, begin + "Take " + (bad - ids.begin() > 1 ? "those entries" : "that one entry") + " away, and nothing else of the log, which says what was live: redis-cli XRANGE " + quoted(keys.log()) + " " + *(bad - 1) + " " + ids[0] +
                               " shows it; then redis-cli XDEL " + quoted(keys.log()) + gone + ", redis-cli XSETID " + quoted(keys.log()) + " " + (bad != ids.end() ? *bad : "0-0") +
                               (head_too ? ", " + put_aside : std::string()) + ", and try again"};
}

result<void> publisher::impl::log_is_whole(const std::vector<head_record>& log, const std::vector<std::string>& head) {
  const auto unread = std::ranges::find(log, damaged_kind, &head_record::kind);
  if (unread != log.end()) return fail(errc::integrity, "what " + policy::to_string(unread->activation) + " made live cannot be read, so nothing is taken away: " + unread->doubt);
  const auto newest = log.empty() ? policy::activation{} : log.front().activation;
  const bool none = head[0].empty() && head[1].empty();
  const auto is = none ? policy::activation{} : parse_activation(head[0] + "-" + head[1]).value_or(policy::activation{number_max, number_max});
  if (is != newest) return fail(errc::integrity, "the log ends with " + policy::to_string(newest) + " and the head is another: entries are missing, or somebody activates just now. Nobody knows what was live, so nothing is taken away; where it stays so, activate what is to be live once more");
  if (!log.empty()) return {};
  const auto seen = reports();
  if (!seen) return std::unexpected(seen.error());
  const auto took = [](const report& one) { return parse_activation(one.fields.items[0].text).value_or(policy::activation{}) != policy::activation{}; };
  if (std::ranges::any_of(*seen, took)) return fail(errc::integrity, "the log is empty, and nodes have seen activations: nobody knows what was live, so nothing is taken away");
  return {};
}

result<publisher::pruned> publisher::prune(wall_time before, bool look_only) {
  auto& x = *impl_;
  // The head first: what comes after it is seen by the script.
  const auto head = x.redis.command({"HMGET", x.keys.head(), "epoch", "gen"});
  if (!head) return std::unexpected(head.error());
  std::vector<std::string> number(2);
  for (std::size_t i = 0; i < std::min(number.size(), head->items.size()); ++i) number[i] = head->items[i].text;
  const auto staged = x.redis.command({"ZRANGE", x.keys.versions(), "0", "-1", "WITHSCORES"});
  if (!staged) return std::unexpected(staged.error());
  const auto log = history(0);
  if (!log) return std::unexpected(log.error());
  if (const auto whole = x.log_is_whole(*log, number); !whole) return std::unexpected(whole.error());
  const auto used = named_by(*log);
  std::set<std::string> kept_files, gone_files;
  pruned out{.versions = {}, .files = 0, .kept = 0, .after_gap = used.after_gap};
  for (std::size_t i = 0; i + 1 < staged->items.size(); i += 2) {
    const auto& version = staged->items[i].text;
    const auto since = std::strtoll(staged->items[i + 1].text.c_str(), nullptr, 10);
    const bool idle = !used.all.contains(version) && since < ms_of(before);
    const bool goes = idle && (used.after_gap == policy::activation{} || since > ms_of(used.whole_since));
    if (goes) out.versions.push_back(version);
    else if (idle) ++out.kept;
    const auto fields = x.redis.command({"HGETALL", x.keys.manifest(version)});
    if (!fields) return std::unexpected(fields.error());
    // Without its list nobody knows what a version needs.
    if (!goes && !parse_manifest(fields->field("manifest"))) return fail(errc::integrity, "the manifest of version " + version.substr(0, 12) + " is damaged, so nothing is taken away; push it again");
    // Those that activations keep name files, too.
    for (std::size_t k = 1; k < fields->items.size(); k += 2) {
      const auto manifest = parse_manifest(fields->items[k].text);
      if (!manifest) continue;
      for (const auto& f : manifest->files) (goes ? gone_files : kept_files).insert(f.sha256);
    }
  }
  std::erase_if(gone_files, [&](const auto& digest) { return kept_files.contains(digest); });
  out.files = gone_files.size();
  if (look_only || out.versions.empty()) return out;
  redis_command words = {"EVAL", std::string(prune_script), std::to_string(2 + out.versions.size() + gone_files.size()), x.keys.head(), x.keys.versions()};
  for (const auto& version : out.versions) words.push_back(x.keys.manifest(version));
  for (const auto& digest : gone_files) words.push_back(x.keys.blob(digest));
  words.push_back(std::to_string(staged->items.size() / 2));
  words.insert(words.end(), number.begin(), number.end());
  words.insert(words.end(), out.versions.begin(), out.versions.end());
  const auto done = x.redis.command(words);
  if (done) return out;
  if (done.error().message.starts_with("CONFLICT")) return fail(errc::conflict, "somebody pushed or activated meanwhile, so nothing was taken away; try again");
  return std::unexpected(done.error());
}

}  // namespace sluice::store
