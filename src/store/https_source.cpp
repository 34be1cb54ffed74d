// See https_source.hpp.
#include "https_source.hpp"

#include <poll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <future>

#include "sluice/base/threads.hpp"

namespace sluice::store {
namespace {

constexpr milliseconds back_off_min{200}, back_off_max{5000};
constexpr milliseconds tick_every{250};
constexpr time_t look_seconds = 5;

}  // namespace

void https_source::look() {
  const int enough = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  const itimerspec once{.it_interval = {}, .it_value = {.tv_sec = look_seconds, .tv_nsec = 0}};
  if (enough >= 0) ::timerfd_settime(enough, 0, &once, nullptr);
  ask(milliseconds(0), enough);
  if (enough >= 0) ::close(enough);
}

// The agent's thread looks at the clock meanwhile: what it has grows old also while a server keeps it waiting.
result<downloaded> https_source::download(milliseconds wait, int wake_fd) {
  auto asking = std::async(std::launch::async | std::launch::deferred, [&] {
    const fault_stack here;
    return config_.download(etag_, wait, wake_fd);
  });
  while (asking.wait_for(tick_every) == std::future_status::timeout) node_.tick();
  return asking.get();
}

void https_source::wait(int wake_fd) {
  const auto left = std::chrono::duration_cast<milliseconds>(next_ - mono_now());
  if (left > milliseconds(0)) {
    pollfd fd{wake_fd, POLLIN, 0};
    ::poll(&fd, 1, static_cast<int>(std::clamp<std::int64_t>(left.count() + 1, 0, 1000)));
    return;
  }
  // The node kept nothing of an archive that it refused: the server is asked for it as if it were not known.
  if (again_.due(refused_)) etag_.clear();
  // A server that holds its answer back says nothing for so long: shorter than what counts as gone.
  ask(etag_.empty() || back_off_ != milliseconds(0) ? milliseconds(0) : again_.left(std::min(config_.download_wait, node_.max_stale() / 3)), wake_fd);
}

void https_source::ask(milliseconds wait, int wake_fd) {
  auto got = download(wait, wake_fd);
  if (!got) {
    if (got.error().code == errc::timeout && wake_fd >= 0) return;  // somebody wants something of this thread
    node_.lost(got.error().message);
    back_off_ = std::clamp(back_off_ * 2, back_off_min, back_off_max);
    next_ = mono_now() + jittered(back_off_);
    return;
  }
  back_off_ = milliseconds(0);
  next_ = wait == milliseconds(0) ? mono_now() + jittered(config_.download_wait != milliseconds(0) ? milliseconds(0) : config_.poll) : mono_now();
  if (got->unchanged) {
    answers_the_same();
    // A server that does not wait is not asked without a pause.
    if (wait != milliseconds(0) && got->took < milliseconds(1000)) next_ = mono_now() + jittered(config_.poll);
    return;
  }
  etag_ = got->etag;
  take(got->body);
  if (etag_.empty()) next_ = mono_now() + jittered(config_.poll);
}

// What was served last is served still.
void https_source::answers_the_same() {
  if (settled_) return node_.contact();
  behind_.empty() ? node_.reached() : node_.behind(behind_);
}

// What runs stays; the same bytes are not looked at again.
void https_source::refuse(const std::string& what, policy::activation as, const std::string& version) {
  refused_ = digest_;
  again_.forget();
  settled_ = false;
  node_.reached();
  node_.refuse(as, version, "VERIFY", what);
}

// A server has no log: what a version follows here is what this node itself made live last. Who remembers nothing has but the manifest's word.
placing https_source::placing_of(const manifest& of) const {
  const auto last = node_.last_live();
  return {.ring = config_.ring, .over = last.empty() ? of.how.against : last, .back = node_.was_live(of.version), .first = node_.state().highest == policy::activation{}, .archived = true};
}

result<manifest> https_source::checked_manifest(const bundle_archive& from, wall_time t) const {
  const auto version = policy::version_of(from.source);
  manifest out{.version = version, .files = {}, .how = {}, .signed_as = {}};
  if (!from.manifest.empty()) {
    auto read = parse_manifest(from.manifest);
    if (!read) return read;
    out = std::move(*read);
    if (out.version != version) return fail(errc::integrity, "the archive's manifest is that of another version than its files are");
  } else if (config_.trust.required) {
    return fail(errc::integrity, "the archive holds no .sluice/manifest.json, and this node requires signatures (policy.trust.require_signature); make it with sluice pack --key");
  }
  auto as = placing_of(out);
  if (const auto record = parse_record(from.activation)) as.sealed_as = record->activation;
  if (auto passes = check_manifest(out, config_.trust, t, as); !passes) return std::unexpected(passes.error());
  return out;
}

// Whether it is the very record that this node has taken.
bool https_source::runs_record(const activation_record& record) const {
  const auto& state = node_.state();
  return node_.version() == record.version && state.active == record.activation && state.record == digest_of(record) && node_.freshness() != policy::freshness::none;
}

void https_source::settle() {
  settled_ = true;
  node_.contact();
  node_.agrees();
}

// A number below what this node has seen is withheld news; one that it has, with another content, is a fork.
bool https_source::follows(const activation_record& record) {
  const auto& state = node_.state();
  if (record.activation < state.highest) {
    settled_ = false;
    behind_ = "HEAD_REGRESSED: the server is at " + policy::to_string(record.activation) + ", this node has seen " + policy::to_string(state.highest) + "; what runs stays";
    node_.behind(behind_);
    return false;
  }
  if (record.activation == state.active && record.version != state.version && node_.freshness() != policy::freshness::none) {
    settled_ = false;
    node_.reached();
    node_.refuse(record.activation, record.version, "GEN_FORK", "this node runs version " + state.version.substr(0, 12) + " under the same number; give the next one a number of its own");
    return false;
  }
  return true;
}

void https_source::take(const std::string& bytes) {
  digest_ = crypto::sha256_hex(bytes);
  if (digest_ == refused_ && !again_.due(digest_)) return answers_the_same();
  if (digest_ != refused_) again_.forget();
  behind_.clear();
  refused_.clear();
  auto archive = read_archive(bytes, {});
  if (!archive) return refuse(archive.error().message);
  std::optional<activation_record> record;
  if (!archive->activation.empty()) {
    auto read = parse_record(archive->activation);
    if (!read) return refuse(read.error().message, {}, policy::version_of(archive->source));
    record = std::move(*read);
  }
  // What runs was checked when it was taken: a key that has ended since takes neither that away nor the contact with the server.
  const auto t = record && runs_record(*record) ? std::min(node_.state().last_activation.value_or(now().wall), now().wall) : now().wall;
  const auto of = checked_manifest(*archive, t);
  if (!of) return refuse(of.error().message, record ? record->activation : policy::activation{}, policy::version_of(archive->source));
  policy::activation as = node_.version() == of->version ? node_.state().active : node_.next_number();
  if (record) {
    if (record->version != of->version) return refuse("the archive's activation is of another version than its files are", record->activation, of->version);
    // A server has no log in which one could look up what a key of the role safety goes on with: it has to be the role activate.
    if (auto passes = check_activator(*record, config_.trust, config_.ring, t); !passes) return refuse(passes.error().message, record->activation, record->version);
    if (!follows(*record)) return;
    as = record->activation;
  } else if (config_.trust.required) {
    return refuse("the archive holds no .sluice/activation.json, so that an old one could be served again, and this node requires signatures", {}, of->version);
  }
  const node::said said{.record = record ? digest_of(*record) : "", .made_live = {}};
  const bool runs_it = node_.version() == of->version && node_.state().active == as && node_.freshness() != policy::freshness::none;
  if (runs_it && !node_.unsaved()) {
    if (node_.state().record != said.record) node_.note(said);
    return settle();
  }
  settled_ = true;
  node_.contact();
  node_.learn(of->version, of->how.benign);
  const auto done = node_.take(archive->source, of->version, as, {}, said);
  again_.refused(digest_, done == node::outcome::refused && node_.last_result().transient);
  if (done == node::outcome::refused) refused_ = digest_;
  if (done == node::outcome::refused && archive->activation.empty()) node_.spend(as);
  if (done == node::outcome::unsaved) etag_.clear();  // tried again at the next look
}

}  // namespace sluice::store
