// See stream_writer.hpp.
#include "sluice/store/stream_writer.hpp"

#include <algorithm>

#include "redis_client.hpp"
#include "ring_layout.hpp"

namespace sluice::store {

struct stream_writer::impl {
  redis_client redis;
  std::string stream;
  std::uint64_t entries_max;
};

stream_writer::stream_writer(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
stream_writer::stream_writer(stream_writer&&) noexcept = default;
stream_writer::~stream_writer() = default;

result<stream_writer> stream_writer::connect(const redis_endpoint& to, std::string stream, std::uint64_t entries_max, milliseconds timeout) {
  auto redis = redis_client::connect(to, timeout);
  if (!redis) return std::unexpected(redis.error());
  return stream_writer(std::make_unique<impl>(impl{std::move(*redis), std::move(stream), entries_max}));
}

result<void> stream_writer::append(std::span<const stream_entry> entries) {
  std::vector<redis_command> commands;
  for (const auto& entry : entries) {
    redis_command words = {"XADD", impl_->stream};
    if (impl_->entries_max != 0) words.insert(words.end(), {"MAXLEN", "~", std::to_string(impl_->entries_max)});
    words.emplace_back("*");
    for (const auto& [field, value] : entry) words.insert(words.end(), {field, value});
    commands.push_back(std::move(words));
  }
  const auto replies = impl_->redis.pipeline(commands);
  if (!replies) return std::unexpected(replies.error());
  for (const auto& reply : *replies) {
    if (reply.kind == redis_reply::kind::error) return fail(errc::refused, "Redis refused an entry of stream " + impl_->stream + ": " + reply.text);
  }
  return {};
}

result<std::vector<stream_entry>> read_stream(const redis_endpoint& from, const std::string& stream, std::size_t entries_max, milliseconds timeout) {
  auto redis = redis_client::connect(from, timeout);
  if (!redis) return std::unexpected(redis.error());
  const auto entries = redis->command({"XREVRANGE", stream, "+", "-", "COUNT", std::to_string(entries_max)});
  if (!entries) return std::unexpected(entries.error());
  std::vector<stream_entry> out;
  for (const auto& each : entries->items) {
    if (each.items.size() != 2) continue;
    stream_entry entry;
    const auto& fields = each.items[1].items;
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) entry.emplace_back(fields[i].text, fields[i + 1].text);
    out.push_back(std::move(entry));
  }
  std::ranges::reverse(out);
  return out;
}

std::string feedback_stream(const std::string& ring) { return ring_keys(ring).feedback(); }
std::string label_stream(const std::string& ring) { return ring_keys(ring).labels(); }

}  // namespace sluice::store
