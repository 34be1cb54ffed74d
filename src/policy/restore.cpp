// See restore.hpp.
#include "sluice/policy/restore.hpp"

#include <algorithm>

#include "sluice/text/json_text.hpp"
#include "url_scan.hpp"

namespace sluice::policy {
namespace {

// Goes over a text and calls plain(begin, end) for what stays and original(begin, end, value) for what is put back, in order. Returns
// where a token may have begun that is not all there; with `more` false that is the end.
template <class Plain, class Original>
std::size_t walk(const token_map& known, url_scan& where, std::string_view text, bool more, Plain&& plain, Original&& original) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto begin = known.next_begin(text, at);
    where.pass(text.substr(at, begin - at));
    if (begin > at) plain(at, begin);
    at = begin;
    if (at == text.size()) break;
    const auto found = known.at_begin(text.substr(at));
    if (found.open && more) return at;
    const auto end = at + std::max<std::size_t>(found.size, 1);
    if (found.size == 0) {
      where.pass(text.substr(at, 1));
      plain(at, end);
    } else {
      where.inside() ? plain(at, end) : original(at, end, *found.value);
      where.pass_word();
    }
    at = end;
  }
  return text.size();
}

// How a value is written where a token stands: in a string of JSON, or in one of JSON in a string, escaped for each.
class writing {
 public:
  // Of the token at `at`; the places of a text are asked for in their order.
  std::string of(std::string_view text, std::size_t at, const std::string& value) {
    pass(text, at);
    return text::json_escaped(value, depth_.strings());
  }
  void pass(std::string_view text, std::size_t to) {
    depth_.feed(text.substr(fed_, to - fed_));
    fed_ = to;
  }
  void next_text() { fed_ = 0; }

 private:
  text::json_depth depth_;
  std::size_t fed_ = 0;
};

}  // namespace

struct restorer::impl {
  const token_map& known;
  url_scan where;
  std::string held;  // begins where a token may begin
  std::uint32_t restored = 0;
  writing as;

  void run(std::string_view text, bool more, std::string& out) {
    std::string all;
    if (!held.empty()) {
      all = std::move(held);
      all += text;
      text = all;
      held.clear();
    }
    const auto rest = walk(
        known, where, text, more, [&](std::size_t begin, std::size_t end) { out += text.substr(begin, end - begin); },
        [&](std::size_t begin, std::size_t, const std::string& value) {
          out += as.of(text, begin, value);
          ++restored;
        });
    as.pass(text, rest);
    as.next_text();
    held = text.substr(rest);
  }
};

restorer::restorer(const token_map& known) : impl_(std::make_unique<impl>(known)) {}
restorer::~restorer() = default;
restorer::restorer(restorer&&) noexcept = default;
restorer& restorer::operator=(restorer&&) noexcept = default;
void restorer::feed(std::string_view text, std::string& out) { impl_->run(text, true, out); }
void restorer::finish(std::string& out) { impl_->run({}, false, out); }
std::size_t restorer::held_bytes() const { return impl_->held.size(); }
std::uint32_t restorer::restored() const { return impl_->restored; }

std::vector<edit> with_originals(std::uint32_t part, std::string_view text, std::span<const edit> made, const token_map& known,
                                 std::uint32_t& restored) {
  struct kept {
    std::size_t begin, end;  // in what the rules left
    std::uint32_t was;       // where that begins in the part
  };
  std::vector<edit> out(made.begin(), made.end());
  std::string left;
  std::vector<kept> stretches;
  std::uint32_t at = 0;
  const auto keep = [&](std::uint32_t to) {
    stretches.push_back({left.size(), left.size() + (to - at), at});
    left += text.substr(at, to - at);
  };
  for (const auto& e : made) {
    keep(e.begin);
    left += e.replacement;
    at = e.end;
  }
  keep(static_cast<std::uint32_t>(text.size()));
  bool apart = true;
  std::uint32_t values = 0;
  std::string whole;
  url_scan where;
  writing as;
  (void)walk(
      known, where, left, false, [&](std::size_t begin, std::size_t end) { whole.append(left, begin, end - begin); },
      [&](std::size_t begin, std::size_t end, const std::string& value) {
        ++values;
        const auto written = as.of(left, begin, value);
        whole += written;
        const auto in = std::ranges::find_if(stretches, [&](const kept& k) { return k.begin <= begin && end <= k.end; });
        apart = apart && in != stretches.end();
        if (!apart) return;
        const auto was = in->was + static_cast<std::uint32_t>(begin - in->begin);
        out.push_back({part, was, was + static_cast<std::uint32_t>(end - begin), written});
      });
  restored += values;
  // A token of which a rule wrote a piece cannot be replaced by itself.
  if (!apart) return {{part, 0, static_cast<std::uint32_t>(text.size()), std::move(whole)}};
  std::ranges::sort(out, {}, &edit::begin);
  return out;
}

}  // namespace sluice::policy
