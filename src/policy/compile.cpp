// AST to snapshot: rules to programs, patterns to shards. External interface: compile() of build.hpp.
//
// Sharding: a policy with many patterns has a database of its own; the small ones share one, because each scan of a text has a
// fixed price. A change recompiles only the shard that holds it; the others come from the cache.
#include <cstdio>

#include "compiled_snapshot.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/policy/build.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {
namespace {

constexpr std::size_t own_shard_min = 512;     // patterns of a policy that gets its own database
constexpr std::size_t common_shard_max = 4096;  // patterns of a shared one

template <class E>
std::uint16_t mask_of(const std::vector<E>& values, std::size_t count) {
  if (values.empty()) return static_cast<std::uint16_t>((1u << count) - 1);
  unsigned mask = 0;
  for (const auto v : values) mask |= 1u << static_cast<unsigned>(v);
  return static_cast<std::uint16_t>(mask);
}

text::view_kind view_of(const keyword_match& words) {
  return words.fold && !words.case_sensitive ? text::view_kind::folded : text::view_kind::regex;
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
      : bundle_(bundle), backend_(backend), cache_(cache), found_(found) {}

  std::shared_ptr<const snapshot> run() {
    program_->version = bundle_.version;
    program_->bundle_name = bundle_.name;
    program_->matcher_unavailable = bundle_.on_error.matcher_unavailable;
    for (const auto& p : bundle_.policies) {
      for (const auto& r : p.rules) add_rule(p, r);
    }
    if (has_errors(found_)) return nullptr;
    program_->folded_words = match::keyword_table(std::move(folded_));
    program_->exact_words = match::keyword_table(std::move(exact_));
    program_->unfiltered = rule_set(program_->rules.size());
    build_starts();
    shard_patterns();
    if (has_errors(found_)) return nullptr;
    auto scopes = scope_map::compose(bundle_, program_, found_);
    if (has_errors(found_)) return nullptr;
    measure();
    return std::make_shared<const compiled_snapshot>(program_, std::move(scopes));
  }

 private:
  void error(const place& at, const std::string& rule, std::string message, std::string advice) {
    found_.push_back({.severity = severity::error, .place = at, .rule = rule, .message = std::move(message), .advice = std::move(advice)});
  }

  void add_rule(const policy_ast& p, const rule& r) {
    const auto index = static_cast<std::uint32_t>(program_->rules.size());
    program_->infos.push_back({r.id, p.name, r.title, r.severity, r.category, to_string(r.place), r.action.type, r.enforcement});
    compiled_rule c{};
    c.direction = r.direction;
    c.action = r.action.type;
    c.enforcement = r.enforcement;
    c.role_mask = static_cast<std::uint8_t>(mask_of(r.where.roles, 5));
    c.kind_mask = mask_of(r.where.parts, part_kind_count);
    c.last_turn_only = r.where.last_turn_only;
    c.hold_full = r.hold_full;
    c.is_regex = r.match.kind == match_spec::kind::regex;
    c.fold = !c.is_regex && view_of(r.match.keywords) == text::view_kind::folded;
    c.validator = r.match.validator;
    c.mask = r.action.mask.empty() ? "[REDACTED]" : r.action.mask;
    c.keep_first = r.action.keep_first;
    c.keep_last = r.action.keep_last;
    c.message = r.action.message;
    c.http_status = r.action.http_status;
    c.message_in_stream = r.action.message_in_stream;
    if (c.is_regex) {
      add_regex(r, c);
    } else {
      add_words(r.match.keywords, index);
    }
    for (const auto& e : r.exceptions) c.exceptions.push_back(make_exception(r, e));
    program_->rules.push_back(std::move(c));
  }

  void add_regex(const rule& r, compiled_rule& c) {
    auto made = cache_.regex(r.match.regex.pattern);
    if (!made) {
      error(r.match.place, r.id, "the pattern does not compile at byte " + std::to_string(made.error().offset) + ": " + made.error().reason,
            "correct the pattern");
      return;
    }
    c.regex = *made;
    for (const auto& w : r.match.regex.prefilter) c.prefilter.push_back(lower(w));
    const auto& info = c.regex->regex.info();
    program_->lookbehind_max = std::max(program_->lookbehind_max, info.lookbehind_max);
  }

  void add_words(const keyword_match& words, std::uint32_t index) {
    const auto view = view_of(words);
    auto& table = view == text::view_kind::folded ? folded_ : exact_;
    for (const auto& w : words.words) {
      auto form = text::normalise(w, view);
      if (text::may_be_composed(form)) (view == text::view_kind::folded ? program_->folded_compose : program_->exact_compose) = true;
      if (!form.empty()) table.push_back({std::move(form), index, words.boundary == boundary::word});
    }
  }

  compiled_exception make_exception(const rule& r, const exception_spec& e) {
    compiled_exception made;
    made.id = e.id;
    made.when = e.when;
    if (!e.match) return made;
    if (e.match->kind == match_spec::kind::regex) {
      auto regex = cache_.regex(e.match->regex.pattern);
      if (regex) {
        made.regex = *regex;
      } else {
        error(e.place, r.id, "the pattern of exception " + e.id + " does not compile: " + regex.error().reason, "correct the pattern");
      }
      return made;
    }
    const auto view = view_of(e.match->keywords);
    made.fold = view == text::view_kind::folded;
    for (const auto& w : e.match->keywords.words) made.words.push_back(text::normalise(w, view));
    return made;
  }

  void build_starts() {
    static const match::start_set never{std::vector<bool>(256, false), {}, true};
    std::vector<const match::start_set*> sets;
    for (const auto& r : program_->rules) sets.push_back(r.regex ? &r.regex->starts : &never);
    program_->starts = match::start_filter(sets);
  }

  struct shard_word {
    std::string form;
    bool bounded;
    std::uint32_t shard = 0;
  };

  // One group of patterns on its way to a shard.
  struct group {
    match::pattern_set set;
    std::vector<std::uint32_t> rule_of;
    std::vector<shard_word> words;
    void append(group&& other) {
      set.patterns.insert(set.patterns.end(), std::make_move_iterator(other.set.patterns.begin()),
                          std::make_move_iterator(other.set.patterns.end()));
      rule_of.insert(rule_of.end(), other.rule_of.begin(), other.rule_of.end());
      words.insert(words.end(), std::make_move_iterator(other.words.begin()), std::make_move_iterator(other.words.end()));
      other = {};
    }
  };

  // Puts each policy's patterns of one kind into its own shard or the shared one.
  template <class Collect>
  void shard_by_policy(std::vector<shard>& out, Collect&& collect) {
    group common;
    std::uint32_t first = 0;
    for (const auto& p : bundle_.policies) {
      group mine;
      for (std::uint32_t i = 0; i < p.rules.size(); ++i) collect(p.rules[i], first + i, mine);
      first += static_cast<std::uint32_t>(p.rules.size());
      if (mine.rule_of.size() >= own_shard_min) {
        finish(std::move(mine), out, p.place);
        continue;
      }
      common.append(std::move(mine));
      if (common.rule_of.size() >= common_shard_max) finish(std::exchange(common, {}), out, p.place);
    }
    finish(std::move(common), out, {"bundle.yaml", 0, 0});
  }

  void finish(group g, std::vector<shard>& out, const place& at) {
    // A pattern that Hyperscan does not take is looked at without its help; the others go on.
    while (!g.set.patterns.empty()) {
      auto database = cache_.get(g.set, backend_);
      if (database) {
        for (auto& w : g.words) w.shard = static_cast<std::uint32_t>(out.size());
        words_of_shards_.insert(words_of_shards_.end(), std::make_move_iterator(g.words.begin()), std::make_move_iterator(g.words.end()));
        out.push_back({*database, std::move(g.rule_of)});
        return;
      }
      unsigned bad = 0;
      if (database.error().code != errc::invalid_argument ||
          std::sscanf(database.error().message.c_str(), "pattern %u:", &bad) != 1 || bad >= g.set.patterns.size()) {
        error(at, "", "the patterns were not compiled: " + database.error().message, "simplify the patterns of this policy");
        return;
      }
      program_->unfiltered.add(g.rule_of[bad]);
      g.set.patterns.erase(g.set.patterns.begin() + bad);
      g.rule_of.erase(g.rule_of.begin() + bad);
    }
  }

  void shard_patterns() {
    shard_by_policy(program_->regex_shards, [&](const rule& r, std::uint32_t index, group& into) {
      const auto& c = program_->rules[index];
      if (!c.is_regex || r.enforcement == enforcement::off) return;
      if (c.regex->regex.superset().empty()) {
        program_->unfiltered.add(index);
        return;
      }
      into.set.patterns.push_back({c.regex->regex.superset(), match::single_match_flags()});
      into.rule_of.push_back(index);
    });
    const auto words = [&](bool folded) {
      return [this, folded](const rule& r, std::uint32_t index, group& into) {
        const auto& c = program_->rules[index];
        if (c.is_regex || c.fold != folded || r.enforcement == enforcement::off) return;
        for (const auto& w : r.match.keywords.words) {
          const auto form = text::normalise(w, folded ? text::view_kind::folded : text::view_kind::regex);
          if (form.empty()) continue;
          into.set.patterns.push_back({escaped(form), match::single_match_flags()});
          into.rule_of.push_back(index);
          into.words.push_back({form, r.match.keywords.boundary == boundary::word});
        }
      };
    };
    shard_by_policy(program_->folded_shards, words(true));
    program_->folded_filter = filter_of(program_->folded_shards);
    shard_by_policy(program_->exact_shards, words(false));
    program_->exact_filter = filter_of(program_->exact_shards);
  }

  match::word_filter filter_of(const std::vector<shard>& shards) {
    std::vector<match::word_filter::word> words;
    words.reserve(words_of_shards_.size());
    for (const auto& w : words_of_shards_) words.push_back({w.form, w.shard, w.bounded});
    match::word_filter made(words, static_cast<std::uint32_t>(shards.size()));
    words_of_shards_.clear();
    return made;
  }

  void measure() {
    auto& bytes = program_->memory_bytes;
    for (const auto* shards : {&program_->regex_shards, &program_->folded_shards, &program_->exact_shards}) {
      for (const auto& s : *shards) bytes += s.database->memory_bytes() + s.rule_of.capacity() * 4;
    }
    bytes += program_->folded_filter.memory_bytes() + program_->exact_filter.memory_bytes();
    bytes += program_->folded_words.memory_bytes() + program_->exact_words.memory_bytes() + program_->starts.memory_bytes();
    for (const auto& r : program_->rules) bytes += sizeof(r) + (r.regex ? r.regex->regex.memory_bytes() : 0);
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
  std::vector<match::keyword_table::entry> folded_, exact_;
  std::vector<shard_word> words_of_shards_;  // of the shards being made
};

}  // namespace

std::shared_ptr<const snapshot> compile(const bundle_ast& bundle, match::compile_backend& backend, shard_cache& cache, diagnostics& found) {
  return compiler(bundle, backend, cache, found).run();
}

}  // namespace sluice::policy
