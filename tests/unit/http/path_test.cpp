// Spellings of a path: each that a server may take for another has that one's normal form.
#include "sluice/http/path.hpp"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

TEST(normal_path, is_one_for_every_spelling) {
  for (const char* spelled : {"/v1/chat/completions", "/v1//chat/completions", "//v1/chat/completions", "/v1/./chat/completions", "/v1/x/../chat/completions", "/v1/%63hat/completions", "/../v1/chat/completions",
                              "/v1/chat%2Fcompletions", "/v1/chat%2fcompletions", "/v1/chat\\completions", "/v1/chat%5Ccompletions", "/v1/chat/completions;a=b", "/v1;x/chat/completions", "/v1/chat/completions%20",
                              "/v1/chat/completions%3Fa", "/v1/chat/completions%23", "/v1/chat/completions%00.html", "/v1/x/%2e%2E/chat/completions", "/v1/x;y/..;z/chat/completions"}) {
    EXPECT_EQ(normal_path(spelled), "/v1/chat/completions") << spelled;
  }
}

TEST(normal_path, leaves_what_is_written_plainly) {
  for (const char* plain : {"/", "/v1/models", "/v1/models/", "/v1/a.b", "/v1/..a", "/v1/a%3Ab", "/v1/a%", "/v1/a%4", "/v1/a%zz", "/v1/\xc3\xa9"}) EXPECT_EQ(normal_path(plain), plain);
  EXPECT_EQ(normal_path("/%2563"), "/%63");  // once
  EXPECT_EQ(normal_path(""), "/");
}

}  // namespace
}  // namespace sluice::http
