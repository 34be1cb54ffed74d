// Streams over loopback: order of bytes, back-pressure, ends, and failed connections.
#include "sluice/transport/stream.hpp"

#include <boost/asio.hpp>
#include <vector>

namespace sluice::transport {
namespace {

using boost::asio::ip::tcp;

struct recorder : stream_events {
  std::string data, detail;
  std::optional<end_reason> ended;
  bool opened = false, drained = false;
  void on_open() override { opened = true; }
  void on_data(std::string_view bytes) override { data += bytes; }
  void on_end(end_reason why, std::string_view what) override {
    ended = why;
    detail = what;
  }
  void on_drained() override { drained = true; }
};

struct wire {
  boost::asio::io_context io{1};
  std::vector<char> buffer = std::vector<char>(64 * 1024);
  tcp::acceptor acceptor{io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  tcp::socket peer{io};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep{io.get_executor()};
  stream s{io, buffer};
  recorder events;

  wire() {
    s.listen(&events);
    s.connect({acceptor.local_endpoint()}, nullptr, "localhost");
    peer = acceptor.accept();
    until([&] { return events.opened; });
  }
  template <class Condition>
  void until(Condition done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done() && std::chrono::steady_clock::now() < end) io.run_one_for(std::chrono::milliseconds(2));
    ASSERT_TRUE(done());
  }
};

TEST(stream, hands_on_bytes_and_the_orderly_end) {
  wire w;
  w.s.read(true);
  boost::asio::write(w.peer, boost::asio::buffer(std::string("hello")));
  w.peer.shutdown(tcp::socket::shutdown_send);
  w.until([&] { return w.events.ended.has_value(); });
  EXPECT_EQ(w.events.data, "hello");
  EXPECT_EQ(*w.events.ended, end_reason::eof);
}

TEST(stream, queues_what_the_socket_does_not_take_and_reports_when_it_is_gone) {
  wire w;
  std::string big(32 << 20, 'x');
  for (std::size_t i = 0; i < big.size(); i += 997) big[i] = static_cast<char>('a' + i % 23);
  w.s.write(big);
  ASSERT_GT(w.s.queued(), 0u);
  w.s.write("tail");
  w.s.finish_writing();
  std::string got;
  std::vector<char> piece(256 * 1024);
  bool eof = false;
  w.peer.non_blocking(true);
  w.until([&] {
    boost::system::error_code ec;
    for (auto n = w.peer.read_some(boost::asio::buffer(piece), ec); !ec; n = w.peer.read_some(boost::asio::buffer(piece), ec)) {
      got.append(piece.data(), n);
    }
    eof = ec == boost::asio::error::eof;
    return eof;
  });
  EXPECT_TRUE(got == big + "tail");
  EXPECT_EQ(w.s.queued(), 0u);
}

TEST(stream, reads_nothing_while_reading_is_off) {
  wire w;
  boost::asio::write(w.peer, boost::asio::buffer(std::string("early")));
  for (int i = 0; i < 5; ++i) w.io.run_one_for(std::chrono::milliseconds(5));
  EXPECT_EQ(w.events.data, "");
  w.s.read(true);
  w.until([&] { return w.events.data == "early"; });
  w.s.read(false);
  boost::asio::write(w.peer, boost::asio::buffer(std::string("late")));
  for (int i = 0; i < 5; ++i) w.io.run_one_for(std::chrono::milliseconds(5));
  EXPECT_EQ(w.events.data, "early");
  w.s.read(true);
  w.until([&] { return w.events.data == "earlylate"; });
}

TEST(stream, tells_a_reset_from_an_end) {
  wire w;
  w.s.read(true);
  w.peer.set_option(tcp::socket::linger(true, 0));
  w.peer.close();
  w.until([&] { return w.events.ended.has_value(); });
  EXPECT_EQ(*w.events.ended, end_reason::reset);
}

TEST(stream, says_that_nobody_answered) {
  boost::asio::io_context io{1};
  std::vector<char> buffer(1024);
  tcp::acceptor taken(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const auto at = taken.local_endpoint();
  taken.close();
  stream s(io, buffer);
  recorder events;
  s.listen(&events);
  s.connect({at}, nullptr, "localhost");
  io.run_for(std::chrono::seconds(5));
  ASSERT_TRUE(events.ended.has_value());
  EXPECT_EQ(*events.ended, end_reason::refused);
  EXPECT_NE(events.detail.find(std::to_string(at.port())), std::string::npos);
}

}  // namespace
}  // namespace sluice::transport
