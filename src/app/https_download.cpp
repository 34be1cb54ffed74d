// See https_download.hpp.
#include "https_download.hpp"

#include "gateway_setup.hpp"
#include "http_call.hpp"

namespace sluice::app {
namespace {

constexpr milliseconds patience{10'000};

}  // namespace

result<store::downloader> https_download(const https_config& from) {
  http_request ask{.method = "GET", .url = from.url, .fields = {{"Accept", "application/gzip"}}, .body = {}, .ca_file = from.ca_file};
  if (!from.token_file.empty()) {
    const auto token = read_secret(from.token_file, "policy.source.https.token_file");
    if (!token) return std::unexpected(token.error());
    ask.fields.emplace_back("Authorization", "Bearer " + *token);
  }
  return [ask](const std::string& etag, milliseconds wait, int wake_fd) -> result<store::downloaded> {
    auto what = ask;
    what.wake_fd = wake_fd;
    if (!etag.empty()) what.fields.emplace_back("If-None-Match", etag);
    if (wait.count() > 0) what.fields.emplace_back("Prefer", "wait=" + std::to_string(std::chrono::ceil<seconds>(wait).count()));
    const auto begin = mono_now();
    auto answer = http_call(what, wait + patience);
    const auto took = std::chrono::duration_cast<milliseconds>(mono_now() - begin);
    if (!answer) return fail(answer.error().code, what.url + ": " + answer.error().message);
    if (answer->status == 304) return store::downloaded{.unchanged = true, .body = {}, .etag = etag, .took = took};
    if (answer->status != 200) return fail(errc::unavailable, what.url + " answered " + std::to_string(answer->status));
    return store::downloaded{.unchanged = false, .body = std::move(answer->body), .etag = std::move(answer->etag), .took = took};
  };
}

}  // namespace sluice::app
