// See failure_document.hpp.
#include "failure_document.hpp"

#include <atomic>
#include <iostream>
#include <nlohmann/json.hpp>
#include <streambuf>

namespace sluice::app {
namespace {

constexpr std::size_t complaints_max = 100;  // a command that runs for days must not grow by what it complains about

std::atomic<failure_document*> of_process{nullptr};

}  // namespace

std::string failure_json(const std::vector<complaint>& all, std::size_t more, int exit_code) {
  using json = nlohmann::ordered_json;
  json out = {{"ok", false}};
  out["error"] = all.empty() ? "the command ended with exit code " + std::to_string(exit_code) : all.back().what;
  out["advice"] = all.empty() ? "" : all.back().advice;
  if (all.size() > 1) {
    auto& list = out["complaints"] = json::array();
    for (const auto& each : all) list.push_back({{"error", each.what}, {"advice", each.advice}});
  }
  if (more > 0) out["more"] = more;
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

// Passes everything on, and knows whether there was anything.
class failure_document::watched_output final : public std::streambuf {
 public:
  watched_output() : to_(std::cout.rdbuf(this)) {}
  ~watched_output() override {
    std::cout.flush();
    std::cout.rdbuf(to_);
  }
  watched_output(const watched_output&) = delete;
  watched_output& operator=(const watched_output&) = delete;
  [[nodiscard]] bool used() const { return used_; }

 protected:
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    used_ = true;
    return to_->sputc(traits_type::to_char_type(c));
  }
  std::streamsize xsputn(const char* bytes, std::streamsize n) override {
    if (n > 0) used_ = true;
    return to_->sputn(bytes, n);
  }
  int sync() override { return to_->pubsync(); }

 private:
  std::streambuf* to_;
  std::atomic<bool> used_ = false;
};

failure_document::failure_document(bool wanted) : output_(wanted ? std::make_unique<watched_output>() : nullptr) {
  if (wanted) of_process = this;
}

failure_document::~failure_document() {
  if (output_) of_process = nullptr;
}

void failure_document::keep(const std::string& what, const std::string& advice) {
  if (std::this_thread::get_id() != thread_) return;
  if (complaints_.size() == complaints_max) {
    // The last one says how it ended.
    complaints_.pop_back();
    ++more_;
  }
  complaints_.push_back({what, advice});
}

void failure_document::tell(int exit_code) {
  if (!output_ || exit_code == 0 || output_->used()) return;
  std::cout << failure_json(complaints_, more_, exit_code) << std::flush;
}

void keep_complaint(const std::string& what, const std::string& advice) {
  if (auto* document = of_process.load()) document->keep(what, advice);
}

}  // namespace sluice::app
