// AST to snapshot: rules to programs, patterns to shards. External interface: compile() of build.hpp.
//
// Sharding: a policy with many regexes has a database of its own; the small ones share one, because each scan of a text has a
// fixed price. Words go by their own digest, whatever policy names them: a scan is made only of a shard that the text names a word's
// beginning of (match::word_filter), so that there may be many small ones. A change recompiles only the shards that hold what changed; the
// others come from the cache.
#include <algorithm>
#include <bit>
#include <optional>
#include <set>
#include <unordered_map>

#include "compile_terms.hpp"
#include "compiled_snapshot.hpp"
#include "exception.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/text/blanks.hpp"

namespace sluice::policy {
namespace {

constexpr std::size_t own_shard_min = 512;     // patterns of a policy that gets its own database
constexpr std::size_t common_shard_max = 4096;  // patterns of a shared one
constexpr std::size_t few_words_max = 256;      // in one shard, scanned for without a filter before it
constexpr std::size_t word_shard_size = 64;     // about so many words in a shard of words
constexpr std::size_t word_shards_max = 64;     // what a text that names a word of every shard costs

// FNV-1a: a word is in the same shard in every version, on every node.
std::uint64_t digest_of(std::string_view form) {
  std::uint64_t out = 0xcbf29ce484222325ull;
  for (const char c : form) out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return out ^ out >> 32;
}

template <class E>
std::uint16_t mask_of(const std::vector<E>& values, std::size_t count) {
  if (values.empty()) return static_cast<std::uint16_t>((1u << count) - 1);
  unsigned mask = 0;
  for (const auto v : values) mask |= 1u << static_cast<unsigned>(v);
  return static_cast<std::uint16_t>(mask);
}

// What a client reads when text that a rule adds has no place, unless the rule says it better.
std::string message_of(const action_spec& act) {
  if (!act.message.empty() || !adds_text(act.type)) return act.message;
  return act.type == action::inject_system ? "A safety policy adds to the system's words, and a request of this form has no place for them."
                                           : "A safety policy adds a text to such answers, and an answer of this form has no place for it.";
}

// A literal as a regex that Hyperscan cannot misread: letters and digits as they are, every other byte by its number.
std::string escaped(std::string_view literal) {
  std::string out;
  for (const char c : literal) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (plain) {
      out += c;
    } else {
      const auto b = static_cast<unsigned char>(c);
      out += "\\x" + hex(std::span(&b, 1));
    }
  }
  return out;
}

class compiler {
 public:
  compiler(const bundle_ast& bundle, match::compile_backend& backend, shard_cache& cache, diagnostics& found)
      : bundle_(bundle), backend_(backend), cache_(cache), found_(found), kept_(never_demoted_rules(bundle)), terms_(bundle, backend, cache, *program_, found) {}

  std::shared_ptr<const snapshot> run() {
    program_->version = bundle_.version;
    program_->bundle_name = bundle_.name;
    program_->matcher_unavailable = bundle_.on_error.matcher_unavailable;
    program_->breaker = bundle_.breaker;
    terms_.load_models();
    for (const auto& p : bundle_.policies) {
      if (p.anomaly) program_->thresholds.push_back({p.name, p.anomaly->request, p.anomaly->response, p.anomaly->action});
      for (const auto& r : p.rules) add_rule(p, r);
      for (const auto& v : p.variants) add_rule(p, v.rule);
    }
    if (has_errors(found_)) return nullptr;
    program_->spelled = terms_.take_spelled();
    for (const auto view : both_views) {
      auto& in = program_->in[view];
      in.words = match::keyword_table(terms_.take_entries(view));
      in.unfiltered = index_set(program_->terms.size());
      build_starts(view);
      shard_patterns(view);
    }
    if (has_errors(found_)) return nullptr;
    auto scopes = scope_map::compose(bundle_, program_, found_);
    if (has_errors(found_)) return nullptr;
    program_->memory_bytes += scopes.memory_bytes();
    measure();
    return std::make_shared<const compiled_snapshot>(program_, std::move(scopes));
  }

 private:
  void error(const place& at, const std::string& rule, std::string message, std::string advice) {
    found_.push_back({.severity = severity::error, .place = at, .rule = rule, .message = std::move(message), .advice = std::move(advice)});
  }

  void add_rule(const policy_ast& p, const rule& r) {
    const auto index = static_cast<std::uint32_t>(program_->rules.size());
    program_->infos.push_back({r.id, p.name, r.title, r.severity, r.category, to_string(r.place), r.action.type, r.enforcement, static_cast<std::uint32_t>(r.score), r.max_block_rate, kept_.contains(r.id),
                               may_block(r.action) || r.score > 0});
    compiled_rule c{};
    c.direction = r.direction;
    c.action = r.action.type;
    c.enforcement = r.enforcement;
    c.role_mask = static_cast<std::uint8_t>(mask_of(r.where.roles, role_count));
    c.kind_mask = mask_of(r.where.parts, part_kind_count);
    c.last_turn_only = r.where.last_turn_only;
    c.hold_full = r.hold_full;
    c.mask = r.action.type == action::rewrite || r.action.type == action::require_disclaimer ? r.action.replacement
             : r.action.type == action::tokenize ? r.action.token
             : r.action.mask.empty()             ? "[REDACTED]"
                                                 : r.action.mask;
    c.restores = r.action.restore;
    c.vault_ttl = r.action.vault_ttl;
    c.needs_vault = r.action.on_vault_unavailable == on_vault_unavailable::block;
    c.keep_first = r.action.keep_first;
    c.keep_last = r.action.keep_last;
    c.hashed = r.action.hashed;
    c.message = message_of(r.action);
    c.http_status = r.action.http_status;
    c.message_in_stream = r.action.message_in_stream;
    c.i18n = r.action.i18n;
    c.tags = r.action.tags;
    c.score = static_cast<std::uint32_t>(r.score);
    if (p.anomaly && r.score > 0) c.threshold = static_cast<std::uint32_t>(program_->thresholds.size() - 1);
    c.rollout = r.rollout;
    c.text = r.action.text;
    c.position = r.action.position;
    c.on_structured = r.action.on_structured;
    c.on_missing = r.action.on_missing;
    if (const auto wanted = p.disclaimers.find(r.action.disclaimer); wanted != p.disclaimers.end()) c.disclaimer = compile_disclaimer(wanted->second, cache_);
    const bool composed = needs_expression(r.match);
    c.terms_begin = static_cast<std::uint32_t>(program_->terms.size());
    auto made = terms_.add_match(r, r.match, index, !composed);
    if (composed) c.expression = std::move(made);
    c.terms_end = static_cast<std::uint32_t>(program_->terms.size());
    // Whatever the checker was told: nothing leaves before a rule that changes it has seen all that it asks for.
    const auto waits = [](const term& t) { return t.readings != 0 || t.kind == term::kind::classifier; };
    c.hold_full = c.hold_full || (c.changes() && (composed || std::any_of(program_->terms.begin() + c.terms_begin, program_->terms.end(), waits)));
    for (auto t = c.terms_begin; t < c.terms_end; ++t) program_->terms[t].last_turn_only = c.last_turn_only;
    for (const auto& e : r.exceptions) {
      c.exceptions.push_back(compile_exception(e, cache_, [&](const place& at, const std::string& reason) {
        error(at, r.id, "the pattern of exception " + e.id + " does not compile: " + reason, "correct the pattern");
      }));
    }
    program_->rules.push_back(std::move(c));
  }

  void build_starts(text::view_kind view) {
    // Of 65,536 pairs for each term: not made for a view in which nothing begins.
    const auto begins = [&](const term& t) { return t.regex && t.view == view; };
    if (std::ranges::none_of(program_->terms, begins)) return;
    static const match::start_set never{std::vector<bool>(256, false), {}, true};
    std::vector<const match::start_set*> sets;
    for (const auto& t : program_->terms) sets.push_back(t.regex && t.view == view ? &t.regex->starts : &never);
    program_->in[view].starts = match::start_filter(sets);
    program_->in[view].prefilters.seal();
  }

  struct shard_word {
    std::string form;
    bool bounded;
    std::uint32_t shard = 0;
  };

  // One group of patterns on its way to a shard.
  struct group {
    match::pattern_set set;
    std::vector<std::uint32_t> term_of;
    std::vector<shard_word> words;
    std::optional<match::rare_bytes> needs;  // of each
    text_sides sides = 0;
    void add(std::string pattern, std::uint32_t term, const match::rare_bytes& its, text_sides whose) {
      set.patterns.push_back({std::move(pattern), match::single_match_flags()});
      term_of.push_back(term);
      needs = needs ? least(*needs, its) : its;
      sides |= whose;
    }
    void append(group&& other) {
      if (other.needs) needs = needs ? least(*needs, *other.needs) : *other.needs;
      sides |= other.sides;
      set.patterns.insert(set.patterns.end(), std::make_move_iterator(other.set.patterns.begin()),
                          std::make_move_iterator(other.set.patterns.end()));
      term_of.insert(term_of.end(), other.term_of.begin(), other.term_of.end());
      words.insert(words.end(), std::make_move_iterator(other.words.begin()), std::make_move_iterator(other.words.end()));
      other = {};
    }
  };

  // The terms of rules that are in force anywhere.
  template <class F>
  void each_active_term(F&& f) const {
    for (const auto& r : program_->rules) {
      for (auto t = r.terms_begin; r.enforcement != enforcement::off && t < r.terms_end; ++t) f(t);
    }
  }

  // Puts each policy's patterns of one kind into its own shard or the shared one.
  template <class Collect>
  void shard_by_policy(std::vector<shard>& out, index_set& unfiltered, Collect&& collect) {
    group common;
    std::uint32_t rule = 0;
    for (const auto& p : bundle_.policies) {
      group mine;
      for (const auto end = rule + p.rules.size() + p.variants.size(); rule < end; ++rule) {
        const auto& r = program_->rules[rule];
        if (r.enforcement == enforcement::off) continue;
        for (auto t = r.terms_begin; t < r.terms_end; ++t) collect(t, mine);
      }
      if (mine.term_of.size() >= own_shard_min) {
        finish(std::move(mine), out, unfiltered, p.place);
        continue;
      }
      common.append(std::move(mine));
      if (common.term_of.size() >= common_shard_max) finish(std::exchange(common, {}), out, unfiltered, p.place);
    }
    finish(std::move(common), out, unfiltered, {"bundle.yaml", 0, 0});
  }

  // The patterns of a group, each once: what requests and answers are asked for alike stands in two rules.
  struct distinct {
    match::pattern_set set;
    std::vector<std::vector<std::uint32_t>> terms;
    explicit distinct(group& from) {
      std::unordered_map<std::string_view, std::size_t> known;
      set.patterns.reserve(from.set.patterns.size());  // so that what `known` looks at stays
      for (std::size_t i = 0; i < from.term_of.size(); ++i) {
        auto& pattern = from.set.patterns[i];
        const auto at = known.find(pattern.expression);
        if (at != known.end()) {
          terms[at->second].push_back(from.term_of[i]);
          continue;
        }
        set.patterns.push_back(std::move(pattern));
        terms.push_back({from.term_of[i]});
        known.emplace(set.patterns.back().expression, terms.size() - 1);
      }
    }
  };

  void finish(group from, std::vector<shard>& out, index_set& unfiltered, const place& at) {
    distinct g(from);
    // A pattern that Hyperscan does not take is looked at without its help; the others go on.
    while (!g.set.patterns.empty()) {
      auto database = cache_.get(g.set, backend_);
      if (database) {
        for (auto& w : from.words) w.shard = static_cast<std::uint32_t>(out.size());
        words_of_shards_.insert(words_of_shards_.end(), std::make_move_iterator(from.words.begin()), std::make_move_iterator(from.words.end()));
        shard& made = out.emplace_back(shard{*database, {}, {}, from.needs.value_or(match::rare_bytes{}), from.sides});
        for (const auto& terms : g.terms) {
          made.term_of.insert(made.term_of.end(), terms.begin(), terms.end());
          made.ends.push_back(static_cast<std::uint32_t>(made.term_of.size()));
        }
        return;
      }
      unsigned bad = 0;
      if (database.error().code != errc::invalid_argument ||
          std::sscanf(database.error().message.c_str(), "pattern %u:", &bad) != 1 || bad >= g.set.patterns.size()) {
        error(at, "", "the patterns were not compiled: " + database.error().message, "simplify the patterns of this policy");
        return;
      }
      for (const auto term : g.terms[bad]) unfiltered.add(term);
      g.set.patterns.erase(g.set.patterns.begin() + bad);
      g.terms.erase(g.terms.begin() + bad);
    }
  }

  void shard_patterns(text::view_kind view) {
    auto& in = program_->in[view];
    shard_terms(view, in.all, [](const term&) { return true; });
    shard_terms(view, in.derived, [](const term& t) { return t.readings != 0; });
  }

  // Puts the words of the wanted terms into shards by their forms.
  template <class Wanted>
  void shard_words(text::view_kind view, std::vector<shard>& out, index_set& unfiltered, Wanted&& wanted) {
    struct placed {
      std::string form;
      std::uint32_t term;
      bool bounded;
    };
    std::vector<placed> all;
    each_active_term([&](std::uint32_t index) {
      const auto& t = program_->terms[index];
      if (t.kind != term::kind::words || t.view != view || !wanted(t)) return;
      const auto& [words, which] = terms_.words_of(index);
      for (const auto i : which) {
        auto form = text::word_form(words->words[i], view);
        if (!form.empty()) all.push_back({std::move(form), index, words->boundary == boundary::word});
      }
    });
    // Sorted: where in the bundle a word stands changes nothing in its shard's patterns.
    std::ranges::sort(all, {}, [](const placed& p) { return std::pair<std::string_view, std::uint32_t>(p.form, p.term); });
    const auto shards = all.size() <= few_words_max ? 1 : std::min(std::bit_ceil(all.size() / word_shard_size + 1), word_shards_max);
    std::vector<group> groups(shards);
    for (auto& p : all) {
      auto& into = groups[digest_of(p.form) % groups.size()];
      into.add(escaped(p.form), p.term, {}, sides_of(p.term));
      into.words.push_back({std::move(p.form), p.bounded});
    }
    for (auto& g : groups) finish(std::move(g), out, unfiltered, {"bundle.yaml", 0, 0});
  }

  // What a text must hold before it is searched: databases of their own for what prose has not, so that it is not searched for them.
  enum class rare : std::uint8_t { nothing, long_words, capitals, few_digits, digits, ats };
  static rare rare_of(const match::rare_bytes& needs) {
    constexpr std::uint32_t few_digits_min = 2, digits_min = 4;  // prose has a number here and there, and few so long
    if (needs.ats > 0) return rare::ats;
    if (needs.digits >= digits_min) return rare::digits;
    if (needs.capitals) return rare::capitals;
    return needs.long_word ? rare::long_words : needs.digits >= few_digits_min ? rare::few_digits : rare::nothing;
  }

  [[nodiscard]] text_sides sides_of(std::uint32_t term) const { return program_->rules[program_->terms[term].rule].sides(); }

  // A regex that has a filter, by what a text must hold and by whose text it is in words: databases of their own, so that a text is searched
  // for what is asked of it alone.
  struct filtered {
    rare needs;
    text_sides words;  // nobody's, the asker's, the model's, or both
    bool operator==(const filtered&) const = default;
  };
  [[nodiscard]] std::optional<filtered> filtered_of(const term& t) const {
    if (t.regex->regex.superset().empty()) return {};
    return filtered{rare_of(t.regex->regex.info().needs), static_cast<text_sides>(program_->rules[t.rule].sides() & ~other_texts)};
  }

  template <class Wanted>
  void shard_terms(text::view_kind view, program::searched::shards& out, Wanted&& wanted) {
    auto& unfiltered = program_->in[view].unfiltered;
    each_active_term([&](std::uint32_t index) {
      const auto& t = program_->terms[index];
      if (t.kind == term::kind::classifier || t.view != view || !wanted(t)) return;
      out.sides |= sides_of(index);
      if (t.kind == term::kind::regex && !filtered_of(t)) unfiltered.add(index);
    });
    for (const auto needs : {rare::nothing, rare::long_words, rare::capitals, rare::few_digits, rare::digits, rare::ats}) {
      for (text_sides words = 0; words < other_texts; ++words) {
        shard_by_policy(out.regexes, unfiltered, [&](std::uint32_t index, group& into) {
          const auto& t = program_->terms[index];
          if (t.kind != term::kind::regex || t.view != view || !wanted(t) || filtered_of(t) != filtered{needs, words}) return;
          into.add(t.regex->regex.superset(), index, t.regex->regex.info().needs, sides_of(index));
        });
      }
    }
    shard_words(view, out.words, unfiltered, wanted);
    if (words_of_shards_.size() > few_words_max) out.filter = filter_of(out.words);
    words_of_shards_.clear();
  }

  match::word_filter filter_of(const std::vector<shard>& shards) {
    std::vector<match::word_filter::word> words;
    words.reserve(words_of_shards_.size());
    for (const auto& w : words_of_shards_) words.push_back({w.form, w.shard, w.bounded});
    return match::word_filter(words, static_cast<std::uint32_t>(shards.size()));
  }

  void measure() {
    auto& bytes = program_->memory_bytes;
    program_->each_shard([&](const shard& s) { bytes += s.database->memory_bytes() + (s.term_of.capacity() + s.ends.capacity()) * 4; });
    for (const auto view : both_views) {
      const auto& in = program_->in[view];
      bytes += in.all.memory_bytes() + in.derived.memory_bytes() + in.words.memory_bytes() + in.starts.memory_bytes();
    }
    for (const auto& m : program_->models) bytes += m->memory_bytes();
    bytes += program_->spelled.memory_bytes();
    bytes += program_->rules.size() * sizeof(compiled_rule);
    for (const auto& t : program_->terms) bytes += sizeof(t) + (t.regex ? t.regex->regex.memory_bytes() : 0);
    if (bytes > bundle_.limits.database_bytes_max) {
      error({"bundle.yaml", 0, 0}, "", "the compiled bundle needs " + std::to_string(bytes >> 20) + " MiB, its limit is " +
                                           std::to_string(bundle_.limits.database_bytes_max >> 20) + " MiB",
            "raise limits.max_db_bytes or remove patterns");
    }
  }

  const bundle_ast& bundle_;
  match::compile_backend& backend_;
  shard_cache& cache_;
  diagnostics& found_;
  std::shared_ptr<program> program_ = std::make_shared<program>();
  const std::set<std::string> kept_;  // rules that nobody but a person demotes
  term_compiler terms_;
  std::vector<shard_word> words_of_shards_;  // of the shards being made
};

}  // namespace

std::shared_ptr<const snapshot> compile(const bundle_ast& bundle, match::compile_backend& backend, shard_cache& cache, diagnostics& found) {
  return compiler(bundle, backend, cache, found).run();
}

}  // namespace sluice::policy
