// Streams over loopback: order of bytes, back-pressure, ends, and failed connections.
#include "sluice/transport/stream.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>

#include <boost/asio.hpp>

namespace sluice::transport {
namespace {

using boost::asio::ip::tcp;

struct recorder final : stream_listener {
  std::string data;
  std::optional<error> failed;
  bool connected = false, ended = false, drained = false;
  void on_connected() override { connected = true; }
  void on_bytes(std::string_view bytes) override { data += bytes; }
  void on_eof() override { ended = true; }
  void on_drained() override { drained = true; }
  void on_failed(const error& why) override { failed = why; }
};

struct pair {
  event_loop loop;
  tcp::acceptor acceptor{loop.io(), tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  tcp::socket peer{loop.io()};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep{loop.io().get_executor()};
  recorder events;
  stream s{loop, events};

  pair() {
    s.connect({acceptor.local_endpoint()}, nullptr, "localhost", seconds(10));
    loop.io().poll();  // connecting begins in the loop
    peer = acceptor.accept();
    until([&] { return events.connected; });
  }
  template <class Condition>
  void until(Condition done) {
    const auto end = mono_now() + seconds(10);
    while (!done() && mono_now() < end) loop.io().run_one_for(milliseconds(2));
    ASSERT_TRUE(done());
  }
  // Lets everything happen that can: a post behind it has run.
  void settle() {
    for (int i = 0; i < 3; ++i) {
      bool over = false;
      boost::asio::post(loop.io(), [&] { over = true; });
      until([&] { return over; });
    }
  }
};

TEST(stream, knows_what_the_peers_machine_had_when_the_peer_ended) {
  for (const bool read : {false, true}) {
    pair p;
    p.s.read_on();
    ASSERT_TRUE(p.s.write("first"));
    char got[8];
    ASSERT_EQ(boost::asio::read(p.peer, boost::asio::buffer(got, 5)), 5u);
    (void)boost::asio::write(p.peer, boost::asio::buffer("an answer", 9));
    p.until([&] { return p.events.data == "an answer"; });
    const auto before = p.s.acknowledged_bytes();
    ASSERT_TRUE(before);
    EXPECT_GE(*before, 5u);
    // The loop does not run meanwhile: the stream knows of no end yet.
    if (!read) p.peer.close();
    ASSERT_TRUE(p.s.write("second"));
    if (read) {
      ASSERT_EQ(boost::asio::read(p.peer, boost::asio::buffer(got, 6)), 6u);
      p.peer.close();
    }
    p.until([&] { return p.events.ended; });
    EXPECT_EQ(p.s.acknowledged_bytes() == before, !read);
  }
}

TEST(stream, hands_on_bytes_and_the_orderly_end) {
  pair p;
  p.s.read_on();
  boost::asio::write(p.peer, boost::asio::buffer(std::string("hello")));
  p.peer.shutdown(tcp::socket::shutdown_send);
  p.until([&] { return p.events.ended; });
  EXPECT_EQ(p.events.data, "hello");
  EXPECT_FALSE(p.events.failed);
  EXPECT_TRUE(p.s.write("still open"));
}

TEST(stream, queues_what_the_socket_does_not_take_and_reports_when_it_is_gone) {
  pair p;
  std::string big(32 << 20, 'x');
  for (std::size_t i = 0; i < big.size(); i += 997) big[i] = static_cast<char>('a' + i % 23);
  ASSERT_TRUE(p.s.write(big));
  ASSERT_GT(p.s.queued_bytes(), 0u);
  EXPECT_EQ(p.s.sent_bytes() + p.s.queued_bytes(), big.size());
  ASSERT_TRUE(p.s.write("tail"));
  std::string got;
  std::vector<char> piece(256 * 1024);
  p.peer.non_blocking(true);
  p.until([&] {
    boost::system::error_code ec;
    for (auto n = p.peer.read_some(boost::asio::buffer(piece), ec); !ec;
         n = p.peer.read_some(boost::asio::buffer(piece), ec)) {
      got.append(piece.data(), n);
    }
    return got.size() == big.size() + 4 && p.events.drained;
  });
  EXPECT_TRUE(got == big + "tail");
  EXPECT_EQ(p.s.queued_bytes(), 0u);
}

TEST(stream, reads_nothing_while_reading_is_off) {
  pair p;
  boost::asio::write(p.peer, boost::asio::buffer(std::string("early")));
  p.settle();
  EXPECT_EQ(p.events.data, "");
  p.s.read_on();
  p.until([&] { return p.events.data == "early"; });
  p.s.read_off();
  boost::asio::write(p.peer, boost::asio::buffer(std::string("late")));
  p.settle();
  EXPECT_EQ(p.events.data, "early");
  p.s.read_on();
  p.until([&] { return p.events.data == "earlylate"; });
}

TEST(stream, tells_a_reset_from_an_end) {
  pair p;
  p.s.read_on();
  p.peer.set_option(tcp::socket::linger(true, 0));
  p.peer.close();
  p.until([&] { return p.events.failed.has_value(); });
  EXPECT_EQ(p.events.failed->code, errc::closed);
  EXPECT_FALSE(p.events.ended);
}

TEST(stream, notices_a_reset_behind_the_end_when_asked_to) {
  pair p;
  p.s.read_on();
  p.peer.shutdown(tcp::socket::shutdown_send);
  p.until([&] { return p.events.ended; });
  p.s.watch_reset();
  p.settle();
  EXPECT_FALSE(p.events.failed);
  p.peer.set_option(tcp::socket::linger(true, 0));
  p.peer.close();
  p.until([&] { return p.events.failed.has_value(); });
}

TEST(stream, tries_the_next_address_and_says_when_none_answered) {
  event_loop loop;
  tcp::acceptor taken(loop.io(), tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  tcp::acceptor open(loop.io(), tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const auto nobody = taken.local_endpoint();
  taken.close();
  recorder first, second;
  stream reaches(loop, first), fails(loop, second);
  reaches.connect({nobody, open.local_endpoint()}, nullptr, "localhost", seconds(10));
  fails.connect({nobody}, nullptr, "localhost", seconds(10));
  const auto end = mono_now() + seconds(10);
  while ((!first.connected || !second.failed) && mono_now() < end) loop.io().run_one_for(milliseconds(2));
  EXPECT_TRUE(first.connected);
  ASSERT_TRUE(second.failed);
  EXPECT_EQ(second.failed->code, errc::unavailable);
  EXPECT_NE(second.failed->message.find("refused"), std::string::npos);
}

TEST(stream, may_be_destroyed_by_its_listener) {
  struct owner final : stream_listener {
    std::optional<stream> s;
    int calls = 0;
    void on_connected() override {}
    void on_bytes(std::string_view) override {
      ++calls;
      s.reset();
    }
    void on_eof() override { ++calls; }
    void on_drained() override { ++calls; }
    void on_failed(const error&) override { ++calls; }
  };
  pair p;
  owner o;
  o.s.emplace(p.loop, o);
  o.s->connect({p.acceptor.local_endpoint()}, nullptr, "", seconds(10));
  p.settle();
  auto peer = p.acceptor.accept();
  p.settle();
  o.s->read_on();
  boost::asio::write(peer, boost::asio::buffer(std::string("x")));
  p.until([&] { return o.calls > 0; });
  peer.close();
  p.settle();
  EXPECT_EQ(o.calls, 1);
}

// Listens, but its queue is full: who connects gets no answer.
struct silent {
  boost::asio::io_context io;
  tcp::acceptor acceptor{io};
  std::vector<tcp::socket> queued;
  silent() {
    acceptor.open(tcp::v4());
    acceptor.bind({boost::asio::ip::address_v4::loopback(), 0});
    acceptor.listen(0);
    for (int i = 0; i < 3; ++i) {
      queued.emplace_back(io, tcp::v4());
      queued.back().non_blocking(true);
      // Not Asio's own connect(), which waits for the answer whatever the socket says: for minutes, as nobody answers.
      const auto to = acceptor.local_endpoint();
      EXPECT_TRUE(::connect(queued.back().native_handle(), to.data(), static_cast<socklen_t>(to.size())) == 0 || errno == EINPROGRESS);
    }
  }
};

TEST(stream, an_endpoint_that_does_not_answer_leaves_the_others_their_share_of_the_time) {
  silent nobody;
  pair open;
  recorder first, second;
  stream reaches(open.loop, first), waits(open.loop, second);
  const auto begin = mono_now();
  reaches.connect({nobody.acceptor.local_endpoint(), open.acceptor.local_endpoint()}, nullptr, "localhost", milliseconds(1000));
  waits.connect({nobody.acceptor.local_endpoint(), nobody.acceptor.local_endpoint()}, nullptr, "localhost", milliseconds(1000));
  open.until([&] { return first.connected; });
  EXPECT_GE(mono_now() - begin, milliseconds(400));
  EXPECT_LT(mono_now() - begin, milliseconds(1000)) << "within the deadline of all";
  // The last has what is left, and the deadline is its owner's.
  while (mono_now() - begin < milliseconds(1500)) open.loop.io().run_one_for(milliseconds(5));
  EXPECT_FALSE(second.connected || second.failed);
}

}  // namespace
}  // namespace sluice::transport
