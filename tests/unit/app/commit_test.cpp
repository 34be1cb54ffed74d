// A version is of a commit, or of something that nobody committed: what it was read from, and not what stands there later.
#include "commit.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "../temporary_folder.hpp"
#include "sluice/store/directory.hpp"

namespace sluice::app {
namespace {

class commit : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("git --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "git is not installed";
    f_.write("bundle/bundle.yaml", "b");
    f_.write("bundle/p.yaml", "p");
    f_.write(".gitignore", "build/\nlocal*\n");
    git("init -q");
    commit_all();
  }
  void git(const std::string& words) const { ASSERT_EQ(std::system(("git -C '" + f_.path() + "' -c user.name=t -c user.email=t@t " + words + " > /dev/null 2>&1").c_str()), 0) << words; }
  void commit_all() const {
    git("add -A");
    git("commit -qm one");
  }
  [[nodiscard]] std::string head() const { return checkout_of(f_.path()).head; }
  // Of what is read after `before`, while `meanwhile` happens.
  [[nodiscard]] std::string of(const std::function<void()>& meanwhile = [] {}) const {
    const auto before = checkout_of(bundle());
    const auto read = store::load_directory(bundle(), {});
    EXPECT_TRUE(read) << (read ? "" : read.error().message);
    meanwhile();
    return commit_of(bundle(), before, read.value_or(policy::bundle_source{}));
  }
  [[nodiscard]] std::string bundle() const { return f_.path("bundle"); }
  testing::temporary_folder f_;
};

TEST_F(commit, of_files_that_are_as_committed_is_the_one_that_is_checked_out) {
  EXPECT_EQ(head().size(), 40U);
  EXPECT_EQ(of(), head());
  f_.write("elsewhere.yaml", "no matter of the bundle");
  EXPECT_EQ(of(), head());
  f_.write("bundle/build/out.o", "ignored, and nothing that a bundle reads");
  EXPECT_EQ(of(), head());
}

TEST_F(commit, of_files_that_are_changed_or_new_is_dirty) {
  f_.write("bundle/p.yaml", "q");
  EXPECT_EQ(of(), head() + "-dirty");
  commit_all();
  EXPECT_EQ(of(), head());
  f_.write("bundle/new.yaml", "n");
  EXPECT_EQ(of(), head() + "-dirty");
}

TEST_F(commit, of_a_bundle_with_a_file_that_git_ignores_is_dirty) {
  f_.write("bundle/local.yaml", "it decides all the same");
  EXPECT_EQ(of(), head() + "-dirty");
}

TEST_F(commit, that_comes_while_the_files_are_read_is_not_taken_for_theirs) {
  const auto first = head();
  EXPECT_EQ(of([&] { f_.write("bundle/p.yaml", "q"); }), first + "-dirty");
  git("checkout -q .");
  const auto told = of([&] {
    f_.write("bundle/p.yaml", "q");
    commit_all();
  });
  EXPECT_NE(head(), first);
  EXPECT_EQ(told, head() + "-dirty");
}

TEST_F(commit, of_what_is_read_through_links_asks_where_they_lead) {
  namespace fs = std::filesystem;
  f_.write("bundle/shared/one.yaml", "1");
  fs::create_directory_symlink("shared", f_.path("bundle/linked"));
  commit_all();
  EXPECT_EQ(of(), head());
  f_.write("bundle/local.txt", "ignored, and no file of a bundle by its own name");
  fs::create_symlink("local.txt", f_.path("bundle/two.yaml"));
  commit_all();
  EXPECT_EQ(of(), head() + "-dirty");
}

TEST_F(commit, is_none_where_there_is_no_repository) {
  const testing::temporary_folder other;
  other.write("bundle.yaml", "b");
  EXPECT_EQ(checkout_of(other.path()).head, "");
  EXPECT_EQ(commit_of(other.path(), checkout_of(other.path()), store::load_directory(other.path(), {}).value()), "");
}

}  // namespace
}  // namespace sluice::app
