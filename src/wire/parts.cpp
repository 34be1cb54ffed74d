// See parts.hpp.
#include "parts.hpp"

#include <algorithm>
#include <iterator>

#include "sluice/base/limits.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::wire {
using text::json::index;
using text::json::kind;

bool holds_text_beside_keys(const text::json::document& body, index at) {
  for (auto i = at; i < body[at].next; ++i) {
    const auto& n = body[i];
    if (n.kind == kind::string && !n.text.empty()) return true;
    if (n.kind == kind::number && body[n.parent].kind == kind::array) return true;  // tokens and embeddings spell text, too
  }
  return false;
}

bool holds_text(const text::json::document& body, index at) {
  for (auto i = at + 1; i < body[at].next; ++i) {
    if (!body[i].key.empty()) return true;  // words can be put into keys
  }
  return holds_text_beside_keys(body, at);
}

bool hides_text(const text::json::document& body, index at, const row& r, bool leads_on) {
  const auto& n = body[at];
  if (n.kind == kind::string || (r.what != text_class::reference && r.what != text_class::binary)) return false;
  if (n.kind == kind::object && leads_on) return false;  // what it names is in its members
  return n.kind == kind::number || holds_text(body, at);
}

result<void> listed_body::parse(std::string_view bytes, std::uint32_t depth_max, index values_max) {
  types_.forget();
  auto parsed = body_.parse(bytes, depth_max, values_max);
  if (parsed) values_left_ = values_max - static_cast<index>(body_.nodes().size());
  return parsed;
}

std::string listed_body::path(const part& p) const { return body_.path(p.node); }

void listed_body::add_text(index node, part like, bool editable) {
  like.node = node;
  like.text = body_[node].text;
  like.editable = like.editable && editable;
  parts_.push_back(like);
  origins_.push_back({});
}

std::string said_otherwise(const text::json::document& body, index at, std::string_view said) {
  const auto letters = [](std::string_view text) {
    std::string out;
    std::ranges::copy_if(text, std::back_inserter(out), [](char c) { return static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); });
    return out;
  };
  const auto is_time = [](std::string_view text) { return text.ends_with('s') && text.find_first_not_of("0123456789.") == text.size() - 1; };
  std::string apart, together;
  for (auto i = at; i < body[at].next; ++i) {
    if (body[i].kind != kind::string || body[i].text.empty() || is_time(body[i].text)) continue;
    if (!apart.empty()) apart += ' ';
    apart += body[i].text;
    together += body[i].text;
  }
  if (letters(together) == letters(said)) return {};
  return apart == together ? apart : apart + "\n" + together;
}

void listed_body::add_reading(index node, part like, std::string reading) {
  like.node = node;
  like.text = readings_.emplace_back(std::move(reading));
  like.editable = false;
  parts_.push_back(like);
  origins_.push_back({.is = text_of::reading});
}

void listed_body::add_copy(index node, part like, std::string reading) {
  add_reading(node, like, std::move(reading));
  parts_.back().editable = true;
}

void listed_body::add_value(index node, part like) {
  add_text(node, like, false);
  if (auto spoken = text::json::without_exponent(body_[node].text); !spoken.empty()) add_reading(node, like, std::move(spoken));
}

// What should be JSON and is none: one text, and what a lenient reader would make of its escapes. An edit of the one would leave the
// other, so a redaction of either blocks.
void listed_body::add_broken(index node, part like) {
  auto reading = text::json::loosely_unescaped(body_[node].text);
  if (reading == body_[node].text) return add_text(node, like, true);
  add_text(node, like, false);
  add_reading(node, like, std::move(reading));
}

void listed_body::add_key(index node, part like) {
  like.node = node;
  like.text = body_[node].key;
  like.editable = false;
  parts_.push_back(like);
  origins_.push_back({.is = text_of::key});
}

void listed_body::add_key_to_drop(index node, part like) {
  const bool editable = like.editable;
  add_key(node, like);
  parts_.back().editable = editable;
}

void listed_body::add_unread(unread what, index node) {
  what.bytes = body_[node].raw_end - body_[node].raw_begin;
  const bool alone = unread_.size() < limits::unread_parts;
  if (!alone) {
    const auto same = std::find_if(unread_.begin() + limits::unread_parts, unread_.end(), [&](const unread& u) { return u.reason == what.reason && u.attachment == what.attachment; });
    if (same != unread_.end()) return void(same->bytes += what.bytes);
  }
  if (alone && what.reason == "server state" && body_[node].kind == kind::string) what.handle = body_[node].text;
  what.path = body_.path(node);
  unread_.push_back(std::move(what));
}

// What it says, where it is text; otherwise what it is. An address is text, too, whatever is found there.
void listed_body::add_attachment(index node, const row& r, part like) {
  like.kind = part_kind::attachment;
  if (body_[node].kind != kind::string) return add_unread("attachment", node, attachment_type::other);
  auto what = read_attachment(body_[node].text, types_.of(body_, node));
  if (r.carries != attachment_type::other) what.text.reset();  // whatever it looks like
  if (!what.words.empty()) add_reading(node, like, std::move(what.words));
  if (what.text) {
    if (what.text->empty()) return;
    const bool editable = like.editable && what.coding.has_value();
    add_reading(node, like, std::move(*what.text));
    parts_.back().editable = editable;
    origins_.back() = {.is = what.coding ? text_of::decoded : text_of::reading, .coding = what.coding};
    return;
  }
  if (what.type == attachment_type::url) add_text(node, like, false);
  add_unread("attachment", node, what.type == attachment_type::other ? r.carries : what.type);
}

// A string of which a redaction becomes a block: what a data: URL holds where it is one, wherever it stands.
void listed_body::add_fixed(index node, const row& r, part like, data_url is) {
  if (is != data_url::whole) return add_text(node, like, false);
  like.editable = false;
  add_attachment(node, r, like);
}

void listed_body::add(index node, const row& r, part like, std::uint32_t depth_max) {
  // What a tool's message says is the tool's result.
  like.kind = like.role == role::tool && r.kind == part_kind::text ? part_kind::tool_result : r.kind;
  const auto& text = body_[node].text;
  switch (r.what) {
    case text_class::scalar: case text_class::copy: return;
    case text_class::opaque: case text_class::handle: case text_class::parameters: case text_class::sealed: {
      const auto url = as_data_url(text);
      if (url != data_url::whole && looks_as(r.what, text)) return;
      like.kind = part_kind::annotation;
      return add_fixed(node, r, like, url);
    }
    case text_class::reference: return add_reference(node, r);
    case text_class::binary: return add_attachment(node, r, like);
    case text_class::name: return add_fixed(node, r, like, as_data_url(text));
    case text_class::schema: return add_text(node, like, false);
    case text_class::text: case text_class::arguments: return add_text(node, like, true);
    case text_class::json: break;
  }
  auto inner = std::make_unique<text::json::document>();
  if (const auto parsed = inner->parse(body_[node].text, depth_max, values_left_); !parsed) {
    if (parsed.error().code != errc::limit) return add_broken(node, like);
    too_many_ = true;
    return;
  }
  const auto document = static_cast<std::int32_t>(inner_.size());
  const auto nodes = inner->nodes();
  values_left_ -= static_cast<index>(nodes.size());
  for (index i = 0; i < nodes.size(); ++i) {
    like.node = node;
    like.inner = static_cast<std::int32_t>(i);
    if (nodes[i].key_end > nodes[i].key_begin) {
      like.text = nodes[i].key;
      like.editable = false;
      parts_.push_back(like);
      origins_.push_back({document, i, text_of::key});
    }
    if (nodes[i].kind == kind::object || nodes[i].kind == kind::array) continue;
    // A number made a string would not be what the tool's schema promises, so a number is judged and not edited.
    like.text = nodes[i].text;
    like.editable = nodes[i].kind == kind::string;
    parts_.push_back(like);
    origins_.push_back({document, i});
    if (auto spoken = text::json::without_exponent(nodes[i].text); !like.editable && !spoken.empty()) {
      like.text = readings_.emplace_back(std::move(spoken));
      parts_.push_back(like);
      origins_.push_back({document, i, text_of::reading});
    }
  }
  inner_.push_back(std::move(inner));
}

// The edits of one part whose text was decoded.
text::json::splice listed_body::written_again(std::span<const replacement> edits) const {
  const auto& p = parts_[edits.front().part];
  std::vector<text::json::splice> within;
  for (const auto& e : edits) within.push_back({e.begin, e.end, e.text});
  const auto& node = body_[p.node];
  return {node.raw_begin, node.raw_end, json_quoted(with_text(node.text, *origins_[edits.front().part].coding, text::json::apply(p.text, std::move(within))))};
}

// Edits come in the order of the text, so that each literal is walked once.
std::vector<text::json::splice> listed_body::splices(std::span<const replacement> edits) const {
  std::vector<text::json::splice> out;
  text::json::locator in_body({}), in_string({});
  const auto locate = [](text::json::locator& of, std::string_view literal, std::uint32_t begin, std::uint32_t end) {
    if (of.literal().data() != literal.data()) of = text::json::locator(literal);
    return of.locate(begin, end);
  };
  for (std::size_t i = 0; i < edits.size(); ++i) {
    const auto& e = edits[i];
    const auto& p = parts_[e.part];
    const auto& from = origins_[e.part];
    if (from.is == text_of::decoded) {
      const auto first = i;
      while (i + 1 < edits.size() && edits[i + 1].part == e.part) ++i;
      out.push_back(written_again(edits.subspan(first, i + 1 - first)));
      continue;
    }
    if (from.is != text_of::value) continue;
    const auto& outer = body_[p.node];
    auto begin = e.begin, end = e.end;
    std::string escaped;
    append_json_escaped(escaped, e.text);
    if (from.document >= 0) {
      const auto& inner = *inner_[static_cast<std::size_t>(from.document)];
      const auto span = locate(in_string, inner.raw(from.inner), begin, end);
      begin = inner[from.inner].raw_begin + span.begin;
      end = inner[from.inner].raw_begin + span.end;
      std::string twice;
      append_json_escaped(twice, escaped);
      escaped = std::move(twice);
    }
    const auto span = locate(in_body, body_.raw(p.node), begin, end);
    out.push_back({outer.raw_begin + span.begin, outer.raw_begin + span.end, std::move(escaped)});
  }
  return out;
}

}  // namespace sluice::wire
