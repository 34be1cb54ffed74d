// See json.hpp. simdjson's first stage finds where every token begins and checks UTF-8, quotes and control characters, many bytes
// at a time; the second stage is ours: it checks the grammar and keeps what simdjson's tapes do not, the place of each value.
#include "sluice/text/json.hpp"

#include <algorithm>

#include "json_repeat.hpp"
#include "json_string.hpp"
#include <simdjson.h>

namespace sluice::text::json {
namespace {

using stage1_parser = std::unique_ptr<simdjson::internal::dom_parser_implementation>;

// Token positions are needed only while parse() runs, so one buffer serves all documents of a thread. It grows to what the
// largest body took and shrinks again when that was out of the ordinary.
constexpr std::size_t kept_capacity = std::size_t{1} << 20;
stage1_parser& working_parser() {
  thread_local stage1_parser parser;
  return parser;
}

result<void> find_tokens(stage1_parser& parser, std::string_view bytes) {
  if (!parser || parser->capacity() < bytes.size()) {
    const std::size_t capacity = std::max<std::size_t>(bytes.size(), 4096);
    parser.reset();
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(capacity, 1, parser) != simdjson::SUCCESS) {
      return fail(errc::limit, "no memory to parse " + std::to_string(bytes.size()) + " bytes of JSON");
    }
  }
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  switch (parser->stage1(data, bytes.size(), simdjson::stage1_mode::regular)) {
    case simdjson::SUCCESS: return {};
    case simdjson::UTF8_ERROR: return fail(errc::parse, "not valid UTF-8");
    case simdjson::UNESCAPED_CHARS: return fail(errc::parse, "a control character stands unescaped in a string");
    case simdjson::UNCLOSED_STRING: return fail(errc::parse, "a string is not closed");
    case simdjson::EMPTY: return fail(errc::parse, "no JSON value, only white space");
    default: return fail(errc::parse, "not JSON");
  }
}

constexpr bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
constexpr bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

// Where the number that begins at `at` ends by RFC 8259's grammar; `at` when there is none.
std::size_t number_end(std::string_view s, std::size_t at) {
  std::size_t i = at;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < s.size() && is_digit(s[i])) ++i;
    return i - from;
  };
  if (i < s.size() && s[i] == '-') ++i;
  if (i >= s.size() || !is_digit(s[i])) return at;
  if (s[i] == '0') {
    ++i;
  } else {
    digits();
  }
  if (i < s.size() && s[i] == '.') {
    ++i;
    if (digits() == 0) return at;
  }
  if (i < s.size() && (s[i] == 'e' || s[i] == 'E')) {
    ++i;
    if (i < s.size() && (s[i] == '+' || s[i] == '-')) ++i;
    if (digits() == 0) return at;
  }
  return i;
}

bool plain_key(std::string_view key) {
  if (key.empty() || key.size() > 64) return false;
  return std::ranges::all_of(key, [](char c) {
    const char low = static_cast<char>(c | 0x20);
    return is_digit(c) || (low >= 'a' && low <= 'z') || c == '_' || c == '-';
  });
}

}  // namespace

struct document::impl {
  std::string_view bytes;
  std::vector<node> nodes;
  std::string arena;  // unescaped strings; reserved so that it never moves within a parse
  std::vector<std::pair<std::string_view, index>> keys;
  std::string last;  // what `nodes` were read from, for parse_next(); "" where it cannot be gone on from
  std::vector<index> changed;
  bool repeats = false;

  const std::uint32_t* tokens = nullptr;
  std::uint32_t token_count = 0, at = 0;  // at: the token at hand
  std::uint32_t values_max = none;
  bool too_many = false;
  std::string problem;

  bool bad(std::size_t offset, std::string_view what) {
    problem = std::string(what) + " at byte " + std::to_string(offset);
    return false;
  }
  [[nodiscard]] std::uint32_t position() const { return at < token_count ? tokens[at] : static_cast<std::uint32_t>(bytes.size()); }
  [[nodiscard]] char current() const { return at < token_count ? bytes[tokens[at]] : '\0'; }

  // The string token at hand: its literal's end, and its text. Only white space stands between a literal's end and the next token.
  bool take_string(std::uint32_t& end, std::string_view& text) {
    const std::uint32_t begin = position();
    ++at;
    end = position();
    while (end > begin + 1 && is_space(bytes[end - 1])) --end;
    if (end < begin + 2 || bytes[end - 1] != '"') return bad(begin, "a string is not closed");
    std::size_t where = 0;
    return read_inside(bytes.substr(begin + 1, end - begin - 2), bytes.size() - begin, arena, text, where) ||
           bad(begin + 1 + where, "a string has a bad escape or half a surrogate pair");
  }

  bool take_scalar(node& n) {
    const std::uint32_t begin = position();
    std::size_t end = begin;
    switch (bytes[begin]) {
      case 't': end = bytes.substr(begin, 4) == "true" ? begin + 4 : begin; n.kind = kind::boolean; break;
      case 'f': end = bytes.substr(begin, 5) == "false" ? begin + 5 : begin; n.kind = kind::boolean; break;
      case 'n': end = bytes.substr(begin, 4) == "null" ? begin + 4 : begin; n.kind = kind::null; break;
      default: end = number_end(bytes, begin); n.kind = kind::number; break;
    }
    if (end == begin) return bad(begin, "this is no JSON value");
    if (end < bytes.size() && !is_space(bytes[end]) && bytes[end] != ',' && bytes[end] != ']' && bytes[end] != '}') {
      return bad(end, "unexpected character after a value");
    }
    ++at;
    n.raw_end = static_cast<std::uint32_t>(end);
    n.text = bytes.substr(begin, end - begin);
    return true;
  }

  // The pairwise search is quicker for the objects of chat traffic; sorting keeps a hostile one from being quadratic.
  bool keys_differ(index object) {
    keys.clear();
    for (index i = object + 1; i < nodes[object].next; i = nodes[i].next) keys.emplace_back(nodes[i].key, i);
    if (keys.size() <= 12) {
      for (std::size_t a = 1; a < keys.size(); ++a) {
        for (std::size_t b = 0; b < a; ++b) {
          if (keys[a].first == keys[b].first) return bad(nodes[keys[a].second].key_begin, "an object has a key twice,");
        }
      }
      return true;
    }
    std::ranges::sort(keys);
    for (std::size_t a = 1; a < keys.size(); ++a) {
      if (keys[a].first == keys[a - 1].first) return bad(nodes[keys[a].second].key_begin, "an object has a key twice,");
    }
    return true;
  }

  // Takes a key and its colon, if the container at hand has keys.
  bool take_key(node& n, bool in_object) {
    n.key_begin = n.key_end = position();
    if (!in_object) return true;
    if (current() != '"') return bad(position(), "an object needs a key in quotes");
    if (!take_string(n.key_end, n.key)) return false;
    if (current() != ':') return bad(position(), "a key needs a colon");
    ++at;
    return true;
  }

  bool close(index container) {
    nodes[container].raw_end = position() + 1;
    nodes[container].next = static_cast<index>(nodes.size());
    nodes[container].text = bytes.substr(nodes[container].raw_begin, nodes[container].raw_end - nodes[container].raw_begin);
    ++at;
    return nodes[container].kind != kind::object || keys_differ(container);
  }

  // Reads one value with its key. A container that has children becomes `open`.
  bool take_value(index& open, std::uint32_t& depth, std::uint32_t depth_max) {
    const auto self = static_cast<index>(nodes.size());
    if (self >= values_max) {
      too_many = true;
      return bad(position(), "more than " + std::to_string(values_max) + " values");
    }
    node n{};
    n.parent = open == none ? self : open;
    if (open != none) n.place = nodes[open].raw_end++;  // which counts the values until there is an end
    if (!take_key(n, open != none && nodes[open].kind == kind::object)) return false;
    n.raw_begin = position();
    n.next = self + 1;
    if (at >= token_count) return bad(bytes.size(), "the JSON ends in the middle");
    const char c = current();
    if (c == '"') {
      n.kind = kind::string;
      if (!take_string(n.raw_end, n.text)) return false;
      nodes.push_back(n);
      return true;
    }
    if (c != '{' && c != '[') {
      if (!take_scalar(n)) return false;
      nodes.push_back(n);
      return true;
    }
    if (depth == depth_max) return bad(position(), "nested deeper than " + std::to_string(depth_max) + " levels");
    n.kind = c == '{' ? kind::object : kind::array;
    nodes.push_back(n);
    ++at;
    if (current() == (c == '{' ? '}' : ']')) return close(self);
    open = self;
    ++depth;
    return true;
  }

  // After a value: commas and closing brackets, until another value is due or the document is complete.
  bool take_ends(index& open, std::uint32_t& depth, bool& complete) {
    while (open != none) {
      const char c = current();
      if (c == ',') {
        ++at;
        return true;
      }
      if (at >= token_count) return bad(bytes.size(), "the JSON ends in the middle");
      if (c != (nodes[open].kind == kind::object ? '}' : ']')) return bad(position(), "expected a comma or the end of the list or object");
      const index parent = nodes[open].parent;
      const bool is_root = parent == open;
      if (!close(open)) return false;
      open = is_root ? none : parent;
      --depth;
    }
    complete = true;
    return at == token_count || bad(position(), "something follows the JSON value");
  }

  bool build(std::uint32_t depth_max) {
    index open = none;
    std::uint32_t depth = 0;
    for (bool complete = false; !complete;) {
      const index before = open;
      if (!take_value(open, depth, depth_max)) return false;
      if (open != before) continue;  // a container was opened: its first value is next
      if (!take_ends(open, depth, complete)) return false;
    }
    return true;
  }
};

namespace {

// UTF-16 or UTF-32, by its mark or by how an ASCII sign, with which all JSON begins, is written in it.
bool is_wide(std::string_view bytes) {
  return bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff") || bytes.substr(0, 4).contains('\0');
}

// How what comes compressed begins (RFC 1952, RFC 8878), which no JSON does; "" where it does not.
std::string_view compression(std::string_view bytes) {
  if (bytes.starts_with("\x1f\x8b")) return "gzip";
  return bytes.starts_with("\x28\xb5\x2f\xfd") ? "zstd" : "";
}

}  // namespace

document::document() : impl_(std::make_unique<impl>()) {}
document::~document() = default;
document::document(document&&) noexcept = default;
document& document::operator=(document&&) noexcept = default;

result<void> document::parse(std::string_view bytes, std::uint32_t depth_max, std::uint32_t values_max) {
  auto& d = *impl_;
  d.values_max = values_max;
  d.too_many = d.repeats = false;
  d.last.clear();
  d.changed.clear();
  d.bytes = bytes;
  d.nodes.clear();
  d.arena.clear();
  d.problem.clear();
  if (bytes.starts_with("\xef\xbb\xbf")) return fail(errc::parse, "a byte order mark stands before the JSON at byte 0; leave it out");
  if (const auto coding = compression(bytes); !coding.empty()) {
    return fail(errc::parse, "the JSON is compressed with " + std::string(coding) + ", which no Content-Encoding says; name it there, or send the JSON as it is");
  }
  if (is_wide(bytes)) return fail(errc::parse, "the JSON is in UTF-16 or UTF-32; only UTF-8 is read, so encode it in UTF-8");
  if (bytes.size() >= none) return fail(errc::limit, "the JSON is larger than 4 GiB");
  auto& parser = working_parser();
  if (auto tokens = find_tokens(parser, bytes); !tokens) return tokens;
  d.tokens = parser->structural_indexes.get();
  d.token_count = parser->n_structural_indexes;
  d.at = 0;
  const bool good = d.build(depth_max);
  d.tokens = nullptr;
  if (parser->capacity() > kept_capacity) parser.reset();
  if (good) return {};
  d.nodes.clear();
  if (d.too_many && d.nodes.capacity() > kept_capacity / sizeof(node)) std::vector<node>().swap(d.nodes);
  return fail(d.too_many ? errc::limit : errc::parse, d.problem);
}

result<void> document::parse_next(std::string_view bytes, std::uint32_t depth_max) {
  constexpr std::size_t remembered_max = 4096;
  auto& d = *impl_;
  d.arena.clear();
  d.repeats = !d.last.empty() && repeat(d.nodes, d.last, bytes, d.arena, d.changed);
  if (d.repeats) {
    d.bytes = bytes;
  } else {
    if (auto parsed = parse(bytes, depth_max); !parsed) return parsed;
    const bool plain = std::ranges::all_of(d.nodes, [](const node& n) { return n.key_end == n.key_begin || n.key.size() + 2 == n.key_end - n.key_begin; });
    if (!plain) return {};
  }
  d.last.assign(bytes.size() <= remembered_max ? bytes : std::string_view());
  return {};
}
bool document::repeats() const { return impl_->repeats; }
std::span<const index> document::changed() const { return impl_->changed; }

std::span<const node> document::nodes() const { return impl_->nodes; }
std::string_view document::bytes() const { return impl_->bytes; }
std::string_view document::raw(index i) const {
  const auto& n = impl_->nodes[i];
  return impl_->bytes.substr(n.raw_begin, n.raw_end - n.raw_begin);
}
index document::first_child(index i) const {
  const auto& n = impl_->nodes[i];
  return n.next > i + 1 ? i + 1 : none;
}
index document::sibling(index i) const {
  const auto& n = impl_->nodes[i];
  return n.parent != i && n.next < impl_->nodes[n.parent].next ? n.next : none;
}
index document::member(index object, std::string_view key) const {
  if (object == none || impl_->nodes[object].kind != kind::object) return none;
  const index end = impl_->nodes[object].next;
  for (index i = object + 1; i < end; i = impl_->nodes[i].next) {
    if (impl_->nodes[i].key == key) return i;
  }
  return none;
}

std::string document::path(index i) const {
  std::vector<std::string> steps;
  for (; impl_->nodes[i].parent != i; i = impl_->nodes[i].parent) {
    const auto& up = impl_->nodes[impl_->nodes[i].parent];
    if (up.kind == kind::object) {
      const auto& key = impl_->nodes[i].key;
      // A key may be anybody's text; paths stand in errors and records.
      steps.push_back("." + (plain_key(key) ? std::string(key) : std::string("*")));
      continue;
    }
    steps.push_back("[" + std::to_string(impl_->nodes[i].place) + "]");
  }
  std::string out;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) out += *step;
  return out.starts_with('.') ? out.substr(1) : out;
}

std::string apply(std::string_view bytes, std::vector<splice> splices) {
  std::ranges::sort(splices, {}, [](const splice& s) { return std::pair(s.begin, s.end); });
  std::size_t size = bytes.size();
  for (const auto& s : splices) size += s.replacement.size();
  std::string out;
  out.reserve(size);
  std::uint32_t at = 0;
  for (const auto& s : splices) {
    if (s.begin > at) out.append(bytes, at, s.begin - at);
    out += s.replacement;
    at = std::max(at, s.end);
  }
  out.append(bytes, at);
  return out;
}

}  // namespace sluice::text::json
