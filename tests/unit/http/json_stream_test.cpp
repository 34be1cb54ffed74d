// NDJSON and arrays that come element by element.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sluice/http/json_stream.hpp"

namespace sluice::http {
namespace {

using framing = json_splitter::framing;
using status = json_splitter::status;

struct reading {
  std::vector<std::string> data;
  std::string joined, rest;
  status last = status::more;
  bool operator==(const reading&) const = default;
};

reading split(framing how, std::string_view bytes, std::size_t step, std::size_t bound = 1000) {
  json_splitter s(how, bound);
  reading out;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    s.feed(bytes.substr(at, step));
    json_piece p;
    while ((out.last = s.next(p)) == status::piece) {
      out.joined += p.raw;
      if (p.has_data) out.data.emplace_back(p.data);
      if (p.has_data) EXPECT_EQ(p.raw.substr(p.data_offset, p.data.size()), p.data);
    }
    if (out.last != status::more) return out;
  }
  out.rest = s.rest();
  return out;
}

TEST(json_lines, each_line_is_one_text_at_any_cut) {
  const std::string bytes = "{\"a\":1}\n\n {\"b\":\"x\"}\r\n{\"c\":[1]}\n{\"rest\"";
  const auto whole = split(framing::lines, bytes, bytes.size());
  EXPECT_EQ(whole.data, (std::vector<std::string>{"{\"a\":1}", "{\"b\":\"x\"}", "{\"c\":[1]}"}));
  EXPECT_EQ(whole.rest, "{\"rest\"");
  EXPECT_EQ(whole.joined + whole.rest, bytes);
  for (std::size_t step = 1; step < bytes.size(); ++step) EXPECT_EQ(split(framing::lines, bytes, step).data, whole.data) << step;
}

TEST(json_array, each_element_is_one_text_at_any_cut) {
  const std::string bytes = " [{\"a\":\"]}\\\"{\"}\r\n,\r\n{\"b\":[{\"c\":{}}]},{}]\n";
  const auto whole = split(framing::array, bytes, bytes.size());
  EXPECT_EQ(whole.data, (std::vector<std::string>{"{\"a\":\"]}\\\"{\"}", "{\"b\":[{\"c\":{}}]}", "{}"}));
  EXPECT_EQ(whole.joined, bytes);
  for (std::size_t step = 1; step < bytes.size(); ++step) {
    const auto cut = split(framing::array, bytes, step);
    EXPECT_EQ(cut.data, whole.data) << step;
    EXPECT_EQ(cut.joined + cut.rest, bytes) << step;
  }
}

TEST(json_array, what_is_no_array_of_objects_is_broken) {
  for (const char* bytes : {"{}", "[1]", "[\"x\"]", "[{}{}]", "[,{}]", "[{}]{}", "x", "[{}]]"}) {
    EXPECT_EQ(split(framing::array, bytes, 1).last, status::broken) << bytes;
  }
}

TEST(json_streams, a_text_over_the_bound_is_told) {
  for (const auto& [how, bytes] : {std::pair{framing::lines, "{\"a\":\"" + std::string(50, 'x')}, {framing::array, "[{\"a\":\"" + std::string(50, 'x')},
                                   {framing::lines, "{\"a\":\"" + std::string(50, 'x') + "\"}\n"}, {framing::array, "[{\"a\":\"" + std::string(50, 'x') + "\"}]"}}) {
    EXPECT_EQ(split(how, bytes, bytes.size(), 20).last, status::too_large) << bytes;
  }
}

}  // namespace
}  // namespace sluice::http
