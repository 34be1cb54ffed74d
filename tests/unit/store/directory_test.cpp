// A folder is read whole or refused by name.
#include "sluice/store/directory.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "../temporary_folder.hpp"

namespace sluice::store {
namespace {

using testing::temporary_folder;
namespace fs = std::filesystem;

TEST(directory, reads_what_decides_and_golden_sets_sorted) {
  temporary_folder f;
  f.write("bundle.yaml", "b");
  f.write("pii/cards.yaml", "c");
  f.write("golden/g.jsonl", "g");
  f.write("README.md", "ignored");
  f.write(".git/config.yaml", "ignored");
  const auto source = load_directory(f.path(), {});
  ASSERT_TRUE(source) << source.error().message;
  std::vector<std::string> paths;
  for (const auto& file : source->files) paths.push_back(file.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"bundle.yaml", "golden/g.jsonl", "pii/cards.yaml"}));
}

TEST(directory, is_written_as_it_was_read_and_never_out_of_its_folder) {
  temporary_folder f;
  const auto bundle = [](const std::string& path) {
    policy::bundle_source out;
    out.files = {policy::make_source_file("bundle.yaml", "b"), policy::make_source_file(path, "c")};
    return out;
  };
  ASSERT_TRUE(write_directory(bundle("pii/cards.yaml"), f.path("new")));
  const auto read = load_directory(f.path("new"), {});
  ASSERT_TRUE(read);
  EXPECT_EQ(policy::version_of(*read), policy::version_of(bundle("pii/cards.yaml")));
  EXPECT_FALSE(write_directory(bundle("p.yaml"), f.path("new"))) << "what is there already is not mixed with it";
  int n = 0;
  for (const std::string path : {"../out.yaml", "/tmp/out.yaml", "a/../../out.yaml", "", "a/", "./p.yaml", "a//p.yaml", ".."}) {
    const auto done = write_directory(bundle(path), f.path("bad" + std::to_string(n++)));
    EXPECT_TRUE(!done && done.error().code == errc::integrity) << path;
  }
  EXPECT_NE(write_directory(bundle("../o\nut.yaml"), f.path("bad")).error().message.find("../o\\nut.yaml"), std::string::npos) << "which file it is";
  EXPECT_FALSE(fs::exists(f.path("out.yaml")));
}

TEST(directory, a_file_whose_name_no_node_would_take_is_named) {
  temporary_folder f;
  f.write("bundle.yaml", "b");
  f.write("no\nte.txt", "counts for nothing");
  EXPECT_TRUE(load_directory(f.path(), {}));
  f.write("p\n.yaml", "p");
  const auto read = load_directory(f.path(), {});
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("p\\n.yaml cannot be taken: its path holds a sign"), std::string::npos) << read.error().message;
}

TEST(directory, a_folder_with_a_bundle_of_its_own_is_another_bundle) {
  temporary_folder f;
  f.write("bundle.yaml", "b");
  f.write("examples/bank/bundle.yaml", "another");
  f.write("examples/bank/p.yaml", "p");
  f.write("examples/bank/pii/more.yaml", "m");
  f.write("examples/bank/golden/g.jsonl", "g");
  f.write("examples/shop/bundle.yml", "another");
  f.write("examples/shop/p.yaml", "p");
  f.write("examples/own.yaml", "o");
  const auto names = [](const auto& source) {
    std::vector<std::string> out;
    for (const auto& file : source->files) out.push_back(file.path);
    return out;
  };
  const auto outer = load_directory(f.path(), {});
  ASSERT_TRUE(outer) << outer.error().message;
  EXPECT_EQ(names(outer), (std::vector<std::string>{"bundle.yaml", "examples/own.yaml"}));
  const auto inner = load_directory(f.path("examples/bank"), {});
  ASSERT_TRUE(inner) << inner.error().message;
  EXPECT_EQ(names(inner), (std::vector<std::string>{"bundle.yaml", "golden/g.jsonl", "p.yaml", "pii/more.yaml"}));
}

TEST(directory, what_is_in_another_bundle_counts_against_no_limit) {
  temporary_folder f;
  f.write("bundle.yaml", "b");
  f.write("examples/bundle.yaml", "another");
  for (int i = 0; i < 30; ++i) f.write("examples/p" + std::to_string(i) + ".yaml", "p");
  EXPECT_TRUE(load_directory(f.path(), {.files_max = 2}));
}

TEST(directory, follows_links_inside_as_kubernetes_makes_them) {
  temporary_folder f;
  f.write("..2026_1/bundle.yaml", "b");
  f.write("..2026_1/p.yaml", "p");
  fs::create_directory_symlink("..2026_1", f.path("..data"));
  fs::create_symlink("..data/bundle.yaml", f.path("bundle.yaml"));
  fs::create_symlink("..data/p.yaml", f.path("p.yaml"));
  const auto source = load_directory(f.path(), {});
  ASSERT_TRUE(source) << source.error().message;
  EXPECT_EQ(source->files.size(), 2u);
}

TEST(directory, refuses_a_link_that_leaves_it) {
  temporary_folder f, other;
  other.write("secret.yaml", "s");
  f.write("bundle.yaml", "b");
  fs::create_symlink(other.path("secret.yaml"), f.path("p.yaml"));
  const auto source = load_directory(f.path(), {});
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, errc::refused);
  EXPECT_NE(source.error().message.find("p.yaml"), std::string::npos);
}

TEST(directory, refuses_a_folder_link_that_leaves_it) {
  temporary_folder f;
  f.write("bundle.yaml", "b");
  fs::create_directory_symlink("..", f.path("up"));
  EXPECT_FALSE(load_directory(f.path(), {}));
}

TEST(directory, refuses_what_is_no_file_instead_of_waiting_for_it) {
  temporary_folder f;
  f.write("bundle.yaml", "b");
  ASSERT_EQ(::mkfifo(f.path("p.yaml").c_str(), 0600), 0);
  const auto source = load_directory(f.path(), {});
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, errc::refused);
}

TEST(directory, a_loop_of_links_ends) {
  temporary_folder f;
  f.write("bundle.yaml", "b");
  fs::create_directory_symlink(".", f.path("again"));
  EXPECT_EQ(load_directory(f.path(), {}).error().code, errc::limit);
}

TEST(directory, holds_every_limit_by_name) {
  temporary_folder f;
  f.write("bundle.yaml", "b");
  f.write("p.yaml", std::string(100, 'p'));
  f.write("a/b/c/d.yaml", "d");
  EXPECT_EQ(load_directory(f.path(), {.files_max = 2}).error().code, errc::limit);
  EXPECT_EQ(load_directory(f.path(), {.file_bytes_max = 99}).error().code, errc::limit);
  EXPECT_EQ(load_directory(f.path(), {.total_bytes_max = 100}).error().code, errc::limit);
  EXPECT_EQ(load_directory(f.path(), {.depth_max = 2}).error().code, errc::limit);
  EXPECT_TRUE(load_directory(f.path(), {.files_max = 3, .file_bytes_max = 100, .total_bytes_max = 102, .depth_max = 3}));
}

TEST(directory, what_is_no_bundle_says_so) {
  temporary_folder f;
  f.write("p.yaml", "p");
  const auto without = load_directory(f.path(), {});
  ASSERT_FALSE(without);
  EXPECT_NE(without.error().message.find("bundle.yaml"), std::string::npos);
  EXPECT_FALSE(load_directory(f.path("p.yaml"), {}));
  EXPECT_EQ(load_directory(f.path("nowhere"), {}).error().code, errc::not_found);
}

}  // namespace
}  // namespace sluice::store
