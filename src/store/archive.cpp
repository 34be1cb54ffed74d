// See archive.hpp. libarchive unpacks; what may be in it is decided here.
#include "sluice/store/archive.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include "approval.hpp"
#include "ring_layout.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::store {
namespace {

constexpr std::string_view manifest_path = ".sluice/manifest.json", activation_path = ".sluice/activation.json";
constexpr std::uint64_t record_bytes_max = 4u << 20;

using reader = std::unique_ptr<archive, int (*)(archive*)>;
using entry_owner = std::unique_ptr<archive_entry, void (*)(archive_entry*)>;

std::unexpected<error> bad(const std::string& path, const std::string& what) {
  return fail(errc::integrity, "the bundle's archive" + (path.empty() ? std::string() : ", " + clipped(path, 120)) + ": " + what);
}

std::string said_by(archive* of) {
  const char* text = archive_error_string(of);
  return text != nullptr ? text : "it is damaged";
}

// "" when the path is plain and within the depth of a bundle.
std::string wrong_with(std::string_view path) {
  if (const auto wrong = policy::wrong_with_path(path); !wrong.empty()) return std::string(wrong);
  return static_cast<std::size_t>(std::ranges::count(path, '/')) > load_limits{}.depth_max ? "it lies too deep" : "";
}

bool hidden(std::string_view path) { return path.starts_with('.') || path.find("/.") != std::string_view::npos; }

result<std::string> content_of(archive* from, const std::string& path, std::uint64_t bytes_max) {
  std::string out;
  std::array<char, 65536> buffer;
  for (;;) {
    const auto got = archive_read_data(from, buffer.data(), buffer.size());
    if (got < 0) return bad(path, said_by(from));
    if (got == 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(got));
    if (out.size() > bytes_max) return bad(path, "it is larger than " + std::to_string(bytes_max) + " bytes");
  }
}

class unpacking {
 public:
  explicit unpacking(const load_limits& bounds) : bounds_(bounds) {}

  result<void> take(archive* from, archive_entry* entry) {
    if (++entries_ > 2 * bounds_.files_max) return bad("", "it holds more than " + std::to_string(2 * bounds_.files_max) + " entries");
    const char* raw = archive_entry_pathname(entry);
    std::string path = raw != nullptr ? raw : "";
    if (path.starts_with("./")) path.erase(0, 2);
    const auto type = archive_entry_filetype(entry);
    if (type == AE_IFDIR) {
      while (path.ends_with('/')) path.pop_back();
      return path.empty() || wrong_with(path).empty() ? result<void>() : bad(path, wrong_with(path));
    }
    if (const auto wrong = wrong_with(path); !wrong.empty()) return bad(path, wrong);
    if (type != AE_IFREG || archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr) return bad(path, "it is no regular file");
    if (!seen_.insert(path).second) return bad(path, "it is there twice");
    if (seen_.size() > bounds_.files_max) return bad("", "it holds more than " + std::to_string(bounds_.files_max) + " files");
    const bool record = path == manifest_path || path == activation_path;
    auto bytes = content_of(from, path, record ? record_bytes_max : bounds_.file_bytes_max);
    if (!bytes) return std::unexpected(bytes.error());
    total_ += bytes->size();
    if (total_ > bounds_.total_bytes_max) return bad("", "its files are larger than " + std::to_string(bounds_.total_bytes_max) + " bytes together");
    if (record) (path == manifest_path ? out_.manifest : out_.activation) = std::move(*bytes);
    else if (!hidden(path) && policy::classify_file(path) != policy::file_class::other) out_.source.files.push_back(policy::make_source_file(std::move(path), std::move(*bytes)));
    return {};
  }

  result<bundle_archive> finish() {
    if (!seen_.contains("bundle.yaml")) return bad("", "there is no bundle.yaml at its root");
    std::ranges::sort(out_.source.files, {}, &policy::source_file::path);
    return std::move(out_);
  }

 private:
  const load_limits& bounds_;
  bundle_archive out_;
  std::set<std::string> seen_;
  std::uint64_t total_ = 0;
  std::size_t entries_ = 0;  // folders too
};

}  // namespace

result<bundle_archive> read_archive(std::string_view bytes, const load_limits& bounds) {
  const reader from(archive_read_new(), archive_read_free);
  archive_read_support_filter_gzip(from.get());
  archive_read_support_format_tar(from.get());
  if (archive_read_open_memory(from.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) return bad("", "it is no tar.gz: " + said_by(from.get()));
  unpacking into(bounds);
  for (;;) {
    archive_entry* entry = nullptr;
    const int got = archive_read_next_header(from.get(), &entry);
    if (got == ARCHIVE_EOF) return into.finish();
    if (got != ARCHIVE_OK) return bad("", said_by(from.get()));
    if (auto taken = into.take(from.get(), entry); !taken) return std::unexpected(taken.error());
  }
}

result<std::string> write_archive(const bundle_archive& what) {
  std::string out;
  const reader to(archive_write_new(), archive_write_free);
  archive_write_add_filter_gzip(to.get());
  archive_write_set_filter_option(to.get(), "gzip", "timestamp", nullptr);
  archive_write_set_format_ustar(to.get());
  archive_write_set_bytes_in_last_block(to.get(), 1);  // no padding for tapes behind what gzip made
  const auto append = [](archive*, void* into, const void* data, std::size_t size) -> la_ssize_t {
    static_cast<std::string*>(into)->append(static_cast<const char*>(data), size);
    return static_cast<la_ssize_t>(size);
  };
  const auto failed = [&] { return fail(errc::internal, "the archive could not be written: " + said_by(to.get())); };
  if (archive_write_open(to.get(), &out, nullptr, append, nullptr) != ARCHIVE_OK) return failed();
  const auto add = [&](const std::string& path, const std::string& bytes) {
    constexpr unsigned readable = 0644;
    const entry_owner entry(archive_entry_new(), archive_entry_free);
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), readable);
    archive_entry_set_mtime(entry.get(), 0, 0);
    return archive_write_header(to.get(), entry.get()) == ARCHIVE_OK && archive_write_data(to.get(), bytes.data(), bytes.size()) == static_cast<la_ssize_t>(bytes.size());
  };
  bool fine = true;
  if (!what.manifest.empty()) fine = add(std::string(manifest_path), what.manifest);
  if (!what.activation.empty()) fine = fine && add(std::string(activation_path), what.activation);
  for (const auto& file : what.source.files) fine = fine && add(file.path, file.bytes);
  if (!fine || archive_write_close(to.get()) != ARCHIVE_OK) return failed();
  return out;
}

result<std::string> sealed_archive(const policy::bundle_source& source, const sealing& how, const std::optional<crypto::signing_key>& build,
                                   const std::optional<crypto::signing_key>& activate) {
  const auto time = rfc3339(now().wall);
  bundle_archive out{.source = source, .manifest = manifest_json(source, time, how.how), .activation = {}};
  out.activation = to_json(activation_record{.activation = how.activation, .with = {}, .ring = how.ring, .version = policy::version_of(source), .kind = "activate", .actor = how.actor,
                                             .note = how.note, .time = time, .previous = how.how.against, .replid = {}, .how = how.how});
  if (build) out.manifest = sign_text(build_purpose, out.manifest, *build);
  if (activate) out.activation = sign_text(activation_purpose, out.activation, *activate);
  return write_archive(out);
}

namespace {

// Sealed once more, under another number, it is another matter.
approval_place place_in(const bundle_archive& of, const manifest& made) {
  const auto record = parse_record(of.activation);
  return place_of({.ring = record ? record->ring : made.how.ring, .over = {}, .archived = true, .sealed_as = record ? record->activation : policy::activation{}});
}

}  // namespace

result<bool> check_archive(const bundle_archive& of, const trust& whom, const std::string& ring, wall_time now) {
  const auto record = parse_record(of.activation);
  if (!record) return std::unexpected(record.error());
  if (auto counts = check_record(*record, whom, ring, now); !counts) return std::unexpected(counts.error());
  const auto made = parse_manifest(of.manifest);
  if (!made) return std::unexpected(made.error());
  if (auto counts = check_manifest(*made, whom, now); !counts) return std::unexpected(counts.error());
  const auto version = policy::version_of(of.source);
  if (made->version != version || record->version != version) return fail(errc::integrity, "its manifest or its activation is of another version than its files are");
  return made->how.weaker && !check_approval(whom, made->signed_as, now, "it", {.place = place_in(of, *made), .placeless = true});
}

result<provenance> approve_archive(bundle_archive& of, const std::optional<trust>& by, const crypto::signing_key& key) {
  if (of.manifest.empty()) return fail(errc::integrity, "the archive holds no .sluice/manifest.json that could be approved; make it with sluice pack --key");
  const auto made = parse_manifest(of.manifest);
  if (!made) return std::unexpected(made.error());
  auto approved = approve_manifest(of.manifest, policy::version_of(of.source), "the archive", place_in(of, *made), by, key);
  if (!approved) return std::unexpected(approved.error());
  of.manifest = std::move(approved->text);
  return std::move(approved->of.how);
}

policy::activation activation_in(const bundle_archive& of) {
  const auto record = parse_record(of.activation);
  return record ? record->activation : policy::activation{};
}

std::string ring_in(const bundle_archive& of) {
  const auto record = parse_record(of.activation);
  return record ? record->ring : std::string();
}

std::optional<policy::activation> activation_from(std::string_view text) { return parse_activation(text); }

}  // namespace sluice::store
