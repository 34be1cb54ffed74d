// Lines of the log: JSON that is always JSON, text that stays on one line.
#include "sluice/telemetry/log.hpp"

#include <nlohmann/json.hpp>

namespace sluice::telemetry {
namespace {

constexpr std::string_view time = "2026-12-01T12:00:00.123456Z";

TEST(log_line, as_json_survives_any_text) {
  const auto line = log_line(format::json, time, level::warn, "a \"quote\"\nand a line", {{"key", "v\\\x01"}});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto read = nlohmann::json::parse(line);
  EXPECT_EQ(read["level"], "warn");
  EXPECT_EQ(read["time"], time);
  EXPECT_EQ(read["message"], "a \"quote\"\nand a line");
  EXPECT_EQ(read["key"], "v\\\x01");
}

TEST(log_line, as_text_quotes_what_could_be_misread) {
  const auto line = log_line(format::text, time, level::info, "serving", {{"a", "plain"}, {"b", "two words"}, {"c", "\x1b[31m"}});
  EXPECT_EQ(line, "12:00:00.123 info  serving  a=plain  b=\"two words\"  c=\"\\u001b[31m\"");
}

TEST(level_from, falls_back_to_info) {
  EXPECT_EQ(level_from("error"), level::error);
  EXPECT_EQ(level_from("loud"), level::info);
}

}  // namespace
}  // namespace sluice::telemetry
