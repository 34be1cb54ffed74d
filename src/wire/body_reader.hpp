// Requests and answers in one piece, read by a table alone: what a dialect adds is its table, where its messages stand, and what its
// roles are called.
#pragma once

#include <optional>
#include <unordered_set>

#include "parts.hpp"

namespace sluice::wire {

// What a dialect's messages call their roles.
struct role_words {
  bool (*of)(std::string_view word, role& out);  // false: nobody knows this role
  std::string_view advice;                       // for an error: which there are
};
struct request_shape {
  const path_table& table;
  std::string_view messages;                        // the key of the array of turns; "" when there is none
  bool needs_messages;                              // a request without it is refused
  const role_words& roles;
  bool role_may_lack;                               // a message that names no role is the user's
  std::string_view within = {};                     // an object that may hold the request
  std::optional<role> (*turn_of_type)(std::string_view type) = nullptr;  // of elements that are no message: whose they are, where that is known
};

class table_request : public request_body {
 public:
  [[nodiscard]] result<void> read(std::string_view bytes, const request_shape& shape, std::uint32_t depth_max);

  [[nodiscard]] std::span<const part> parts() const override { return listed_.parts(); }
  [[nodiscard]] std::span<const unread> unread_parts() const override { return listed_.unread_parts(); }
  [[nodiscard]] bool stream() const override { return stream_; }
  [[nodiscard]] std::string_view model() const override { return model_; }
  [[nodiscard]] std::vector<named_model> other_models() const override;
  [[nodiscard]] std::string path(const part& p) const override { return listed_.path(p); }
  using request_body::edited;
  [[nodiscard]] std::string edited(std::span<const replacement> edits, const system_words& added) const override {
    auto splices = listed_.splices(edits);
    if (!added.empty()) add_system(added, splices);
    return text::json::apply(listed_.body().bytes(), std::move(splices));
  }

 protected:
  // Adds to the system's words, in requests that take some (additions.hpp).
  virtual void add_system(const system_words& /*added*/, std::vector<text::json::splice>& /*splices*/) const {}
  // What a text is, where more than its place says so.
  [[nodiscard]] virtual part_kind kind_of(text::json::index /*i*/, const row& r) const { return r.kind; }
  // Whether what no table knows is a thing of its own, as a tool is, whatever it holds.
  [[nodiscard]] virtual bool is_thing(text::json::index /*unknown*/) const { return false; }
  // A model by the name that rules know, as a request writes it.
  [[nodiscard]] virtual std::string_view model_of(std::string_view written) const { return written; }
  bool stream_ = false;
  std::string_view model_;
  listed_body listed_;
  std::vector<std::uint16_t> states_;

 private:
  [[nodiscard]] bool is_listed(text::json::index i) const;
  void begin_message(const request_shape& shape, text::json::index message, part& like);
  void list(const request_shape& shape, text::json::index messages, std::uint32_t depth_max);
  [[nodiscard]] bool skips(const path_table& table, text::json::index i, const part& like);
  [[nodiscard]] bool is_quoted_scalar(const path_table& table, text::json::index i) const;
  [[nodiscard]] bool skips_unknown(text::json::index i, part like);
  [[nodiscard]] std::optional<role> turn_of(const request_shape& shape, text::json::index message) const;
  void find_last_turn(const request_shape& shape, text::json::index messages);
  text::json::index before_turn_ = 0;  // the message before the last turn
  std::vector<text::json::index> other_models_;
};

class table_response : public response_body {
 public:
  // `choices`: the key of the array of answers; "" when the whole body is one.
  [[nodiscard]] result<void> read(std::string_view bytes, const answer_table& table, std::string_view choices, std::uint32_t depth_max);

  [[nodiscard]] std::span<const part> parts() const override { return listed_.parts(); }
  [[nodiscard]] std::span<const unread> unread_parts() const override { return listed_.unread_parts(); }
  [[nodiscard]] std::string path(const part& p) const override { return listed_.path(p); }
  [[nodiscard]] std::span<const answer_choice> choices() const override { return choices_; }
  [[nodiscard]] std::span<const handle> handles() const override { return handles_; }
  using response_body::edited;
  [[nodiscard]] std::string edited(std::span<const replacement> edits, std::span<const text_addition> additions) const override;

 protected:
  [[nodiscard]] virtual part_kind kind_of(text::json::index /*i*/, const row& r) const { return r.kind; }
  // Whether text has no place behind this choice (an element of the array, or the root); and how it gets there.
  [[nodiscard]] virtual bool structured(text::json::index /*choice*/) const { return true; }
  // Whether what stands at `i` belongs to the one choice of an answer that has no list of them.
  [[nodiscard]] virtual bool of_choice(text::json::index /*i*/) const { return true; }
  virtual void add_text(text::json::index /*choice*/, std::string_view /*text*/, std::vector<text::json::splice>& /*splices*/) const {}
  // What of any answer repeats the request, where that must not leave.
  virtual void drop_request(std::vector<text::json::splice>& /*splices*/) const {}
  [[nodiscard]] text::json::index member(text::json::index object, std::string_view key) const;
  // Whether the upstream is still making what the answer's handles stand for.
  [[nodiscard]] virtual bool unfinished() const { return false; }
  [[nodiscard]] virtual role role_of(text::json::index /*i*/, const row& r) const { return to_role(r.from, role::assistant); }
  // The text that the pieces at `copy` (the list of them, or a member of the object that holds the lists) spell.
  [[nodiscard]] virtual std::string said_beside(text::json::index /*copy*/) const { return {}; }
  // Whether a text, or the key of a member, is the client's own that comes back to it: it is not judged again.
  [[nodiscard]] virtual bool echoes(std::string_view /*text*/, const row& /*r*/) const { return false; }
  // What stands beside an edited text and counts its characters or spells it: `splices` change it, `dropped` take it out. As they come, `splices`
  // have the edits and additions in order.
  virtual void follow(const part& /*of*/, std::span<const replacement> /*edits*/, std::vector<text::json::splice>& /*splices*/,
                      std::vector<text::json::splice>& /*dropped*/) const {}
  // What of an answer (a choice, or the root) repeats text that was edited elsewhere in it, as splices that take it out or have it follow.
  // `edits`: of the whole answer.
  virtual void drop_copies(text::json::index /*choice*/, std::span<const replacement> /*edits*/, std::vector<text::json::splice>& /*splices*/) const {}
  listed_body listed_;

 private:
  void list_unknown(text::json::index i, part like);
  // spelled_numbers.cpp: what a list that no table knows spells.
  void list_numbers(text::json::index list, const part& like);
  // copies.cpp: what repeats the text in pieces, where it says otherwise.
  void list_copies(text::json::index copy, part like);
  // alternatives.cpp: in what repeats the text in pieces.
  void list_alternatives(text::json::index i, part like);
  void drop_alternatives(std::span<const replacement> edits, std::vector<text::json::splice>& dropped) const;
  const path_table* table_ = nullptr;
  std::vector<std::uint16_t> states_;
  text::json::index numbers_of_ = text::json::none;  // the list whose numbers were read last
  std::unordered_set<text::json::index> lists_read_;
  std::unordered_set<std::string_view> numbers_;  // that stand in lists of the choice at hand
  std::int32_t numbers_in_ = -1;                  // which that is
  std::unordered_set<std::string_view> alternatives_;  // that are listed, of the copy at hand
  text::json::index alternatives_of_ = text::json::none;
  std::vector<text::json::index> nodes_;  // of choices_
  std::vector<answer_choice> choices_;
  std::vector<handle> handles_;
};

// Splices in `with` for a member that is there and not null.
void blank(const text::json::document& body, text::json::index object, std::string_view key, std::string_view with,
           std::vector<text::json::splice>& splices);

}  // namespace sluice::wire
