// One pass over the bytes to a flat tape, without recursion. Written here because neither of simdjson's parsers fits: its DOM
// knows no positions and refuses large numbers, and On-Demand does not look at what it is not asked for. simdjson checks the
// encoding, and the tests hold this parser against its DOM and another one.
#include "sluice/text/json.hpp"

#include <algorithm>
#include <cstring>

#include "sluice/text/view.hpp"

namespace sluice::text::json {

struct document::impl {
  std::string_view in;
  std::uint32_t depth_max = 0;
  std::vector<node> nodes;
  std::vector<index> open;  // containers that are not closed yet
  std::string unescaped;    // all unescaped strings; never longer than the document
  std::vector<std::string_view> keys;
  std::size_t at = 0;
  const char* reason = nullptr;
};

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex4(std::string_view s, std::size_t at) {
  if (at + 4 > s.size()) return -1;
  int v = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const char c = s[i];
    const int d = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (d < 0) return -1;
    v = v * 16 + d;
  }
  return v;
}

// Keys in more members than this are sorted to find a twin; fewer are compared pairwise.
constexpr std::size_t pairwise_max = 12;

class parser {
 public:
  explicit parser(document::impl& d) : d_(d) {}

  bool run() {
    skip_space();
    if (!value(0, 0)) return false;
    while (!d_.open.empty()) {
      if (!step()) return false;
    }
    skip_space();
    return d_.at == d_.in.size() || bad("bytes follow the value");
  }

 private:
  bool bad(const char* why) {
    if (d_.reason == nullptr) d_.reason = why;
    return false;
  }
  [[nodiscard]] bool more() const { return d_.at < d_.in.size(); }
  [[nodiscard]] char peek() const { return d_.at < d_.in.size() ? d_.in[d_.at] : '\0'; }
  void skip_space() {
    while (more() && is_space(d_.in[d_.at])) ++d_.at;
  }
  [[nodiscard]] std::uint32_t here() const { return static_cast<std::uint32_t>(d_.at); }

  // The next thing inside the innermost open container.
  bool step() {
    const auto container = d_.open.back();
    const bool object = d_.nodes[container].kind == kind::object;
    const bool first = d_.nodes.size() == container + 1;
    skip_space();
    if (peek() == (object ? '}' : ']')) return close(container);
    if (!first) {
      if (peek() != ',') return bad(object ? "a comma or } is missing" : "a comma or ] is missing");
      ++d_.at;
      skip_space();
    }
    std::uint32_t key_begin = 0, key_end = 0;
    std::string_view key;
    if (object) {
      key_begin = here();
      if (peek() != '"') return bad("a key in double quotes is missing");
      if (!string(key)) return false;
      key_end = here();
      skip_space();
      if (peek() != ':') return bad("a colon is missing");
      ++d_.at;
      skip_space();
    }
    if (!value(key_begin, key_end)) return false;
    auto& made = d_.nodes[last_];
    made.key = key;
    made.parent = container;
    return true;
  }

  bool value(std::uint32_t key_begin, std::uint32_t key_end) {
    last_ = static_cast<index>(d_.nodes.size());
    d_.nodes.push_back({kind::null, here(), 0, key_begin, key_end, 0, last_ + 1, {}, {}});
    const char c = peek();
    if (c == '{' || c == '[') {
      if (d_.open.size() >= d_.depth_max) return bad("values are nested too deeply");
      d_.nodes[last_].kind = c == '{' ? kind::object : kind::array;
      d_.open.push_back(last_);
      ++d_.at;
      return true;
    }
    std::string_view text;
    if (c == '"') {
      d_.nodes[last_].kind = kind::string;
      if (!string(text)) return false;
    } else if (!scalar(d_.nodes[last_].kind)) {
      return false;
    }
    auto& n = d_.nodes[last_];
    n.raw_end = here();
    n.text = n.kind == kind::string ? text : d_.in.substr(n.raw_begin, n.raw_end - n.raw_begin);
    return true;
  }

  bool close(index container) {
    ++d_.at;
    d_.nodes[container].raw_end = here();
    d_.nodes[container].next = static_cast<index>(d_.nodes.size());
    d_.open.pop_back();
    return d_.nodes[container].kind != kind::object || unique_keys(container);
  }

  bool unique_keys(index object) {
    auto& keys = d_.keys;
    keys.clear();
    for (index i = object + 1; i < d_.nodes[object].next; i = d_.nodes[i].next) keys.push_back(d_.nodes[i].key);
    if (keys.size() > pairwise_max) {
      std::sort(keys.begin(), keys.end());
      return std::adjacent_find(keys.begin(), keys.end()) == keys.end() || bad("an object has the same key twice");
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
      for (std::size_t j = i + 1; j < keys.size(); ++j) {
        if (keys[i] == keys[j]) return bad("an object has the same key twice");
      }
    }
    return true;
  }

  bool scalar(kind& what) {
    const auto rest = d_.in.substr(d_.at);
    for (const auto& [word, k] : {std::pair{std::string_view("true"), kind::boolean}, {"false", kind::boolean}, {"null", kind::null}}) {
      if (rest.starts_with(word)) {
        what = k;
        d_.at += word.size();
        return true;
      }
    }
    what = kind::number;
    return number();
  }

  bool digits() {
    const auto begin = d_.at;
    while (is_digit(peek())) ++d_.at;
    return d_.at > begin;
  }
  bool number() {
    if (peek() == '-') ++d_.at;
    if (peek() == '0') {
      ++d_.at;
    } else if (!digits()) {
      return bad("a value is missing or is none of JSON's");
    }
    if (peek() == '.') {
      ++d_.at;
      if (!digits()) return bad("a number ends with its point");
    }
    if (peek() == 'e' || peek() == 'E') {
      ++d_.at;
      if (peek() == '+' || peek() == '-') ++d_.at;
      if (!digits()) return bad("a number has no exponent after its e");
    }
    return !is_digit(peek()) || bad("a number begins with a zero");
  }

  // Skips bytes that mean nothing in a string, eight at a time.
  void skip_plain() {
    constexpr std::uint64_t ones = 0x0101010101010101ull, highs = 0x8080808080808080ull;
    const auto zero_byte = [](std::uint64_t w) { return (w - ones) & ~w & highs; };
    for (std::uint64_t word = 0; d_.at + sizeof word <= d_.in.size(); d_.at += sizeof word) {
      std::memcpy(&word, d_.in.data() + d_.at, sizeof word);
      if ((((word - ones * 0x20) & ~word & highs) | zero_byte(word ^ (ones * '"')) | zero_byte(word ^ (ones * '\\'))) != 0) return;
    }
  }

  // At an opening quote; ends past the closing one. `out` is the unescaped text.
  bool string(std::string_view& out) {
    const auto begin = ++d_.at;
    bool escapes = false;
    for (;; ++d_.at) {
      skip_plain();
      if (!more()) return bad("a string does not end");
      const auto c = static_cast<unsigned char>(d_.in[d_.at]);
      if (c == '"') break;
      if (c < 0x20) return bad("a string holds a control character that is not escaped");
      if (c == '\\') {
        escapes = true;
        if (!escape()) return false;
      }
    }
    const auto inside = d_.in.substr(begin, d_.at - begin);
    ++d_.at;
    if (!escapes) {
      out = inside;
      return true;
    }
    const auto from = d_.unescaped.size();
    append_unescaped(d_.unescaped, inside);
    out = std::string_view(d_.unescaped).substr(from);
    return true;
  }

  // At a backslash; ends on the escape's last byte.
  bool escape() {
    const char c = d_.at + 1 < d_.in.size() ? d_.in[d_.at + 1] : '\0';
    if (c != 'u') {
      if (std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos || c == '\0') return bad("a string holds an escape that JSON does not have");
      ++d_.at;
      return true;
    }
    const int v = hex4(d_.in, d_.at + 2);
    if (v < 0) return bad("a \\u escape needs four hex digits");
    if (v >= 0xdc00 && v < 0xe000) return bad("a string holds half of a surrogate pair");
    d_.at += 5;
    if (v < 0xd800 || v >= 0xdc00) return true;
    const int low = d_.in.substr(d_.at + 1, 2) == "\\u" ? hex4(d_.in, d_.at + 3) : -1;
    if (low < 0xdc00 || low >= 0xe000) return bad("a string holds half of a surrogate pair");
    d_.at += 6;
    return true;
  }

  document::impl& d_;
  index last_ = 0;
};

}  // namespace

document::document() : impl_(std::make_unique<impl>()) {}
document::~document() = default;
document::document(document&&) noexcept = default;
document& document::operator=(document&&) noexcept = default;

result<void> document::parse(std::string_view bytes, std::uint32_t depth_max) {
  auto& d = *impl_;
  d.in = bytes;
  d.depth_max = depth_max;
  d.nodes.clear();
  d.open.clear();
  d.unescaped.clear();
  d.unescaped.reserve(bytes.size());  // views into it must not move
  d.at = 0;
  d.reason = nullptr;
  if (bytes.size() >= none) return fail(errc::limit, "the JSON text is larger than 4 GiB");
  if (bytes.starts_with("\xef\xbb\xbf")) return fail(errc::parse, "the JSON text begins with a byte order mark; send plain UTF-8");
  if (!is_valid_utf8(bytes)) return fail(errc::parse, "the JSON text is not valid UTF-8");
  if (parser(d).run()) return {};
  return fail(errc::parse, std::string("not JSON at byte ") + std::to_string(d.at) + ": " + (d.reason != nullptr ? d.reason : "unexpected bytes"));
}

std::span<const node> document::nodes() const { return impl_->nodes; }
std::string_view document::bytes() const { return impl_->in; }

index document::first_child(index i) const { return impl_->nodes[i].next > i + 1 ? i + 1 : none; }

index document::sibling(index i) const {
  const auto& n = impl_->nodes[i];
  if (i == 0) return none;
  return n.next < impl_->nodes[n.parent].next ? n.next : none;
}

index document::member(index object, std::string_view key) const {
  if (object == none || impl_->nodes[object].kind != kind::object) return none;
  for (auto i = first_child(object); i != none; i = sibling(i)) {
    if (impl_->nodes[i].key == key) return i;
  }
  return none;
}

std::string_view document::raw(index i) const {
  const auto& n = impl_->nodes[i];
  return impl_->in.substr(n.raw_begin, n.raw_end - n.raw_begin);
}

std::string document::path(index i) const {
  std::vector<std::string> steps;
  while (i != 0) {
    const auto parent = impl_->nodes[i].parent;
    if (impl_->nodes[parent].kind == kind::object) {
      steps.push_back((parent == 0 ? "" : ".") + std::string(impl_->nodes[i].key));
    } else {
      std::size_t n = 0;
      for (auto j = first_child(parent); j != i; j = sibling(j)) ++n;
      steps.push_back("[" + std::to_string(n) + "]");
    }
    i = parent;
  }
  std::string out;
  for (auto it = steps.rbegin(); it != steps.rend(); ++it) out += *it;
  return out;
}

}  // namespace sluice::text::json
