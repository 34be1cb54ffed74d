// The client against a real Redis, over TCP and TLS, and against peers that are silent or talk nonsense.
#include "redis_client.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "redis_server.hpp"

namespace sluice::store {
namespace {

using namespace testing;

// Accepts one connection and says `answer` to it.
class peer {
 public:
  explicit peer(std::string answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&at), size);
    ::listen(listener_, 1);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    endpoint.port = ntohs(at.sin_port);
    thread_ = std::thread([this] {
      accepted_ = ::accept(listener_, nullptr, nullptr);
      (void)!::write(accepted_, answer_.data(), answer_.size());
    });
  }
  ~peer() {
    thread_.join();
    ::close(accepted_);
    ::close(listener_);
  }
  redis_endpoint endpoint;

 private:
  std::string answer_;
  int listener_ = -1, accepted_ = -1;
  std::thread thread_;
};

TEST(redis_client, a_silent_peer_ends_at_the_deadline) {
  peer silent("");
  auto client = redis_client::connect(silent.endpoint, milliseconds(100));
  ASSERT_TRUE(client);
  const auto begin = mono_now();
  const auto reply = client->command({"PING"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, errc::timeout);
  EXPECT_LT(mono_now() - begin, seconds(2));
}

TEST(redis_client, a_peer_that_is_no_redis_is_told_apart) {
  peer web("HTTP/1.1 400 Bad Request\r\n\r\n");
  auto client = redis_client::connect(web.endpoint, seconds(5));
  ASSERT_TRUE(client);
  const auto reply = client->command({"PING"});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, errc::parse);
}

TEST(redis_client, waiting_for_news_ends_when_woken) {
  peer silent("");
  auto client = redis_client::connect(silent.endpoint, seconds(5));
  ASSERT_TRUE(client);
  const int wake = ::eventfd(1, EFD_CLOEXEC);
  const auto begin = mono_now();
  const auto reply = client->next(seconds(30), wake);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, errc::timeout);
  EXPECT_LT(mono_now() - begin, seconds(5));
  ::close(wake);
}

TEST(redis_client, many_and_large_commands_go_in_one_pipeline) {
  SLUICE_NEEDS_REDIS();
  redis_server redis;
  auto client = redis_client::connect(redis.endpoint(), seconds(5)).value();
  std::vector<redis_command> writes, reads;
  for (int i = 0; i < 300; ++i) {
    writes.push_back({"SET", "k" + std::to_string(i), std::string(static_cast<std::size_t>(i) * 1000, static_cast<char>(i))});
    reads.push_back({"GET", "k" + std::to_string(i)});
  }
  ASSERT_TRUE(client.pipeline(writes));
  const auto all = client.pipeline(reads);
  ASSERT_TRUE(all);
  for (std::size_t i = 0; i < 300; ++i) EXPECT_EQ((*all)[i].text, writes[i][2]) << i;
  const auto mixed = client.pipeline({{"NONSENSE"}, {"PING"}});
  ASSERT_TRUE(mixed);
  EXPECT_EQ((*mixed)[0].kind, redis_reply::kind::error);
  EXPECT_EQ((*mixed)[1].text, "PONG");
}

// A certificate for 127.0.0.1 that signs itself.
bool make_certificate(const temporary_folder& folder, const std::string& host) {
  const auto command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=" + host +
                       " -addext subjectAltName=" + host + " -keyout " + folder.path("key.pem") + " -out " + folder.path("cert.pem") + " 2> /dev/null";
  return std::system(command.c_str()) == 0;
}

TEST(redis_client, speaks_tls_and_verifies_who_answers) {
  SLUICE_NEEDS_REDIS();
  temporary_folder folder;
  if (!make_certificate(folder, "IP:127.0.0.1")) GTEST_SKIP() << "the openssl command is not installed";
  const auto tls_port = free_port();
  redis_server redis({"--tls-port", std::to_string(tls_port), "--tls-cert-file", folder.path("cert.pem"), "--tls-key-file", folder.path("key.pem"),
                      "--tls-ca-cert-file", folder.path("cert.pem"), "--tls-auth-clients", "no"});
  auto to = redis.endpoint();
  to.port = tls_port;
  to.tls = true;
  to.ca_file = folder.path("cert.pem");
  auto client = redis_client::connect(to, seconds(5));
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_EQ(client->command({"PING"})->text, "PONG");
  EXPECT_EQ(client->command({"ECHO", std::string(1 << 20, 'x')})->text.size(), 1u << 20);
  to.host = "localhost";  // not the certificate's name
  EXPECT_FALSE(redis_client::connect(to, seconds(5)));
  to.host = "127.0.0.1";
  to.ca_file.clear();  // the system does not know this authority
  EXPECT_FALSE(redis_client::connect(to, seconds(5)));
}

}  // namespace
}  // namespace sluice::store
