// Keys of what rules look for.
#include "schema.hpp"

namespace sluice::policy {
namespace {

constexpr std::string_view case_words[] = {"insensitive", "sensitive"};
constexpr std::string_view boundary_words[] = {"word", "none"};
constexpr std::string_view timeout_words[] = {"match", "no_match"};

constexpr std::string_view with_regex[] = {"regex"};
constexpr std::string_view with_phrase[] = {"phrase"};
constexpr std::string_view with_keywords[] = {"keywords"};
constexpr std::string_view with_text[] = {"list", "keywords", "phrase", "regex"};
constexpr std::string_view with_views[] = {"list", "keywords", "phrase", "regex", "macro", "any", "all", "not"};

constexpr std::string_view match_kinds[] = {"list", "keywords", "phrase", "regex", "classifier", "macro", "any", "all", "not"};

constexpr field match_fields[] = {
    {.key = "list", .holds = holds::name, .doc = "Name of a List; any of its items matches."},
    {.key = "keywords", .holds = holds::text_list, .doc = "Words, any of which matches."},
    {.key = "phrase", .holds = holds::phrase,
     .doc = "Words that follow each other; in a list, an item may itself be a list of alternatives."},
    {.key = "regex", .holds = holds::text, .doc = "A pattern in PCRE2 syntax, with Unicode on; `(?i)` for any case."},
    {.key = "classifier", .holds = holds::mapping, .doc = "A label of a model, at a score.", .of = &classifier_shape},
    {.key = "macro", .holds = holds::name, .doc = "Name of a Macro, whose match stands here."},
    {.key = "any", .holds = holds::mappings, .doc = "Matches where one of these does.", .of = &match_shape},
    {.key = "all", .holds = holds::mappings, .doc = "Matches when each of these does in the same part.", .of = &match_shape},
    {.key = "not", .holds = holds::mapping, .doc = "In `all`: the others match only where this does not.", .of = &match_shape},
    {.key = "case", .holds = holds::word, .doc = "`insensitive` (default; look-alike letters are one) or `sensitive`.", .known = case_words,
     .with = with_keywords, .otherwise = "list items and keywords; of a list, write it in the List (match: {case: …}), in a regex write (?i)"},
    {.key = "boundary", .holds = holds::word, .doc = "`word` (default) or `none`: also inside of longer words.", .known = boundary_words,
     .with = with_keywords, .otherwise = "list items and keywords; of a list, write it in the List (match: {boundary: …}), in a regex write \\b"},
    {.key = "gap", .holds = holds::whole, .doc = "How many other words may stand between two words of a phrase; 0 by default.", .max = 16,
     .with = with_phrase, .otherwise = "phrase"},
    {.key = "validator", .holds = holds::word, .doc = "A check that the matched text must pass.", .known = validator_words,
     .with = with_regex, .otherwise = "regex"},
    {.key = "prefilter", .holds = holds::texts, .doc = "Words of which one must be in the text, else a match does not count; of an answer in what comes before the match's end.",
     .with = with_regex, .otherwise = "regex"},
    {.key = "entropy", .holds = holds::mapping, .doc = "How random the matched text must be.", .of = &entropy_shape, .with = with_text,
     .otherwise = "a match of text"},
    {.key = "near", .holds = holds::texts_or, .doc = "Words of which one must stand beside the match.", .of = &proximity_shape, .with = with_text,
     .otherwise = "a match of text"},
    {.key = "unless_near", .holds = holds::texts_or, .doc = "Words beside which the match does not count.", .of = &proximity_shape,
     .with = with_text, .otherwise = "a match of text"},
    {.key = "within", .holds = holds::whole, .doc = "How many characters away the words of `near` and `unless_near` may stand.", .min = 1,
     .max = within_max, .with = with_text, .otherwise = "near and unless_near"},
    {.key = "min_count", .holds = holds::whole, .doc = "How often it must match in one text; 1 by default.", .min = 1, .max = 1000},
    {.key = "normalize", .holds = holds::word_list,
     .doc = "Views of the text. Always: `nfkc`, `strip_zero_width`, and, unless it is a regex or case is sensitive, `confusables`. On request: "
            "`confusables` for a regex in any case, `collapse_space` (s p a c e d), `leet` (l33t), `strip_marks` (m̶arked).",
     .known = normalize_words, .with = with_views, .otherwise = "a match of text"},
    {.key = "decode", .holds = holds::word_list, .doc = "Encodings whose runs are looked into as well.", .known = decode_words,
     .with = with_views, .otherwise = "a match of text"},
    {.key = "max_depth", .holds = holds::whole, .doc = "How many encodings deep `decode` looks; 1 by default.", .min = 1, .max = 4,
     .with = with_views, .otherwise = "decode"},
    {.key = "guard", .holds = holds::refused, .doc = {}},
    {.key = "engine", .holds = holds::refused, .doc = {}},
};

constexpr field proximity_fields[] = {
    {.key = "of", .holds = holds::text_list, .doc = "The words.", .required = true},
    {.key = "within", .holds = holds::whole, .doc = "How many characters away at most.", .required = true, .min = 1, .max = within_max},
};

constexpr field classifier_fields[] = {
    {.key = "name", .holds = holds::name, .doc = "A model that bundle.yaml names.", .required = true},
    {.key = "label", .holds = holds::name, .doc = "One of its labels.", .required = true},
    {.key = "threshold", .holds = holds::real, .doc = "The score from which it matches.", .required = true, .min = 0, .max = 1},
    {.key = "on_timeout", .holds = holds::word, .doc = "What no score in time means: `match` or `no_match`.", .required = true,
     .known = timeout_words},
};

constexpr field entropy_fields[] = {
    {.key = "min", .holds = holds::real, .doc = "Bits for each byte of the matched text (Shannon).", .required = true, .min = 0, .max = 8},
};

constexpr field item_fields[] = {
    {.key = "value", .holds = holds::text, .doc = "The word.", .required = true},
    {.key = "replacement", .holds = holds::text, .doc = "What `action: rewrite` puts in its place."},
    {.key = "near", .holds = holds::texts_or, .doc = "Words of which one must stand beside it.", .of = &proximity_shape},
    {.key = "unless_near", .holds = holds::texts_or, .doc = "Words beside which it does not count.", .of = &proximity_shape},
    {.key = "within", .holds = holds::whole, .doc = "How many characters away they may stand.", .min = 1, .max = within_max},
    {.key = "case", .holds = holds::refused, .doc = {}},
    {.key = "boundary", .holds = holds::refused, .doc = {}},
};

constexpr field list_match_fields[] = {
    {.key = "case", .holds = holds::word, .doc = "`insensitive` (default; look-alike letters are one) or `sensitive`.", .known = case_words},
    {.key = "normalize", .holds = holds::word_list, .doc = "As in a match.", .known = normalize_words},
    {.key = "boundary", .holds = holds::word, .doc = "`word` (default) or `none`.", .known = boundary_words},
};

}  // namespace

constinit const shape match_shape = {.name = "match", .what = "match", .fields = match_fields, .kinds = match_kinds};
constinit const shape proximity_shape = {.name = "proximity", .what = "words nearby", .fields = proximity_fields};
constinit const shape classifier_shape = {.name = "classifier", .what = "classifier", .fields = classifier_fields};
constinit const shape entropy_shape = {.name = "entropy", .what = "entropy", .fields = entropy_fields};
constinit const shape item_shape = {.name = "item", .what = "an item", .fields = item_fields};
constinit const shape list_match_shape = {.name = "list_match", .what = "a list's match", .fields = list_match_fields};

}  // namespace sluice::policy
