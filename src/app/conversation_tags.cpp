// See conversation_tags.hpp.
#include "conversation_tags.hpp"

#include <algorithm>

#include "sluice/crypto/digest.hpp"

namespace sluice::app {
namespace {

bool add(std::vector<std::string>& to, const std::string& tag) {
  if (std::ranges::find(to, tag) != to.end()) return false;
  to.push_back(tag);
  return true;
}

}  // namespace

std::size_t conversation_tags::entry::bytes() const {
  constexpr std::size_t nodes = 192;  // of the list and the table
  std::size_t out = nodes + key.size() + tags.size() * sizeof(std::string);
  for (const auto& tag : tags) out += tag.size();
  return out;
}

std::string conversation_tags::key_of(std::string_view tenant, std::string_view conversation) {
  const auto digest = crypto::sha256(std::to_string(tenant.size()) + ':' + std::string(tenant) + std::string(conversation));
  return {digest.begin(), digest.end()};
}

void conversation_tags::drop_last(shard& from) {
  from.bytes -= from.by_use.back().bytes();
  from.by_key.erase(from.by_use.back().key);
  from.by_use.pop_back();
}

void conversation_tags::drop_idle(shard& from, mono_time now) {
  while (!from.by_use.empty() && now - from.by_use.back().last > idle_max) drop_last(from);
}

void conversation_tags::recall(std::string_view tenant, std::string_view conversation, mono_time now, std::vector<std::string>& tags) {
  const auto key = key_of(tenant, conversation);
  auto& in = shard_of(key);
  const std::lock_guard lock(in.mutex);
  drop_idle(in, now);
  const auto at = in.by_key.find(key);
  if (at == in.by_key.end()) return;
  at->second->last = now;
  in.by_use.splice(in.by_use.begin(), in.by_use, at->second);
  for (const auto& tag : at->second->tags) add(tags, tag);
}

void conversation_tags::keep(std::string_view tenant, std::string_view conversation, mono_time now, const std::vector<std::string>& tags) {
  const auto key = key_of(tenant, conversation);
  auto& in = shard_of(key);
  const std::lock_guard lock(in.mutex);
  drop_idle(in, now);
  auto at = in.by_key.find(key);
  if (at == in.by_key.end()) {
    in.by_use.push_front({.key = key, .tags = {}, .last = now});
    in.bytes += in.by_use.front().bytes();
    at = in.by_key.emplace(in.by_use.front().key, in.by_use.begin()).first;
  }
  auto& known = *at->second;
  known.last = now;
  in.by_use.splice(in.by_use.begin(), in.by_use, at->second);
  in.bytes -= known.bytes();
  for (const auto& tag : tags) {
    if (known.tags.size() < tags_max) add(known.tags, tag);
  }
  in.bytes += known.bytes();
  while (in.bytes > shard_bytes_max_ && in.by_use.size() > 1) drop_last(in);
}

std::size_t conversation_tags::size() const {
  std::size_t out = 0;
  for (const auto& each : shards_) {
    const std::lock_guard lock(each.mutex);
    out += each.by_use.size();
  }
  return out;
}

}  // namespace sluice::app
