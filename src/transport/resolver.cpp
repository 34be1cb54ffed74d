// See resolver.hpp.
#include "sluice/transport/resolver.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/basic_resolver.hpp>

namespace sluice::transport {
namespace asio = boost::asio;
using tcp = asio::ip::tcp;

// Outlives the cache while Asio's own thread is inside getaddrinfo; `owner` is null then.
struct address_cache::lookup {
  lookup(event_loop& loop, address_cache* cache) : resolver(loop.io().get_executor()), owner(cache) {}
  asio::ip::basic_resolver<tcp, asio::io_context::executor_type> resolver;
  address_cache* owner;
};

address_cache::address_cache(event_loop& loop, std::string host, std::uint16_t port)
    : loop_(loop), host_(std::move(host)), port_(port) {
  boost::system::error_code ec;
  const auto literal = asio::ip::make_address(host_, ec);
  literal_ = !ec;
  if (literal_) known_ = {endpoint(literal, port_)};
}

address_cache::~address_cache() {
  if (running_ == nullptr) return;
  running_->owner = nullptr;
  running_->resolver.cancel();
}

void address_cache::get(std::function<void(const answer&)> then) {
  if (literal_) return then(known_);
  const bool fresh = trusted_ && mono_now() - known_at_ < fresh_for;
  if (!known_.empty() && trusted_) {
    if (!fresh && running_ == nullptr) look_up();
    return then(known_);
  }
  waiting_.push_back(std::move(then));
  if (running_ == nullptr) look_up();
}

void address_cache::look_up() {
  running_ = std::make_shared<lookup>(loop_, this);
  auto done = [run = running_](const boost::system::error_code& ec, const tcp::resolver::results_type& found) {
    auto* self = run->owner;
    if (self == nullptr) return;
    self->running_.reset();
    if (!ec && !found.empty()) {
      self->known_.clear();
      for (const auto& entry : found) self->known_.push_back(entry.endpoint());
      self->known_at_ = mono_now();
    }
    self->trusted_ = true;
    const answer told = !self->known_.empty()
                            ? answer(self->known_)
                            : answer(fail(errc::unavailable, "cannot resolve " + self->host_ + ": " + ec.message()));
    const auto waiting = std::exchange(self->waiting_, {});
    for (const auto& then : waiting) then(told);
  };
  running_->resolver.async_resolve(host_, std::to_string(port_), std::move(done));
}

}  // namespace sluice::transport
