// See demo_traffic.hpp.
#include "demo_traffic.hpp"

#include <algorithm>
#include <random>

#include "demo_bundle.hpp"
#include "http_call.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::app::demo {
namespace {

constexpr std::uint32_t now_and_then_one_in = 12;
constexpr milliseconds answer_max{5000};

}  // namespace

traffic::traffic(std::vector<std::string> urls, std::uint32_t per_second)
    : urls_(std::move(urls)), per_second_(per_second), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void traffic::ask(const std::string& url, std::uint64_t n, std::uint32_t dice) {
  const auto customer = dice % customers;
  const auto texts = dice / customers % now_and_then_one_in == 0 ? now_and_then() : everyday();
  const auto text = texts[dice / (customers * now_and_then_one_in) % texts.size()];
  http_request what{.method = "POST", .url = url + "/v1/chat/completions", .fields = {}, .body = {}, .ca_file = {}};
  what.fields = {{"content-type", "application/json"}, {"x-user", "customer-" + std::to_string(customer)}, {"x-tenant", tenants[customer % std::size(tenants)]}, {"x-conversation", "demo-" + std::to_string(n)}};
  what.body = R"({"model":"mock","messages":[{"role":"user","content":)" + json_quoted(text) + "}]}";
  const auto answer = http_call(what, answer_max);
  const bool fine = answer && (answer->status == 200 || answer->status == 400);
  ++(!fine ? failed_ : answer->status == 200 ? answered_ : blocked_);
}

void traffic::run(const std::stop_token& stop) {
  std::minstd_rand dice(1);  // NOLINT(bugprone-random-generator-seed): the same customers each time
  const auto pause = std::chrono::duration_cast<microseconds>(seconds(1)) / per_second_;
  auto next = mono_now();
  for (std::uint64_t n = 0; !stop.stop_requested(); ++n) {
    ask(urls_[n % urls_.size()], n, static_cast<std::uint32_t>(dice()));
    // A gateway that was slow is not overrun afterwards.
    next = std::max(next + pause, mono_now());
    std::this_thread::sleep_until(next);
  }
}

std::string traffic::told() const {
  const auto answered = answered_.load(), blocked = blocked_.load(), failed = failed_.load();
  return "sent " + std::to_string(answered + blocked + failed) + ": " + std::to_string(answered) + " answered, " + std::to_string(blocked) + " blocked by a rule, " + std::to_string(failed) + " failed";
}

}  // namespace sluice::app::demo
