// Chat Completions answers that come in one piece.
#include <algorithm>

#include "openai.hpp"
#include "openai_table.hpp"
#include "parts.hpp"

namespace sluice::wire {
namespace {

using text::json::index;
using text::json::kind;
using text::json::none;

class chat_response final : public response_body {
 public:
  result<void> read(std::string_view bytes, std::uint32_t depth_max) {
    if (auto parsed = listed_.parse(bytes, depth_max); !parsed) return parsed;
    const auto& body = listed_.body();
    if (body[0].kind != kind::object) return fail(errc::parse, "the answer is no JSON object");
    const auto& table = openai_chat_response();
    std::vector<std::uint16_t> states;
    table.walk(body, states);
    choices_ = body.member(0, "choices");
    part like{role::assistant, part_kind::text, true, true, {}, 0};
    for (index i = 1; i < states.size(); ++i) {
      const auto& n = body[i];
      if (choices_ != none && n.parent == choices_) like.choice = static_cast<std::int32_t>(i);
      if (choices_ != none && i >= body[choices_].next) like.choice = -1;
      if (states[i] == path_table::unknown && !n.key.empty()) {
        auto mine = like;
        mine.kind = part_kind::annotation;
        listed_.add_key(i, mine);
      }
      if (n.kind != kind::string || n.text.empty()) continue;
      if (const auto* row = table.at(states[i])) {
        listed_.add(i, *row, like, depth_max);
      } else {
        // A vendor's own field: no table knows what it is, so it is held against the rules where it stands.
        auto mine = like;
        mine.kind = part_kind::annotation;
        listed_.add_plain(i, mine, false);
      }
    }
    return {};
  }

  [[nodiscard]] std::span<const part> parts() const override { return listed_.parts(); }
  [[nodiscard]] std::span<const unread> unread_parts() const override { return listed_.unread_parts(); }
  [[nodiscard]] std::string path(const part& p) const override { return listed_.path(p); }

  [[nodiscard]] std::string edited(std::span<const replacement> edits) const override {
    auto splices = listed_.splices(edits);
    std::vector<std::int32_t> touched;
    for (const auto& e : edits) {
      const auto choice = listed_.parts()[e.part].choice;
      if (choice >= 0 && std::find(touched.begin(), touched.end(), choice) == touched.end()) touched.push_back(choice);
    }
    // The tokens of an edited choice still spell what was taken out.
    for (const auto choice : touched) drop_logprobs(static_cast<index>(choice), splices);
    return text::json::apply(listed_.body().bytes(), std::move(splices));
  }

 private:
  void drop_logprobs(index choice, std::vector<text::json::splice>& splices) const {
    const auto& body = listed_.body();
    for (const char* spelled : {"logprobs", "token_ids"}) {
      const auto at = body.member(choice, spelled);
      if (at != none && body[at].kind != kind::null) splices.push_back({body[at].raw_begin, body[at].raw_end, "null"});
    }
  }

  listed_body listed_;
  index choices_ = none;
};

}  // namespace

result<std::unique_ptr<response_body>> openai_read_response(std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<chat_response>();
  if (auto done = made->read(body, depth_max); !done) return std::unexpected(done.error());
  return made;
}

}  // namespace sluice::wire
