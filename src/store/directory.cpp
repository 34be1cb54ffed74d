// Reads a bundle's folder: bounded, inside its root, whole.
#include "sluice/store/directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "sluice/base/durable_file.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::store {
namespace fs = std::filesystem;
namespace {

constexpr std::array<std::string_view, 3> root_names = {"bundle.yaml", "bundle.yml", "bundle.json"};

// A link that leads nowhere counts as well: reading on would mix two bundles that somebody means to keep apart.
bool is_bundle_root(const fs::path& folder) {
  std::error_code why;
  return std::ranges::any_of(root_names, [&](std::string_view name) { return fs::exists(fs::symlink_status(folder / name, why)); });
}

class reader {
 public:
  reader(fs::path root, const load_limits& bounds) : root_(std::move(root)), bounds_(bounds) {}

  result<policy::bundle_source> read() {
    if (auto done = walk(root_, "", 0); !done) return std::unexpected(done.error());
    std::sort(out_.files.begin(), out_.files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    if (std::ranges::none_of(out_.files, [](const auto& f) { return std::ranges::find(root_names, f.path) != root_names.end(); })) {
      return fail(errc::not_found, root_.string() + " is no bundle: it has no bundle.yaml at its root");
    }
    return std::move(out_);
  }

 private:
  result<void> walk(const fs::path& folder, const std::string& prefix, std::size_t depth) {
    if (depth > bounds_.depth_max) return fail(errc::limit, folder.string() + ": folders are nested deeper than " + std::to_string(bounds_.depth_max));
    std::error_code why;
    for (fs::directory_iterator it(folder, why), end; !why && it != end; it.increment(why)) {
      if (++entries_ > bounds_.files_max * 4) return fail(errc::limit, root_.string() + " holds more entries than a bundle may");
      const auto name = it->path().filename().string();
      // Hidden entries are skipped: .git, and Kubernetes' ..data, which the visible links lead into.
      if (name.starts_with('.')) continue;
      if (auto done = entry(it->path(), prefix + name, depth); !done) return done;
    }
    if (why) return fail(errc::io, folder.string() + " cannot be read: " + why.message());
    return {};
  }

  result<void> entry(const fs::path& path, const std::string& name, std::size_t depth) {
    std::error_code why;
    const auto real = fs::canonical(path, why);
    if (why) return fail(errc::io, path.string() + " cannot be followed: " + why.message());
    const auto inside = real.lexically_relative(root_);
    if (inside.empty() || *inside.begin() == "..") {
      return fail(errc::refused, path.string() + " is a link that leaves the bundle's folder; copy the file into it");
    }
    const auto status = fs::status(real, why);
    if (fs::is_directory(status)) return real != root_ && is_bundle_root(real) ? result<void>{} : walk(path, name + "/", depth + 1);
    if (policy::classify_file(name) == policy::file_class::other) return {};
    if (const auto wrong = policy::wrong_with_path(name); !wrong.empty()) {
      return fail(errc::refused, "the bundle's file " + printable(clipped(name, 120)) + " cannot be taken: " + std::string(wrong) + "; rename it");
    }
    if (!fs::is_regular_file(status)) return fail(errc::refused, path.string() + " is neither a file nor a folder");
    return file(real, name);
  }

  result<void> file(const fs::path& real, const std::string& name) {
    if (out_.files.size() >= bounds_.files_max) return fail(errc::limit, "the bundle has more than " + std::to_string(bounds_.files_max) + " files");
    const int fd = ::open(real.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0) return fail(errc::io, real.string() + " cannot be opened: " + std::strerror(errno));
    std::string bytes;
    std::array<char, 65536> buffer;
    ssize_t n = 0;
    while ((n = ::read(fd, buffer.data(), buffer.size())) > 0 && bytes.size() <= bounds_.file_bytes_max) bytes.append(buffer.data(), static_cast<std::size_t>(n));
    ::close(fd);
    if (n < 0) return fail(errc::io, real.string() + " cannot be read: " + std::strerror(errno));
    if (bytes.size() > bounds_.file_bytes_max) {
      return fail(errc::limit, name + " is larger than " + std::to_string(bounds_.file_bytes_max >> 20) + " MiB; split it");
    }
    total_ += bytes.size();
    if (total_ > bounds_.total_bytes_max) {
      return fail(errc::limit, "the bundle is larger than " + std::to_string(bounds_.total_bytes_max >> 20) + " MiB in all");
    }
    out_.files.push_back(policy::make_source_file(name, std::move(bytes)));
    return {};
  }

  fs::path root_;
  const load_limits& bounds_;
  policy::bundle_source out_;
  std::uint64_t total_ = 0;
  std::size_t entries_ = 0;
};

}  // namespace

result<policy::bundle_source> load_directory(const std::string& directory, const load_limits& bounds) {
  std::error_code why;
  auto root = fs::canonical(directory, why);
  if (why) return fail(errc::not_found, "the bundle folder " + directory + " cannot be read: " + why.message());
  if (!fs::is_directory(root)) return fail(errc::invalid_argument, directory + " is no folder; a bundle is a folder with a bundle.yaml");
  return reader(std::move(root), bounds).read();
}

result<void> write_directory(const policy::bundle_source& source, const std::string& directory) {
  std::error_code why;
  if (!fs::create_directory(directory, why)) return fail(errc::io, "the folder " + directory + " cannot be made: " + (why ? why.message() : "it is there already"));
  for (const auto& f : source.files) {
    if (const auto wrong = policy::wrong_with_path(f.path); !wrong.empty()) {
      return fail(errc::integrity, "a file of this bundle, " + printable(clipped(f.path, 120)) + ", was not written: " + std::string(wrong));
    }
    const auto to = fs::path(directory) / f.path;
    fs::create_directories(to.parent_path(), why);
    if (why) return fail(errc::io, "the folder " + to.parent_path().string() + " cannot be made: " + why.message());
    if (auto done = write_file(to.string(), f.bytes, {.synced = false}); !done) return done;
  }
  return {};
}

}  // namespace sluice::store
