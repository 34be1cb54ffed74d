// See conversation_tags.hpp.
#include "conversation_tags.hpp"

#include <algorithm>

namespace sluice::app {
namespace {

void add(std::vector<std::string>& to, const std::string& tag) {
  if (std::ranges::find(to, tag) == to.end()) to.push_back(tag);
}

}  // namespace

std::size_t conversation_tags::tag_list::bytes() const {
  std::size_t out = tags.size() * sizeof(std::string);
  for (const auto& tag : tags) out += tag.size();
  return out;
}

void conversation_tags::recall(std::string_view tenant, std::string_view conversation, mono_time now, std::vector<std::string>& tags) {
  known_.find(known_.key_of({tenant, conversation}), now, [&tags](const tag_list& known) {
    for (const auto& tag : known.tags) add(tags, tag);
  });
}

void conversation_tags::keep(std::string_view tenant, std::string_view conversation, mono_time now, const std::vector<std::string>& tags) {
  known_.change(known_.key_of({tenant, conversation}), now, [&tags](tag_list& known) {
    for (const auto& tag : tags) {
      if (known.tags.size() < tags_max) add(known.tags, tag);
    }
  });
}

}  // namespace sluice::app
