// See redis_client.hpp.
#include "redis_client.hpp"

#include <hiredis/hiredis.h>

#include <algorithm>

#include "sentinel.hpp"
#include "sluice/transport/blocking.hpp"

namespace sluice::store {
namespace {

result<void> append_formatted(std::string& out, const redis_command& words) {
  std::vector<const char*> argv;
  std::vector<std::size_t> lengths;
  for (const auto& w : words) {
    argv.push_back(w.data());
    lengths.push_back(w.size());
  }
  char* raw = nullptr;
  const auto length = redisFormatCommandArgv(&raw, static_cast<int>(argv.size()), argv.data(), lengths.data());
  if (length < 0) return fail(errc::internal, "a Redis command could not be formatted");
  const std::unique_ptr<char, void (*)(char*)> owned(raw, [](char* p) { redisFreeCommand(p); });
  out.append(raw, static_cast<std::size_t>(length));
  return {};
}

}  // namespace

struct redis_client::impl {
  transport::blocking_stream stream;
  redis_reply_reader reader;
  milliseconds timeout;
  std::string bytes, peer;
  std::string broken_by;  // the first error that was no reply of Redis; "": none

  impl(transport::blocking_stream s, milliseconds t) : stream(std::move(s)), timeout(t) {}

  result<redis_reply> receive(milliseconds wait, int wake_fd) {
    const auto end = mono_now() + wait;
    for (;;) {
      auto one = reader.next();
      if (!one) return std::unexpected(one.error());
      if (*one) return std::move(**one);
      const auto left = std::chrono::duration_cast<milliseconds>(end - mono_now());
      bytes.clear();
      if (auto got = stream.read(bytes, std::max(left, milliseconds(0)), wake_fd); !got) return std::unexpected(got.error());
      if (auto fed = reader.feed(bytes); !fed) return std::unexpected(fed.error());
    }
  }

  // What a call came to, where it was no reply of Redis: none of the replies that are still on their way may be taken for another's.
  std::unexpected<error> broke(const error& why) {
    if (broken_by.empty()) broken_by = why.message;
    return std::unexpected(why);
  }
  [[nodiscard]] std::unexpected<error> closed() const {
    return fail(errc::closed, "the connection to Redis at " + peer + " is of no use any more (" + broken_by + ")");
  }

  [[nodiscard]] milliseconds wait_until(mono_time until) const {
    return until == mono_time::max() ? timeout : std::clamp(std::chrono::duration_cast<milliseconds>(until - mono_now()), milliseconds(0), timeout);
  }

  // Of a command that was sent: silence is an error of its own.
  result<redis_reply> answer(mono_time until = mono_time::max()) {
    auto reply = receive(wait_until(until), -1);
    if (!reply && reply.error().code == errc::timeout) {
      return fail(errc::timeout, "Redis did not answer within " + std::to_string(timeout.count()) + " ms");
    }
    return reply;
  }
};

redis_client::redis_client(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
redis_client::~redis_client() = default;
redis_client::redis_client(redis_client&&) noexcept = default;
redis_client& redis_client::operator=(redis_client&&) noexcept = default;

result<redis_client> redis_client::connect(const redis_endpoint& to, milliseconds timeout) {
  if (!to.sentinels.empty()) {
    auto master = find_master(to, timeout);
    if (!master) return std::unexpected(master.error());
    auto client = connect(*master, timeout);
    if (!client) return client;
    // Sentinels name the new master a moment before it knows; what is written to one that still follows another is refused or lost.
    if (auto is = client->need_master(); !is) return std::unexpected(is.error());
    return client;
  }
  auto stream = transport::blocking_stream::connect({to.host, to.port, to.tls, to.ca_file}, timeout);
  if (!stream) return std::unexpected(stream.error());
  redis_client client(std::make_unique<impl>(std::move(*stream), timeout));
  client.impl_->peer = to.host + ":" + std::to_string(to.port);
  if (!to.password.empty()) {
    auto words = to.user.empty() ? redis_command{"AUTH", to.password} : redis_command{"AUTH", to.user, to.password};
    if (auto ok = client.command(words); !ok) {
      if (ok.error().code != errc::refused) return std::unexpected(ok.error());  // it went meanwhile
      return fail(errc::refused, "Redis at " + to.display() + " refused the user or password: " + ok.error().message);
    }
  }
  if (to.database != 0) {
    if (auto ok = client.command({"SELECT", std::to_string(to.database)}); !ok) return std::unexpected(ok.error());
  }
  return client;
}

result<void> redis_client::send(const redis_command& words) {
  if (!usable()) return impl_->closed();
  std::string out;
  if (auto done = append_formatted(out, words); !done) return done;
  auto sent = impl_->stream.write(out, impl_->timeout);
  return sent ? sent : impl_->broke(sent.error());
}

result<redis_reply> redis_client::command(const redis_command& words) {
  if (auto sent = send(words); !sent) return std::unexpected(sent.error());
  auto reply = impl_->answer();
  if (!reply) return impl_->broke(reply.error());
  if (reply->kind == redis_reply::kind::error) return fail(errc::refused, reply->text);
  return reply;
}

result<std::vector<redis_reply>> redis_client::pipeline(const std::vector<redis_command>& commands, mono_time until) {
  // In pieces: with everything in flight at once, both sides could wait for the other to read.
  if (!usable()) return impl_->closed();
  constexpr std::size_t piece_bytes = 256u << 10, piece_commands = 64;
  std::vector<redis_reply> replies;
  std::string out;
  for (std::size_t i = 0; i < commands.size();) {
    const auto first = i;
    out.clear();
    do {
      if (auto done = append_formatted(out, commands[i++]); !done) return std::unexpected(done.error());
    } while (i < commands.size() && i - first < piece_commands && out.size() < piece_bytes);
    if (auto sent = impl_->stream.write(out, impl_->wait_until(until)); !sent) return impl_->broke(sent.error());
    for (auto n = first; n < i; ++n) {
      auto reply = impl_->answer(until);
      if (!reply) return impl_->broke(reply.error());
      replies.push_back(std::move(*reply));
    }
  }
  return replies;
}

bool redis_client::usable() const { return impl_->broken_by.empty(); }

const std::string& redis_client::peer() const { return impl_->peer; }

result<void> redis_client::need_master() {
  const auto role = command({"ROLE"});
  if (!role) return fail(errc::unavailable, "Redis at " + peer() + " does not say whether it is the master: " + role.error().message);
  if (!role->items.empty() && role->items[0].text == "master") return {};
  return fail(errc::unavailable, "Redis at " + peer() + " is not the master");
}

result<redis_reply> redis_client::next(milliseconds timeout, int wake_fd) {
  if (!usable()) return impl_->closed();
  auto pushed = impl_->receive(timeout, wake_fd);
  if (!pushed && pushed.error().code != errc::timeout) return impl_->broke(pushed.error());
  return pushed;
}

}  // namespace sluice::store
