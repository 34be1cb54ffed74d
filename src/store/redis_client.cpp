// See redis_client.hpp.
#include "redis_client.hpp"

#include <hiredis/hiredis.h>

#include <array>

namespace sluice::store {
namespace {

constexpr std::size_t reply_bytes_max = 512u << 20;  // Redis' own bound of one value

redis_reply convert(const ::redisReply& r) {
  redis_reply out;
  switch (r.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      out.kind = redis_reply::kind::text;
      out.text.assign(r.str, r.len);
      break;
    case REDIS_REPLY_ERROR:
      out.kind = redis_reply::kind::error;
      out.text.assign(r.str, r.len);
      break;
    case REDIS_REPLY_INTEGER:
      out.kind = redis_reply::kind::integer;
      out.integer = r.integer;
      break;
    case REDIS_REPLY_ARRAY:
      out.kind = redis_reply::kind::array;
      for (std::size_t i = 0; i < r.elements; ++i) out.items.push_back(convert(*r.element[i]));  // hiredis bounds the depth at 7
      break;
    default: break;
  }
  return out;
}

}  // namespace

std::string redis_reply::field(std::string_view name) const {
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].text == name) return items[i + 1].text;
  }
  return {};
}

struct redis_client::impl {
  transport::blocking_stream stream;
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader{redisReaderCreate(), redisReaderFree};
  milliseconds timeout;
  std::string bytes;

  impl(transport::blocking_stream s, milliseconds t) : stream(std::move(s)), timeout(t) {}

  result<std::optional<redis_reply>> parsed() {
    void* raw = nullptr;
    if (redisReaderGetReply(reader.get(), &raw) != REDIS_OK) {
      return fail(errc::parse, std::string("Redis sent what is no reply: ") + reader->errstr);
    }
    if (raw == nullptr) return std::nullopt;
    const std::unique_ptr<void, void (*)(void*)> owned(raw, freeReplyObject);
    return convert(*static_cast<::redisReply*>(raw));
  }

  result<redis_reply> receive(milliseconds wait, int wake_fd) {
    const auto end = mono_now() + wait;
    std::size_t total = 0;
    for (;;) {
      auto one = parsed();
      if (!one) return std::unexpected(one.error());
      if (*one) return std::move(**one);
      const auto left = std::chrono::duration_cast<milliseconds>(end - mono_now());
      bytes.clear();
      if (auto got = stream.read(bytes, std::max(left, milliseconds(0)), wake_fd); !got) return std::unexpected(got.error());
      total += bytes.size();
      if (total > reply_bytes_max) return fail(errc::limit, "a reply of Redis is too large");
      redisReaderFeed(reader.get(), bytes.data(), bytes.size());
    }
  }
};

redis_client::redis_client(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
redis_client::~redis_client() = default;
redis_client::redis_client(redis_client&&) noexcept = default;
redis_client& redis_client::operator=(redis_client&&) noexcept = default;

result<redis_client> redis_client::connect(const redis_endpoint& to, milliseconds timeout) {
  auto stream = transport::blocking_stream::connect({to.host, to.port, to.tls, to.ca_file}, timeout);
  if (!stream) return std::unexpected(stream.error());
  redis_client client(std::make_unique<impl>(std::move(*stream), timeout));
  if (!to.password.empty()) {
    auto words = to.user.empty() ? std::vector<std::string>{"AUTH", to.password} : std::vector<std::string>{"AUTH", to.user, to.password};
    if (auto ok = client.command(words); !ok) {
      return fail(errc::refused, "Redis at " + to.display() + " refused the user or password: " + ok.error().message);
    }
  }
  if (to.database != 0) {
    if (auto ok = client.command({"SELECT", std::to_string(to.database)}); !ok) return std::unexpected(ok.error());
  }
  return client;
}

result<redis_reply> redis_client::command(const std::vector<std::string>& words) {
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
  if (auto sent = impl_->stream.write({raw, static_cast<std::size_t>(length)}, impl_->timeout); !sent) return std::unexpected(sent.error());
  auto reply = impl_->receive(impl_->timeout, -1);
  if (reply && reply->kind == redis_reply::kind::error) return fail(errc::refused, reply->text);
  return reply;
}

result<redis_reply> redis_client::next(milliseconds timeout, int wake_fd) { return impl_->receive(timeout, wake_fd); }

}  // namespace sluice::store
