// Resolving through the system, with a small cache.
#include "sluice/transport/resolver.hpp"

namespace sluice::transport {

resolver::resolver(boost::asio::io_context& context, milliseconds keep) : keep_(keep), resolver_(context) {}

void resolver::resolve(const std::string& host, std::uint16_t port, std::function<void(result<endpoints>)> done) {
  boost::system::error_code ec;
  const auto literal = boost::asio::ip::make_address(host, ec);
  if (!ec) return done(endpoints{{literal, port}});
  auto key = host + ':' + std::to_string(port);
  if (const auto it = known_.find(key); it != known_.end() && mono_now() < it->second.until) return done(it->second.found);
  auto finish = [this, key = std::move(key), done = std::move(done)](boost::system::error_code failed,
                                                                     const boost::asio::ip::tcp::resolver::results_type& found) {
    // A cancelled look-up may outlive this object: touch nothing of it.
    if (failed == boost::asio::error::operation_aborted) return done(fail(errc::closed, "stopped"));
    if (failed) {
      if (const auto it = known_.find(key); it != known_.end()) return done(it->second.found);
      return done(fail(errc::unavailable, "cannot resolve " + key + ": " + failed.message()));
    }
    auto& e = known_[key];
    e.found.clear();
    for (const auto& one : found) e.found.push_back(one.endpoint());
    e.until = mono_now() + keep_;
    done(e.found);
  };
  resolver_.async_resolve(host, std::to_string(port), boost::asio::ip::tcp::resolver::numeric_service, std::move(finish));
}

}  // namespace sluice::transport
