// The strict tape: places, strictness, splicing.
#include "sluice/text/json.hpp"

#include <random>
#include <string>

#include "sluice/base/strings.hpp"

namespace sluice::text::json {
namespace {

constexpr std::uint32_t depth = 64;

std::string refusal(std::string_view bytes, std::uint32_t depth_max = depth) {
  document d;
  const auto read = d.parse(bytes, depth_max);
  return read ? "" : read.error().message;
}

TEST(json, keeps_the_place_of_every_value_and_key) {
  const std::string bytes = R"( {"a" : [1, -2.50e+3 ,"x\n"], "b":{"c":null,"d":true}} )";
  document d;
  ASSERT_TRUE(d.parse(bytes, depth));
  ASSERT_EQ(d.nodes().size(), 8u);
  const auto a = d.member(d.root(), "a");
  ASSERT_NE(a, none);
  EXPECT_EQ(d.raw(a), R"([1, -2.50e+3 ,"x\n"])");
  EXPECT_EQ(bytes.substr(d[a].key_begin, d[a].key_end - d[a].key_begin), "\"a\"");
  auto i = d.first_child(a);
  EXPECT_EQ(d.raw(i), "1");
  i = d.sibling(i);
  EXPECT_EQ(d[i].text, "-2.50e+3");
  i = d.sibling(i);
  EXPECT_EQ(d[i].text, "x\n");
  EXPECT_EQ(d.raw(i), R"("x\n")");
  EXPECT_EQ(d.path(i), "a[2]");
  EXPECT_EQ(d[i].place, 2u);
  EXPECT_EQ(d.sibling(i), none);
  const auto c = d.member(d.member(d.root(), "b"), "c");
  EXPECT_EQ(d[c].kind, kind::null);
  EXPECT_EQ(d.path(c), "b.c");
  EXPECT_EQ(d[d.member(d.root(), "b")].place, 1u);
  EXPECT_EQ(d.raw(d.root()), std::string_view(bytes).substr(1, bytes.size() - 2));
  EXPECT_EQ(d.member(d.root(), "z"), none);
}

TEST(json, text_without_escapes_is_a_view_of_the_source) {
  const std::string bytes = R"(["plain","esc\u0061ped"])";
  document d;
  ASSERT_TRUE(d.parse(bytes, depth));
  EXPECT_EQ(d[1].text.data(), bytes.data() + 2);
  EXPECT_EQ(d[2].text, "escaped");
}

TEST(json, big_numbers_pass_as_they_are) {
  const std::string bytes = "[123456789012345678901234567890,1e400,0.1000,-0]";
  document d;
  ASSERT_TRUE(d.parse(bytes, depth));
  EXPECT_EQ(d[1].text, "123456789012345678901234567890");
  EXPECT_EQ(d[2].text, "1e400");
  EXPECT_EQ(d[3].text, "0.1000");
}

TEST(json, refuses_keys_that_stand_twice_however_written) {
  EXPECT_NE(refusal(R"({"a":1,"a":2})"), "");
  EXPECT_NE(refusal(R"({"messages":1,"\u006dessages":2})"), "");
  EXPECT_NE(refusal(R"({"x":{"b":1,"c":[],"b":2}})"), "");
  EXPECT_EQ(refusal(R"([{"a":1},{"a":2}])"), "");
  EXPECT_EQ(refusal(R"({"a":{"a":{"a":1}}})"), "");
  std::string many = "{";
  for (int i = 0; i < 100; ++i) many += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_EQ(refusal(many + "\"z\":0}"), "");
  EXPECT_NE(refusal(many + "\"k57\":0}"), "");
}

TEST(json, refuses_what_other_parsers_read_differently) {
  EXPECT_NE(refusal("\xef\xbb\xbf{}"), "");
  EXPECT_NE(refusal("[\"\\ud800\"]"), "");
  EXPECT_NE(refusal("[\"\\udc00\"]"), "");
  EXPECT_NE(refusal("[\"\\ud800\\u0041\"]"), "");
  EXPECT_NE(refusal("[\"\xed\xa0\x80\"]"), "");
  EXPECT_NE(refusal("{}{}"), "");
  for (const std::string_view bad : {"", " ", "{", "[", "[1", "[1,", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "[NaN]", "[Infinity]",
                                     "[+1]", "[01]", "[1.]", "[.5]", "[1e]", "[tru]", "[truex]", "[nullnull]", "[1 2]", "[\"a\"\"b\"]", "[\"a\"b]",
                                     "[1\"a\"]", "[1,,2]", "]", "}", "[}", "{]", ",", ":", "[1:2]", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "// x\n1",
                                     "['a']", "[\"\\x\"]", "[\"\\u12g4\"]", "[\"\t\"]", "[1]x", "\"a", "[\"a]", "{\"a\":1}}", "[\f1]", "[1\x1a]"}) {
    EXPECT_NE(refusal(bad), "") << bad;
  }
  EXPECT_NE(refusal(std::string_view("1\0", 2)), "");
  EXPECT_NE(refusal(std::string_view("[1\0]", 4)), "");
}

TEST(json, accepts_any_value_at_the_root) {
  for (const std::string_view good : {"1", "\"\"", "null", "true", " false ", "[]", "{}", "\r\n\t[ ]", "{\"\":0}", "\"\\u0000\"", "\"\\/\\b\\f\""}) {
    EXPECT_EQ(refusal(good), "") << good;
  }
}

TEST(json, counts_levels) {
  EXPECT_EQ(refusal("[[[]]]", 3), "");
  EXPECT_NE(refusal("[[[]]]", 2), "");
  const std::string hostile(200000, '[');
  EXPECT_NE(refusal(hostile), "");
}

TEST(json, errors_name_the_byte) {
  EXPECT_NE(refusal(R"({"a":tru})").find("byte 5"), std::string::npos);
}

TEST(json, paths_never_show_odd_keys) {
  document d;
  const std::string bytes = R"({"metadata":{"my secret is 42":"x"}})";
  ASSERT_TRUE(d.parse(bytes, depth));
  EXPECT_EQ(d.path(2), "metadata.*");
}

TEST(json, a_document_is_reusable_after_an_error_and_movable) {
  document d;
  const std::string first = R"(["\u00e9","b"])", second = R"({"k":"v\t"})";
  ASSERT_TRUE(d.parse(first, depth));
  ASSERT_FALSE(d.parse("[", depth));
  EXPECT_TRUE(d.nodes().empty());
  ASSERT_TRUE(d.parse(second, depth));
  document other = std::move(d);
  EXPECT_EQ(other[1].text, "v\t");
}

TEST(splice, replaces_and_leaves_every_other_byte) {
  EXPECT_EQ(apply("0123456789", {{7, 9, "x"}, {0, 1, ""}, {3, 3, "yy"}}), "12yy3456x9");
  EXPECT_EQ(apply("abc", {}), "abc");
}

TEST(locate, finds_the_raw_form_of_unescaped_bytes) {
  const std::string literal = R"("a\nb\ud83d\ude00c)" "\u00e9" R"(\u00e9!")";
  std::string plain;
  append_unescaped(plain, std::string_view(literal).substr(1, literal.size() - 2));
  ASSERT_EQ(plain, "a\nb\U0001f600c\u00e9\u00e9!");
  const auto raw = [&](std::uint32_t b, std::uint32_t e) {
    const auto s = locate(literal, b, e);
    return literal.substr(s.begin, s.end - s.begin);
  };
  EXPECT_EQ(raw(0, 1), "a");
  EXPECT_EQ(raw(1, 2), "\\n");
  EXPECT_EQ(raw(3, 7), "\\ud83d\\ude00");
  EXPECT_EQ(raw(4, 5), "\\ud83d\\ude00");  // grows to the edges
  EXPECT_EQ(raw(8, 10), "\u00e9");
  EXPECT_EQ(raw(10, 12), "\\u00e9");
  EXPECT_EQ(raw(0, static_cast<std::uint32_t>(plain.size())), literal.substr(1, literal.size() - 2));
  EXPECT_EQ(locate(literal, 0, 0).begin, 1u);
  EXPECT_EQ(locate(literal, 0, 0).end, 1u);
  const auto end = locate(literal, static_cast<std::uint32_t>(plain.size()), static_cast<std::uint32_t>(plain.size()));
  EXPECT_EQ(end.begin, literal.size() - 1);
  EXPECT_EQ(end.end, literal.size() - 1);
}

TEST(locate, spans_of_one_literal_are_where_each_is_alone) {
  const std::string literal = R"("a\nb\ud83d\ude00c)" "\u00e9" R"(\u00e9!\"")";
  const std::uint32_t size = 14;
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    locator many(literal);
    for (std::uint32_t n = 0, at = 0; n < 8; ++n) {
      const bool back = random() % 4 == 0;
      const auto up_to = [&](std::uint32_t from) { return from + static_cast<std::uint32_t>(random() % (size + 1 - from)); };
      const auto begin = up_to(back ? 0 : at), end = up_to(begin);
      const auto one = locate(literal, begin, end), again = many.locate(begin, end);
      EXPECT_EQ(std::pair(one.begin, one.end), std::pair(again.begin, again.end)) << begin << " " << end;
      at = end;
    }
  }
}

// Writes text as a literal with a random choice of escapes.
std::string literal_of(const std::vector<std::string>& atoms, std::mt19937& random) {
  std::string out = "\"";
  for (const auto& a : atoms) {
    if (a == "\U0001f600" && random() % 2) {
      out += "\\uD83D\\ude00";
    } else if (a == "\u00e9" && random() % 2) {
      out += "\\u00E9";
    } else if (a == "a" && random() % 3 == 0) {
      out += "\\u0061";
    } else {
      append_json_escaped(out, a);
    }
  }
  return out + "\"";
}

TEST(splice, editing_a_literal_equals_editing_its_text) {
  static const std::vector<std::string> alphabet = {"a", "b", "\n", "\"", "\\", "\u00e9", "\U0001f600", "/", std::string(1, '\x01')};
  std::mt19937 random(11);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> atoms(random() % 12);
    for (auto& a : atoms) a = alphabet[random() % alphabet.size()];
    const std::string literal = literal_of(atoms, random);
    const std::size_t from = random() % (atoms.size() + 1), to = from + random() % (atoms.size() - from + 1);
    std::string before, inside, after;
    for (std::size_t i = 0; i < atoms.size(); ++i) (i < from ? before : i < to ? inside : after) += atoms[i];
    const auto s = locate(literal, static_cast<std::uint32_t>(before.size()), static_cast<std::uint32_t>(before.size() + inside.size()));
    std::string escaped;
    append_json_escaped(escaped, "<\"x\n>");
    const std::string edited = apply(literal, {{s.begin, s.end, escaped}});
    document d;
    ASSERT_TRUE(d.parse(edited, depth)) << edited;
    ASSERT_EQ(d[0].text, before + "<\"x\n>" + after) << literal;
    ASSERT_EQ(edited.substr(0, s.begin), literal.substr(0, s.begin));
    ASSERT_TRUE(edited.ends_with(literal.substr(s.end)));
  }
}

TEST(number, is_spoken_without_its_exponent_however_it_is_written) {
  const std::string zeros(100, '0');
  for (const std::string& token : {std::string("1.23456e5"), std::string("123456e0"), std::string("123456E+0"), std::string("0.123456e6"), std::string("0.123456E+6"), std::string("0.0123456e7"),
                                   std::string("0.000123456e9"), std::string("0.000123456e0000000000000000009"), "0." + zeros + "123456e106", std::string("1234.56e2")}) {
    EXPECT_EQ(without_exponent(token), "123456") << token;
    EXPECT_EQ(without_exponent("-" + token), "-123456") << token;
  }
  EXPECT_EQ(without_exponent("12345600e-2"), "123456.00");
  EXPECT_EQ(without_exponent("123456" + zeros + "e-100"), "123456." + zeros);
  EXPECT_EQ(without_exponent("123456e-7"), "0.0123456");
  EXPECT_EQ(without_exponent("0.05e1"), "0.5");
  EXPECT_EQ(without_exponent("0.00e4"), "0");
  EXPECT_EQ(without_exponent("4.1e3"), "4100");
}

TEST(number, without_an_exponent_stays_as_it_is_and_one_that_nobody_writes_out_is_not) {
  for (const char* token : {"0.4111111111111111", "123456", "123456.0", "true", "1e65", "1e1000000", "1e-1000000", "1e99999999999999999999", "0.1e-99999999999999999999"}) {
    EXPECT_EQ(without_exponent(token), "") << token;
  }
  EXPECT_EQ(without_exponent("1e64").size(), 65U);
}

}  // namespace
}  // namespace sluice::text::json
