// What runs inside Redis. Each script checks everything before its first write: Redis runs a script alone, but takes nothing back.
#pragma once

#include <string_view>

namespace sluice::store {

// KEYS: manifest, versions, then every blob. ARGV: version, manifest, time in ms, "signed" when the manifest carries a signature, the manifest that
// was seen there. Who stages a version once more wants it: it counts as new. A new manifest of the same version takes the place of the old one, but one without a signature never that of one with.
inline constexpr std::string_view stage_script = R"lua(
for i = 3, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 0 then
    return redis.error_reply('NOBLOB a file of this version is missing: ' .. KEYS[i])
  end
end
if redis.call('ZSCORE', KEYS[2], ARGV[1]) and ARGV[4] == '' and (redis.call('HGET', KEYS[1], 'signed') or '') ~= '' then
  redis.call('ZADD', KEYS[2], 'GT', ARGV[3], ARGV[1])
  return 'UNCHANGED'
end
if (redis.call('HGET', KEYS[1], 'manifest') or '') ~= ARGV[5] then return 'CHANGED' end
redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'manifest', ARGV[2], 'signed', ARGV[4])
redis.call('ZADD', KEYS[2], 'GT', ARGV[3], ARGV[1])
return 'STAGED'
)lua";

// KEYS: head, log, manifest, versions, revoked, freeze. ARGV: expected epoch, expected generation, new epoch, new generation,
// version, record, channel, kind, canary version or nothing, version in shadow or nothing. A freeze is not passed by a word alone: what goes on goes
// on with the head, and back is to a version that somebody made live before the one that is, whatever rollbacks came since.
inline constexpr std::string_view activate_script = R"lua(
local function passes_freeze()
  local head = redis.call('HMGET', KEYS[1], 'version', 'canary', 'shadow')
  if ARGV[8] == 'abort' or ARGV[8] == 'demote' then
    local shadow = ARGV[10] == '' or ARGV[10] == head[3] or ARGV[10] == head[2]
    return head[1] == ARGV[5] and (ARGV[9] == '' or ARGV[9] == head[2]) and shadow
  end
  if ARGV[8] ~= 'rollback' or head[1] == ARGV[5] then return false end
  local to = '+'
  while true do
    local entries = redis.call('XREVRANGE', KEYS[2], to, '-', 'COUNT', '101')
    for i, entry in ipairs(entries) do
      local kind, version = entry[2][2], entry[2][4]
      if i > 1 or to == '+' then
        if kind == 'activate' or kind == 'promote' then
          if version == ARGV[5] then return false end
          if version == head[1] then return true end
        end
      end
    end
    if #entries < 101 then return false end
    to = entries[101][1]
  end
end
if redis.call('EXISTS', KEYS[6]) == 1 and not passes_freeze() then
  return redis.error_reply('FROZEN ' .. (redis.call('GET', KEYS[6]) or ''))
end
local head = redis.call('HMGET', KEYS[1], 'epoch', 'gen')
if (head[1] or '') ~= ARGV[1] or (head[2] or '') ~= ARGV[2] then
  return redis.error_reply('CONFLICT the head is ' .. (head[1] or '') .. '-' .. (head[2] or ''))
end
if redis.call('HGET', KEYS[3], 'digest') ~= ARGV[5] or not redis.call('ZSCORE', KEYS[4], ARGV[5]) then
  return redis.error_reply('NOTSTAGED version ' .. ARGV[5])
end
local takes_away = (ARGV[8] == 'abort' or ARGV[8] == 'demote') and redis.call('HGET', KEYS[1], 'version') == ARGV[5]
if redis.call('SISMEMBER', KEYS[5], ARGV[5]) == 1 and not takes_away then
  return redis.error_reply('REVOKED version ' .. ARGV[5])
end
if ARGV[9] ~= '' then
  if not redis.call('ZSCORE', KEYS[4], ARGV[9]) then return redis.error_reply('NOTSTAGED version ' .. ARGV[9]) end
  local goes_on = takes_away and ARGV[9] == redis.call('HGET', KEYS[1], 'canary')
  if redis.call('SISMEMBER', KEYS[5], ARGV[9]) == 1 and not goes_on then return redis.error_reply('REVOKED version ' .. ARGV[9]) end
end
if ARGV[10] ~= '' and ARGV[10] ~= redis.call('HGET', KEYS[1], 'shadow') then
  if redis.call('SISMEMBER', KEYS[5], ARGV[10]) == 1 then return redis.error_reply('REVOKED version ' .. ARGV[10]) end
end
if ARGV[10] ~= '' and not redis.call('ZSCORE', KEYS[4], ARGV[10]) then return redis.error_reply('NOTSTAGED version ' .. ARGV[10]) end
local id = ARGV[3] .. '-' .. ARGV[4]
redis.call('XADD', KEYS[2], id, 'kind', ARGV[8], 'version', ARGV[5], 'record', ARGV[6])
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'gen', ARGV[4], 'version', ARGV[5], 'record', ARGV[6], 'canary', ARGV[9], 'shadow', ARGV[10])
redis.call('PUBLISH', ARGV[7], id)
return id
)lua";

// What is forbidden and what is allowed again is on record with it: about the newest 10,000.
// KEYS: freeze, stops. ARGV: the text that is shown, the record. The value: the text that it takes the place of, or nothing.
inline constexpr std::string_view freeze_script = R"lua(
local before = redis.call('GET', KEYS[1]) or ''
redis.call('SET', KEYS[1], ARGV[1])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', '10000', '*', 'stop', ARGV[2])
return before
)lua";

// KEYS: freeze, stops. ARGV: the record.
inline constexpr std::string_view thaw_script = R"lua(
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', '10000', '*', 'stop', ARGV[1])
return 1
)lua";

// KEYS: head, versions, revoked, stops. ARGV: version, the record, channel, notice.
inline constexpr std::string_view revoke_script = R"lua(
for _, beside in ipairs({'version', 'canary', 'shadow'}) do
  if redis.call('HGET', KEYS[1], beside) == ARGV[1] then return redis.error_reply('LIVE the version is the head') end
end
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return redis.error_reply('NOTSTAGED version ' .. ARGV[1]) end
if redis.call('SADD', KEYS[3], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[4], 'MAXLEN', '~', '10000', '*', 'stop', ARGV[2])
redis.pcall('PUBLISH', ARGV[3], ARGV[4])
return 1
)lua";

// Also of what is not staged, or not any more, or is live all the same. KEYS: revoked, stops. ARGV: version, the record, channel, notice.
inline constexpr std::string_view revoke_again_script = R"lua(
if redis.call('SADD', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', '10000', '*', 'stop', ARGV[2])
redis.pcall('PUBLISH', ARGV[3], ARGV[4])
return 1
)lua";

// KEYS: revoked, stops. ARGV: version, the record, channel, notice.
inline constexpr std::string_view unrevoke_script = R"lua(
if redis.call('SREM', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', '10000', '*', 'stop', ARGV[2])
redis.pcall('PUBLISH', ARGV[3], ARGV[4])
return 1
)lua";

// KEYS: controller. ARGV: who, for how many ms. A lease without an end is nobody's: no controller writes one.
inline constexpr std::string_view lead_script = R"lua(
local now = redis.call('GET', KEYS[1])
if now and now ~= ARGV[1] and redis.pcall('PTTL', KEYS[1]) ~= -1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
)lua";

// KEYS: controller. ARGV: who. A lease that is another's by now stays.
inline constexpr std::string_view resign_script = R"lua(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
)lua";

// KEYS: head, versions, then manifests and blobs that go. ARGV: how many versions there were when it was decided, the head's epoch and generation
// then, then the versions that go: with another head one of them may have been live meanwhile.
inline constexpr std::string_view prune_script = R"lua(
if redis.call('ZCARD', KEYS[2]) ~= tonumber(ARGV[1]) then return redis.error_reply('CONFLICT versions were staged meanwhile') end
local head = redis.call('HMGET', KEYS[1], 'epoch', 'gen')
if (head[1] or '') ~= ARGV[2] or (head[2] or '') ~= ARGV[3] then return redis.error_reply('CONFLICT another activation is the head') end
head = redis.call('HMGET', KEYS[1], 'version', 'canary', 'shadow')
for i = 4, #ARGV do
  if head[1] == ARGV[i] or head[2] == ARGV[i] or head[3] == ARGV[i] then return redis.error_reply('CONFLICT version ' .. ARGV[i] .. ' is live') end
end
for i = 4, #ARGV do redis.call('ZREM', KEYS[2], ARGV[i]) end
for i = 3, #KEYS do redis.call('DEL', KEYS[i]) end
return #ARGV - 3
)lua";

// KEYS: manifest. ARGV: the manifest as it was read, the same with one more signature, the field under which an activation has pinned it. Where
// another one was staged since, that one stays as it is.
inline constexpr std::string_view approve_script = R"lua(
local changed = 0
for _, field in ipairs({'manifest', ARGV[3]}) do
  if redis.call('HGET', KEYS[1], field) == ARGV[1] then
    redis.call('HSET', KEYS[1], field, ARGV[2])
    changed = changed + 1
  end
end
if changed == 0 then return redis.error_reply('CHANGED the manifest is another; try again') end
return changed
)lua";

// KEYS: manifest. ARGV: the manifest as it was read, its digest.
inline constexpr std::string_view pin_script = R"lua(
if redis.call('HGET', KEYS[1], 'manifest') ~= ARGV[1] then return redis.error_reply('CONFLICT another manifest was staged') end
return redis.call('HSET', KEYS[1], ARGV[2], ARGV[1])
)lua";

}  // namespace sluice::store
