// See directory_source.hpp.
#include "directory_source.hpp"

#include <utility>

#include "sluice/store/directory.hpp"

namespace sluice::store {
namespace {

// Edits in place are taken when nothing has changed for this long; a swap by rename is whole at once.
constexpr milliseconds quiet{500};
constexpr milliseconds settle_max{30'000};

}  // namespace

// Whether somebody writes at this moment: what is read now could be half of an edit. With nothing in force that is better than nothing.
bool directory_source::being_edited() {
  const auto what = watch_.wait(milliseconds(0), -1);
  if (what != directory_watch::event::none) watch_.refresh();
  edited_ = edited_ || what == directory_watch::event::edited;
  return edited_ && node_.freshness() != policy::freshness::none;
}

void directory_source::look() {
  if (!being_edited()) take(true);
}

void directory_source::take(bool may_wait) {
  auto source = load_directory(config_.directory, {});
  if (may_wait && being_edited()) return;
  if (!source) {
    if (source.error().message != last_problem_) node_.refuse({}, "", "load", source.error().message);
    last_problem_ = source.error().message;
    if (again_.waits()) refused_version_.clear();  // is tried again as soon as it can be read
    again_.forget();
    node_.lost(source.error().message);
    return;
  }
  last_problem_.clear();
  node_.contact();
  const auto version = policy::version_of(*source);
  const auto& unsaved = node_.unsaved();
  // What a start from disk found has no number yet when the memory was lost, or was another source's.
  const bool numbered = node_.state().active != policy::activation{};
  if (version == node_.version() && node_.freshness() != policy::freshness::none && numbered && !(unsaved && unsaved->version == version)) {
    refused_version_.clear();
    again_.forget();
    return node_.agrees();
  }
  if (version == refused_version_ && !again_.due(version)) return;
  // Read again: a file that was being written would differ, and only a whole state may be taken.
  auto again = load_directory(config_.directory, {});
  if (!again || policy::version_of(*again) != version) return;
  if (unsaved && unsaved->version != version) node_.spend(unsaved->activation);
  const auto number = unsaved && unsaved->version == version ? unsaved->activation : node_.next_number();
  switch (node_.take(*source, version, number)) {
    case node::outcome::accepted:
    case node::outcome::unsaved: return again_.forget();
    case node::outcome::refused:
      refused_version_ = version;
      again_.refused(version, node_.last_result().transient);
      node_.spend(number);
  }
}

// Waits until edits have been quiet. False: woken.
bool directory_source::settle(int wake_fd) {
  const auto end = mono_now() + settle_max;
  while (mono_now() < end) {
    const auto begin = mono_now();
    const auto what = watch_.wait(quiet, wake_fd);
    if (what == directory_watch::event::swapped) return true;
    if (what == directory_watch::event::none) return mono_now() - begin >= quiet;
  }
  return true;
}

void directory_source::wait(int wake_fd) {
  using event = directory_watch::event;
  const auto what = std::exchange(edited_, false) ? event::edited : watch_.wait(again_.left(config_.poll), wake_fd);
  const auto begin = mono_now();
  if (what == event::edited && !settle(wake_fd)) {
    edited_ = true;
    return;
  }
  if (what != event::none) watch_.refresh();
  take(mono_now() - begin < settle_max);
}

}  // namespace sluice::store
