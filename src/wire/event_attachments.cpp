// Attachments in the events of a stream: those of fields that a table calls so, and data: URLs wherever they stand. One that comes in pieces
// cannot be read: each piece behind the first is refused, or passes as what nobody can scan.
#include "attachments.hpp"
#include "event_reader.hpp"
#include "sluice/base/limits.hpp"

namespace sluice::wire {

using text::json::index;

// What of a data: URL the string at `i` is. What is kept of one that begins is short: as_data_url() knows it by then.
event_reader::url_piece event_reader::url_at(index i, const grower& dialect) {
  const auto text = behind_blanks(body_[i].text);
  const auto alone = as_data_url(text);
  const bool begins = alone == data_url::begins && !text.empty(), known = begins || alone == data_url::whole;
  if (!known && data_urls_.empty()) return url_piece::none;
  auto name = place(i, &dialect);
  if (name.size() > limits::place_bytes) return refuse("an attachment that stands under longer names than the gateway follows"), url_piece::too_many;
  name.insert(0, dialect.which() + " ");
  const auto of = data_urls_.find(name);
  if (of == data_urls_.end()) {
    if (!known) return url_piece::none;
    if (data_urls_.size() >= limits::unknown_fields) return refuse("more attachments than the gateway follows over the events of a stream"), url_piece::too_many;
    if (!remember(name.size() + (begins ? text.size() : 0))) return url_piece::too_many;
    data_urls_.emplace(std::move(name), begins ? std::optional<std::string>(text) : std::nullopt);
    return begins ? url_piece::none : url_piece::whole;
  }
  auto& so_far = of->second;
  if (alone == data_url::whole) {
    so_far.reset();
    return url_piece::whole;
  }
  if (!so_far) return url_piece::later;
  so_far->append(so_far->empty() ? text : body_[i].text);
  const auto together = as_data_url(*so_far);
  if (together == data_url::whole) {
    so_far.reset();
    return url_piece::later;
  }
  if (together == data_url::none) so_far = begins ? std::string(text) : std::string();
  return url_piece::none;
}

event_reader::grower::taken event_reader::take_data_url(index i, const row& r, grower& dialect, channel_sink& sink) {
  using enum grower::taken;
  switch (url_at(i, dialect)) {
    case url_piece::none: return left;
    case url_piece::too_many: return blocked;
    case url_piece::later: return admits(i, "attachment", attachment_type::other, sink) ? taken : blocked;
    case url_piece::whole: return read_url(i, r, dialect, sink) ? taken : blocked;
  }
  return blocked;
}

bool event_reader::read_url(index i, const row& r, grower& dialect, channel_sink& sink) {
  const auto& n = body_[i];
  auto what = read_attachment(n.text, types_.of(body_, i));
  if (r.carries != attachment_type::other) what.text.reset();  // whatever a piece looks like
  if (!what.words.empty() && !at_once(what.words, to_role(r.from, role::assistant), part_kind::attachment, false, body_.path(i), dialect.choice_of(i), sink)) return false;
  if (what.text) {
    if (what.text->empty()) return true;
    const bool editable = r.what == text_class::binary && what.coding.has_value();
    if (!judge_row(i, *what.text, r, part_kind::attachment, editable, dialect, sink)) return false;
    if (released_ != *what.text) replace(i, with_text(n.text, *what.coding, released_));
    return true;
  }
  if (what.type == attachment_type::url && !judge_row(i, n.text, r, part_kind::attachment, false, dialect, sink)) return false;
  return admits(i, "attachment", what.type == attachment_type::other ? r.carries : what.type, sink);
}

bool event_reader::judge_attachment(index i, const row& r, grower& dialect, channel_sink& sink) {
  // Sound comes in pieces that are no URL.
  const auto as_url = r.carries == attachment_type::other ? take_data_url(i, r, dialect, sink) : grower::taken::left;
  return as_url == grower::taken::left ? read_url(i, r, dialect, sink) : as_url == grower::taken::taken;
}

}  // namespace sluice::wire
