// See shadow_lane.hpp.
#include "shadow_lane.hpp"

#include <algorithm>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gateway_services.hpp"
#include "sluice/base/cpu_time.hpp"
#include "sluice/base/threads.hpp"

namespace sluice::app {
namespace {

constexpr std::size_t places = 1024;                    // of a worker
constexpr std::size_t waiting_bytes_max = 32u << 20;    // of text, of all workers
constexpr milliseconds burst{1000}, idle{5}, asleep{1000};
constexpr std::uint64_t compare_every = 16;             // exchanges of which also the live version's cost is taken
constexpr int lowest_priority = 19;

class part_names final : public proxy::text_names {
 public:
  explicit part_names(const std::vector<rollout::shadow_part>& parts) : parts_(parts) {}
  [[nodiscard]] std::string of(std::uint32_t part) const override { return part < parts_.size() ? parts_[part].name : "?"; }

 private:
  const std::vector<rollout::shadow_part>& parts_;
};

void copy(std::vector<rollout::shadow_part>& to, const std::vector<policy::text_part>& from, const proxy::text_names& names) {
  to.reserve(from.size());
  for (std::uint32_t i = 0; i < from.size(); ++i) {
    const auto& p = from[i];
    to.push_back({p.role, p.kind, p.last_turn, p.editable, p.choice, names.of(i), std::string(p.text), p.ended, p.in_series});
  }
}

std::size_t bytes_of(const proxy::judged_text& text) {
  std::size_t out = 0;
  for (const auto* parts : {&text.request, &text.response}) {
    for (const auto& p : *parts) out += p.text.size() + sizeof(rollout::shadow_part);
  }
  return out;
}

}  // namespace

shadow_lane::shadow_lane(std::size_t workers, unsigned cpu_percent, rollout::shadow_keys keys, audit::log& log)
    : keys_(std::move(keys)), log_(log), budget_(cpu_percent, burst, mono_now()) {
  for (std::size_t i = 0; i < workers; ++i) workers_.push_back(std::make_unique<worker_side>(places));
  thread_ = start_thread([this] { run(); });
}

shadow_lane::~shadow_lane() {
  {
    const std::lock_guard lock(expect_lock_);
    stopping_ = true;
  }
  expected_changed_.notify_one();
  thread_.join();
}

void shadow_lane::expect(std::string version) {
  {
    const std::lock_guard lock(expect_lock_);
    expected_ = std::move(version);
  }
  expected_changed_.notify_one();
}

void shadow_lane::offer(std::size_t worker, const proxy::exchange_report& report) {
  auto& side = *workers_[worker];
  if (!report.request_judged || report.text == nullptr) return;
  if (!budget_.open()) return side.shed_budget.add();
  if (report.text->too_large) return side.shed_size.add();
  const auto bytes = bytes_of(*report.text);
  if (side.queue.full() || waiting_bytes_.load(std::memory_order_relaxed) + bytes > waiting_bytes_max) return side.shed_queue.add();
  auto made = std::make_unique<job>();
  auto& to = made->of;
  to.candidate = report.policy.shadow;
  to.live = report.policy.snapshot;
  to.who = report.who;
  for (const auto& tag : report.request.tags) std::erase(to.who.tags, tag);  // what this request set itself
  to.caller = report.caller;
  to.counted_as = report.counted_as;
  copy(to.request, report.text->request, report.request_names);
  copy(to.response, report.text->response, report.response_names);
  to.streamed = report.streamed;
  to.takes_system_words = report.text->takes_system_words;
  for (const auto& each : report.text->choices) to.choices.push_back({each.choice, each.structured});
  to.answer_ended = report.text->answer_ended;
  to.response_judged = report.response_judged;
  to.broken_off = !report.reason.empty() && report.response.verdict != policy::verdict::block && report.request.verdict != policy::verdict::block;
  to.request_verdict = report.request.verdict;
  to.response_verdict = report.response.verdict;
  to.request_edits = report.request.edits;
  to.system = report.request.system;
  to.response_edits = report.response.edits;
  to.additions = report.response.additions;
  made->id = report.decision_id;
  made->activation = policy::to_string(report.policy.activation);
  made->freshness = policy::to_string(report.policy.freshness);
  made->dialect = report.dialect;
  made->endpoint = report.endpoint;
  made->method = report.method;
  made->path = report.path;
  made->bytes = bytes;
  waiting_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  side.queue.next() = std::move(made);
  side.queue.publish();
}

// Waits while no version is in shadow, but not for ever: an exchange that was pinned while one was may end later. False: it is over.
bool shadow_lane::next_look() {
  std::unique_lock lock(expect_lock_);
  if (judging_.empty()) expected_changed_.wait_for(lock, asleep, [this] { return stopping_ || !expected_.empty(); });
  judging_ = expected_;
  return !stopping_;
}

void shadow_lane::run() {
  // On Linux a thread has a priority of its own. Where it may not be lowered, the share of the processor still bounds it.
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), lowest_priority);
  while (next_look()) {
    if (!run_once() && !judging_.empty()) std::this_thread::sleep_for(idle);
  }
}

// True: some were for a version that is not in shadow any more.
bool shadow_lane::shed_ended(worker_side& side) {
  bool any = false;
  for (auto* waiting = side.queue.front(); waiting != nullptr && (*waiting)->of.candidate->version() != judging_; waiting = side.queue.front()) {
    waiting_bytes_.fetch_sub((*waiting)->bytes, std::memory_order_relaxed);
    waiting->reset();
    side.queue.release();
    shed_ended_.add();
    any = true;
  }
  return any;
}

// One exchange of each worker. False: there was nothing to do, or no time left to do it.
bool shadow_lane::run_once() {
  bool any = false;
  for (auto& side : workers_) {
    any = shed_ended(*side) || any;
    budget_.refill(mono_now());
    auto* waiting = budget_.open() ? side->queue.front() : nullptr;
    if (waiting == nullptr || (*waiting)->of.candidate->version() != judging_) continue;
    const auto begin = thread_cpu_time();
    const auto mine = std::move(*waiting);
    side->queue.release();
    judge(*mine);
    waiting_bytes_.fetch_sub(mine->bytes, std::memory_order_relaxed);
    const auto used = std::chrono::duration_cast<microseconds>(thread_cpu_time() - begin);
    cpu_us_.add(static_cast<std::uint64_t>(used.count()));
    budget_.spend(used, mono_now());
    any = true;
  }
  return any;
}

void shadow_lane::count_blocks(const rollout::shadow_exchange& of, const rollout::shadow_judgement& done) {
  rollout::describe(counted_, of.who, of.counted_as, done.effective, done.request, done.response, of.candidate->rules());
  const std::lock_guard lock(tally_lock_);
  if (!tally_ || tally_->version() != of.candidate->version()) {
    tally_.emplace(*of.candidate);
    spans_.forget();
  }
  spans_.keep_new(counted_);
  tally_->see(counted_, of.candidate->rules_for(of.who));
}

store::shown_by_version shadow_lane::shown() const {
  const std::lock_guard lock(tally_lock_);
  if (!tally_) return {};
  return {{tally_->version(), tally_->shown()}};
}

void shadow_lane::judge(const job& of) {
  const auto& x = of.of;
  const auto turn = judged_.value() % (2 * compare_every);
  const auto with_live = turn == 0 ? rollout::compare_cost::live_second : turn == compare_every ? rollout::compare_cost::live_first : rollout::compare_cost::no;
  const auto done = rollout::judge_in_shadow(x, keys_, with_live, scratch_, live_scratch_);
  count_blocks(x, done);
  const auto producer = workers_.size();
  if (!log_.reserve(producer, 1)) return shed_log_.add();
  auto* slot = log_.claim(producer, true);
  if (slot == nullptr) return shed_log_.add();
  const auto& rules = x.candidate->rules();
  slot->event = audit::record::event::shadow;
  slot->id = of.id;
  slot->time = now().wall;
  slot->activation = of.activation;
  slot->version = x.candidate->version();
  slot->effective = done.effective;
  slot->freshness = of.freshness;
  slot->who = x.who;
  slot->dialect = of.dialect;
  slot->endpoint = of.endpoint;
  slot->method = of.method;
  slot->path = of.path;
  slot->streamed = x.streamed;
  fill(slot->request, done.request, true, false, false, false, rules, part_names(x.request));
  fill(slot->response, done.response, done.response_judged, false, false, false, rules, part_names(x.response));
  // What was done, beside what would have been.
  slot->request.shadow_verdict = done.request.verdict;
  slot->request.verdict = x.request_verdict;
  slot->response.shadow_verdict = done.response.verdict;
  slot->response.verdict = x.response_verdict;
  slot->shadow = {.live_version = x.live->version(), .text_differs = done.text_differs, .inexact = done.inexact, .took_us = static_cast<std::uint64_t>(done.took.count()),
                  .live_us = static_cast<std::uint64_t>(done.live_took.count())};
  slot->status = slot->upstream_status = 0;
  slot->bytes = slot->latency_us = slot->added_us = 0;
  slot->upstream_edits = slot->edits = 0;
  slot->unscanned.clear();
  slot->attachments.clear();
  slot->unread.clear();
  slot->recalled.clear();
  slot->reason.clear();
  slot->demoted.clear();
  slot->with_text = false;
  slot->canary = slot->stale = false;
  log_.publish(producer);
  judged_.add();
  if (!done.inexact.empty()) inexact_.add();
}

shadow_lane::statistics shadow_lane::stats() const {
  statistics out{.judged = judged_.value(), .inexact = inexact_.value(), .shed_queue = shed_ended_.value(), .shed_log = shed_log_.value(), .cpu_us = cpu_us_.value()};
  for (const auto& side : workers_) {
    out.shed_budget += side->shed_budget.value();
    out.shed_queue += side->shed_queue.value();
    out.shed_size += side->shed_size.value();
  }
  return out;
}

}  // namespace sluice::app
