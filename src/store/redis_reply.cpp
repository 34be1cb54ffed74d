// See redis_reply.hpp; the protocol is RESP2 (redis.io, "Redis serialization protocol specification").
#include "redis_reply.hpp"

#include <hiredis/read.h>

#include <cstdlib>
#include <new>

namespace sluice::store {
namespace {

// What one reply has cost so far.
struct budget {
  std::size_t bytes = 0, elements = 0;
};

// hiredis fills depth first: an array's parent is not appended to while the array itself is filled, so pointers to the last
// element stay good for as long as hiredis uses them. No array is made larger than what has arrived.
redis_reply* place(const redisReadTask* task) {
  if (task->parent == nullptr) {
    *static_cast<budget*>(task->privdata) = {};
    return new redis_reply;
  }
  return &static_cast<redis_reply*>(task->parent->obj)->items.emplace_back();
}

void* make_text(const redisReadTask* task, char* text, std::size_t length) {
  auto* at = place(task);
  auto& spent = *static_cast<budget*>(task->privdata);
  spent.bytes += length;
  const bool fits = spent.bytes <= redis_reply_reader::reply_bytes_max;
  if (fits) {
    at->kind = task->type == REDIS_REPLY_ERROR ? redis_reply::kind::error : redis_reply::kind::text;
    at->text.assign(text, length);
  } else if (task->parent == nullptr) {
    delete at;
  }
  return fits ? at : nullptr;  // null: hiredis gives up with an error
}

void* make_array(const redisReadTask* task, int elements) {
  auto* at = place(task);
  auto& spent = *static_cast<budget*>(task->privdata);
  spent.elements += static_cast<std::size_t>(elements < 0 ? 0 : elements);
  const bool fits = spent.elements <= redis_reply_reader::elements_max;
  if (fits) {
    at->kind = redis_reply::kind::array;
  } else if (task->parent == nullptr) {
    delete at;
  }
  return fits ? at : nullptr;
}

void* make_integer(const redisReadTask* task, long long value) {
  auto* at = place(task);
  at->kind = redis_reply::kind::integer;
  at->integer = value;
  return at;
}

void* make_nil(const redisReadTask* task) { return place(task); }

// Called for the root only, which owns the rest.
void free_root(void* root) { delete static_cast<redis_reply*>(root); }

redisReplyObjectFunctions functions = {make_text, make_array, make_integer, make_nil, free_root};

}  // namespace

std::string redis_reply::field(std::string_view name) const {
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].text == name) return items[i + 1].text;
  }
  return {};
}

struct redis_reply_reader::impl {
  budget spent;
  std::unique_ptr<redisReader, void (*)(redisReader*)> reader{redisReaderCreateWithFunctions(&functions), redisReaderFree};
  impl() { reader->privdata = &spent; }
};

redis_reply_reader::redis_reply_reader() : impl_(std::make_unique<impl>()) {}
redis_reply_reader::~redis_reply_reader() = default;
redis_reply_reader::redis_reply_reader(redis_reply_reader&&) noexcept = default;
redis_reply_reader& redis_reply_reader::operator=(redis_reply_reader&&) noexcept = default;

result<void> redis_reply_reader::feed(std::string_view bytes) {
  const auto& r = *impl_->reader;
  if (r.len - r.pos + bytes.size() > reply_bytes_max) return fail(errc::limit, "a reply of Redis is too large");
  if (redisReaderFeed(impl_->reader.get(), bytes.data(), bytes.size()) != REDIS_OK) {
    return fail(errc::parse, std::string("Redis sent what is no reply: ") + impl_->reader->errstr);
  }
  return {};
}

result<std::optional<redis_reply>> redis_reply_reader::next() {
  void* raw = nullptr;
  if (redisReaderGetReply(impl_->reader.get(), &raw) != REDIS_OK) {
    return fail(errc::parse, std::string("Redis sent what is no reply, or too large a one: ") + impl_->reader->errstr);
  }
  if (raw == nullptr) return std::nullopt;
  const std::unique_ptr<redis_reply> owned(static_cast<redis_reply*>(raw));
  return std::move(*owned);
}

std::optional<milliseconds> redis_time(const redis_reply& reply) {
  if (reply.items.size() != 2) return std::nullopt;
  const auto number = [](const std::string& text) { return std::strtoll(text.c_str(), nullptr, 10); };
  return milliseconds(number(reply.items[0].text) * 1000 + number(reply.items[1].text) / 1000);
}

}  // namespace sluice::store
