// Records on their way to a file: whole lines, whatever the disk takes and an earlier run left.
#include "audit_export.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "../file_limit.hpp"

namespace sluice::app {
namespace {

using lines = std::vector<std::string>;

class export_file : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  result<void> send(const lines& records) {
    auto sink = open_sink({.to = path(), .stream = {}, .token_file = {}, .ca_file = {}});
    if (!sink) return std::unexpected(sink.error());
    if (auto written = (*sink)->write(records); !written) return written;
    return (*sink)->finish();
  }
  [[nodiscard]] std::string path() const { return folder_ + "/records.jsonl"; }
  [[nodiscard]] std::string read() const {
    std::ifstream in(path());
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string folder_ = (std::filesystem::temp_directory_path() / "sluice-export-XXXXXX").string();
};

const std::string one = R"({"v":1,"seq":1})", two = R"({"v":1,"seq":2})";

TEST_F(export_file, a_record_that_the_disk_took_in_part_is_cut_off) {
  ASSERT_TRUE(send({one}));
  {
    const testing::file_limit limit(one.size() + 8);
    const auto full = send({two});
    ASSERT_FALSE(full);
    EXPECT_TRUE(full.error().message.contains(path())) << full.error().message;
    EXPECT_EQ(read(), one + "\n");
  }
  ASSERT_TRUE(send({two}));
  EXPECT_EQ(read(), one + "\n" + two + "\n");
}

TEST_F(export_file, a_record_that_a_kill_tore_is_cut_off_and_anything_else_is_left_alone) {
  std::ofstream(path()) << one << "\n" << two.substr(0, 9);
  ASSERT_TRUE(send({two}));
  EXPECT_EQ(read(), one + "\n" + two + "\n");
  const std::string notes = "my notes\nnever ended";
  std::ofstream(path(), std::ios::trunc) << notes;
  const auto refused = send({one});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::invalid_argument);
  EXPECT_EQ(read(), notes);
}

}  // namespace
}  // namespace sluice::app
