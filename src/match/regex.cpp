// PCRE2 10.42: JIT where it can, partial matching for hold-back, all ends by the DFA matcher for validators.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "sluice/match/regex.hpp"

#include <pcre2.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "regex_edges.hpp"
#include "sluice/match/regex_syntax.hpp"

namespace sluice::match {
namespace {

// A pattern that needs more steps than this on one text is a runaway: the matcher is "unavailable", not "no match".
// PCRE2 counts steps from each place at which a match may begin, and starts anew at the next: the bound for one place falls as the text grows, so
// that a whole text has one too. A billion steps take about a second.
constexpr std::uint32_t place_steps_max = 200'000, place_steps_min = 1'000;
constexpr std::uint64_t text_steps_max = 1u << 30;
constexpr std::size_t jit_stack_bytes_max = 512 * 1024;
constexpr std::uint32_t ends_max = 128;  // shorter ends that a validator may try

PCRE2_SPTR bytes(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

std::uint32_t info_u32(const pcre2_code* code, std::uint32_t what) {
  std::uint32_t value = 0;
  pcre2_pattern_info(code, what, &value);
  return value;
}

// The size of the escape of a dash that stands there, which no mark makes another character of; 0: none.
std::size_t dash_escape(std::string_view at) {
  static constexpr std::string_view dashes[] = {"\\x{2010}", "\\x{2011}", "\\x{2012}", "\\x{2013}", "\\x{2014}", "\\x{2015}", "\\x{2212}"};
  const auto* found = std::ranges::find_if(dashes, [&](std::string_view dash) { return at.starts_with(dash); });
  return found == std::end(dashes) ? 0 : found->size();
}

// See regex_info::marks. ASCII literals, and classes that name what they take, never take a letter with a mark; \w, \d, \s and \b take
// or refuse a letter whatever its marks. What says "not this" takes any letter with a mark; what names letters beyond ASCII, some.
enum regex_info::marks marks_of(std::string_view pattern, bool has_verb) {
  static constexpr std::string_view certain = "bBdwsAZzntr", negated = "DWS";
  auto marks = regex_info::marks::ignored;
  for (const std::string_view risky : {"[^", "[:^", "(?=", "(?!", "(?<=", "(?<!"}) {
    if (pattern.contains(risky)) marks = regex_info::marks::alike;
  }
  if (has_verb || pattern.contains("(?(")) return regex_info::marks::distinct;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const auto c = static_cast<unsigned char>(pattern[i]);
    if (c >= 0x80) return regex_info::marks::distinct;
    if (c != '\\') continue;
    if (const auto dash = dash_escape(pattern.substr(i)); dash > 0) {
      i += dash - 1;
      continue;
    }
    if (++i == pattern.size()) return regex_info::marks::distinct;
    const auto escaped = static_cast<unsigned char>(pattern[i]);
    const bool letter_or_digit = (escaped >= '0' && escaped <= '9') || ((escaped | 0x20u) >= 'a' && (escaped | 0x20u) <= 'z');
    if (negated.contains(pattern[i])) marks = regex_info::marks::alike;
    else if (escaped >= 0x80 || (letter_or_digit && !certain.contains(pattern[i]))) return regex_info::marks::distinct;
  }
  return marks;
}

// See regex_info::picky_start. Nothing before a match satisfies every "(?<!"; "\b" and "^" alone are told by a few samples.
bool picky_start(std::string_view pattern, bool has_verb) {
  if (pattern.contains("(?<=") || has_verb) return true;
  return pattern.contains("(?<!") && (pattern.contains("\\b") || pattern.contains("\\B"));
}

// Null: it does not compile, and the error says why.
pcre2_code* compile_code(std::string_view pattern, std::uint32_t nesting, regex_error& error) {
  // \C could split a code point: it has no use in a rule.
  constexpr std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  pcre2_set_parens_nest_limit(context.get(), nesting);
  int number = 0;
  PCRE2_SIZE offset = 0;
  auto* const code = pcre2_compile(bytes(pattern), pattern.size(), options, &number, &offset, context.get());
  if (code != nullptr) return code;
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(number, text.data(), text.size());
  error = {.offset = offset, .reason = reinterpret_cast<const char*>(text.data())};
  return nullptr;
}

std::uint32_t steps_for(std::size_t bytes, std::uint32_t most) {
  const auto share = static_cast<std::uint32_t>(std::min<std::uint64_t>(text_steps_max / std::max<std::size_t>(bytes, 1), most));
  return std::max(share, std::min(place_steps_min, most));
}

}  // namespace

struct match_state::impl {
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 * 1024, jit_stack_bytes_max, nullptr);
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);  // only the whole match is asked for
  pcre2_match_data* ends = pcre2_match_data_create(ends_max, nullptr);
  std::array<std::size_t, ends_max> listed{};
  std::array<int, 1024> workspace{};
  std::uint32_t steps_max = place_steps_max;
  const text::edged_text* in = nullptr;  // while PCRE2 runs
  bool more = false;
  std::optional<std::size_t> waits_from;  // where a match begins that an edge decides which is open

  impl() {
    pcre2_set_callout(context, [](pcre2_callout_block* at, void* self) { return static_cast<impl*>(self)->ask(*at); }, this);
    pcre2_set_heap_limit(context, 8 * 1024);  // KiB
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  // 0: the pattern goes on. Patterns have no callouts of their own.
  int ask(const pcre2_callout_block& what) {
    if (what.callout_number == lost_edge) return in->lost_edge(what.current_position) ? 0 : 1;
    const auto answer = in->edge(what.current_position, more);
    if (answer == text::edged_text::answer::yes) return 0;
    if (answer == text::edged_text::answer::no) return 1;
    waits_from = what.start_match;
    return PCRE2_ERROR_CALLOUT;
  }
  ~impl() {
    pcre2_match_data_free(data);
    pcre2_match_data_free(ends);
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
  }
};

void match_state::limit_steps(std::uint32_t of_each_place) { impl_->steps_max = of_each_place; }

match_state::match_state() : impl_(std::make_unique<impl>()) {}
match_state::~match_state() = default;
match_state::match_state(match_state&&) noexcept = default;
match_state& match_state::operator=(match_state&&) noexcept = default;

struct regex::impl {
  pcre2_code* code = nullptr;
  bool jit = false;
  regex_info info;
  std::size_t bytes = 0;
  std::string superset;

  impl() = default;
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() { pcre2_code_free(code); }
};

regex::regex(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
regex::~regex() = default;
regex::regex(regex&&) noexcept = default;
regex& regex::operator=(regex&&) noexcept = default;
const regex_info& regex::info() const { return impl_->info; }
std::size_t regex::memory_bytes() const { return impl_->bytes; }
const std::string& regex::superset() const { return impl_->superset; }

std::expected<regex, regex_error> regex::compile(std::string_view pattern) {
  auto made = std::make_unique<impl>();
  regex_error error;
  made->code = compile_code(pattern, nesting_max - 1, error);
  if (made->code == nullptr) return std::unexpected(std::move(error));
  const auto edged = with_edges(pattern);
  if (edged.callout) return std::unexpected(regex_error{*edged.callout, "a callout, (?C…), asks nothing here", "leave it out"});
  if (edged.text != pattern) {
    auto* const code = compile_code(edged.text, nesting_max, error);
    if (code == nullptr) return std::unexpected(regex_error{0, "the edges of words do not fit into it: " + error.reason, "make it shorter, or write several rules"});
    pcre2_code_free(std::exchange(made->code, code));
  }
  made->jit = pcre2_jit_compile(made->code, PCRE2_JIT_COMPLETE | PCRE2_JIT_PARTIAL_HARD) == 0;
  const auto shape = read_shape(pattern);
  made->superset = shape.superset;
  made->info.width_min = info_u32(made->code, PCRE2_INFO_MINLENGTH);
  made->info.width_max = shape.width_max == unbounded || shape.width_max > unbounded / 4 ? unbounded : shape.width_max * 4;
  made->info.needs = shape.needs;
  made->info.lookbehind_max = info_u32(made->code, PCRE2_INFO_MAXLOOKBEHIND);
  made->info.matches_empty = info_u32(made->code, PCRE2_INFO_MATCHEMPTY) != 0;
  made->info.marks = marks_of(pattern, edged.has_verb);
  made->info.picky_start = made->info.lookbehind_max > 1 || picky_start(pattern, edged.has_verb);
  PCRE2_SIZE size = 0;
  pcre2_pattern_info(made->code, PCRE2_INFO_SIZE, &size);
  made->bytes = size;
  pcre2_pattern_info(made->code, PCRE2_INFO_JITSIZE, &size);
  made->bytes += size;
  return regex(std::move(made));
}

namespace {

// What callouts ask, as long as PCRE2 runs.
class asked_of {
 public:
  asked_of(match_state::impl& state, const text::edged_text& in, bool more) : state_(state) {
    state.in = &in;
    state.more = more;
    state.waits_from.reset();
  }
  asked_of(const asked_of&) = delete;
  asked_of& operator=(const asked_of&) = delete;
  ~asked_of() { state_.in = nullptr; }

 private:
  match_state::impl& state_;
};

}  // namespace

regex::hit regex::find(const text::edged_text& in, std::size_t from, bool more_may_come, match_state& state) const {
  auto& s = state.get();
  const auto text = in.text();
  const asked_of asked(s, in, more_may_come);
  const std::uint32_t partial = more_may_come ? PCRE2_PARTIAL_HARD : 0;
  pcre2_set_match_limit(s.context, steps_for(text.size(), s.steps_max));
  const int rc = impl_->jit ? pcre2_jit_match(impl_->code, bytes(text), text.size(), from, partial, s.data, s.context)
                            : pcre2_match(impl_->code, bytes(text), text.size(), from, partial | PCRE2_NO_UTF_CHECK, s.data, s.context);
  const auto* where = pcre2_get_ovector_pointer(s.data);
  if (rc >= 0) return {status::match, where[0], where[1]};
  if (rc == PCRE2_ERROR_PARTIAL) return {status::partial, where[0], text.size()};
  if (rc == PCRE2_ERROR_CALLOUT && s.waits_from) return {status::partial, *s.waits_from, text.size()};
  if (rc == PCRE2_ERROR_NOMATCH) return {status::none, 0, 0};
  return {status::unavailable, 0, 0};
}

std::optional<std::span<const std::size_t>> regex::ends_at(const text::edged_text& in, std::size_t from, match_state& state) const {
  auto& s = state.get();
  const auto text = in.text();
  const asked_of asked(s, in, false);
  // The DFA matcher reports every end at this start, longest first, each in its real surroundings.
  const int rc = pcre2_dfa_match(impl_->code, bytes(text), text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED, s.ends, s.context,
                                 s.workspace.data(), s.workspace.size());
  if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) return std::nullopt;
  const auto* where = pcre2_get_ovector_pointer(s.ends);
  const auto count = rc == PCRE2_ERROR_NOMATCH ? 0 : rc == 0 ? ends_max : static_cast<std::uint32_t>(rc);
  for (std::uint32_t i = 0; i < count; ++i) s.listed[i] = where[2 * i + 1];
  return std::span<const std::size_t>(s.listed).first(count);
}

regex::hit regex::find_within(const text::edged_text& in, std::size_t from, std::size_t end_max, match_state& state) const {
  auto& s = state.get();
  if (const auto ends = ends_at(in, from, state)) {
    for (const auto end : *ends) {
      if (end <= end_max) return {status::match, from, end};
    }
    return {status::none, 0, 0};
  }
  // Patterns that the DFA matcher does not take (back references, \K): match a text that ends sooner.
  const asked_of asked(s, in, false);
  const int cut = pcre2_match(impl_->code, bytes(in.text()), end_max, from, PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED, s.data, s.context);
  if (cut == PCRE2_ERROR_NOMATCH) return {status::none, 0, 0};
  if (cut < 0) return {status::unavailable, 0, 0};
  const auto* where = pcre2_get_ovector_pointer(s.data);
  return {status::match, where[0], where[1]};
}

}  // namespace sluice::match
