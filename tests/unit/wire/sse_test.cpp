// Events from bytes: any cut gives the same events, and every byte belongs to exactly one.
#include "sluice/http/sse.hpp"

#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

namespace sluice::http {
namespace {

using seen = std::vector<std::pair<std::string, std::string>>;  // raw, data

seen split(std::string_view bytes, const std::vector<std::size_t>& cuts, std::string* rest = nullptr) {
  sse_splitter s(1 << 20);
  seen out;
  std::size_t at = 0;
  const auto feed = [&](std::size_t to) {
    s.feed(bytes.substr(at, to - at));
    at = to;
    sse_event e;
    while (s.next(e) == sse_splitter::status::event) out.emplace_back(e.raw, e.data);
  };
  for (const auto c : cuts) feed(c);
  feed(bytes.size());
  if (rest != nullptr) *rest = s.rest();
  return out;
}

const std::string sample = "data: one\n\nevent: ping\ndata: two\ndata:three\n\n: comment\n\r\ndata: crlf\r\n\r\nid: 5\r\rdata\n\ndata: \xC3\xA9\xE2\x80\xA8 x\n\n";

TEST(sse_splitter, reads_the_fields_that_clients_read) {
  const auto all = split(sample, {});
  ASSERT_EQ(all.size(), 7u);
  EXPECT_EQ(all[0].second, "one");
  EXPECT_EQ(all[1].second, "two\nthree");
  EXPECT_EQ(all[3].second, "crlf");
  EXPECT_EQ(all[6].second, "\xC3\xA9\xE2\x80\xA8 x");
}

TEST(sse_splitter, any_single_cut_gives_the_same_events_and_loses_no_byte) {
  const auto whole = split(sample, {});
  std::string joined;
  for (const auto& [raw, data] : whole) joined += raw;
  EXPECT_EQ(joined, sample);
  for (std::size_t cut = 0; cut <= sample.size(); ++cut) EXPECT_EQ(split(sample, {cut}), whole) << "cut at " << cut;
  std::vector<std::size_t> each;
  for (std::size_t i = 1; i < sample.size(); ++i) each.push_back(i);
  EXPECT_EQ(split(sample, each), whole);
}

TEST(sse_splitter, a_byte_order_mark_belongs_to_the_name_of_every_line_but_the_first) {
  const std::string mark = "\xef\xbb\xbf";
  const auto all = split(mark + "data: a\n" + mark + "data: b\n\n" + mark + "data: c\n\n", {});
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].second, "a");
  EXPECT_EQ(all[1].second, "c");
  EXPECT_EQ(read_field(mark + "event:x", true).name, "event");
  EXPECT_EQ(read_field(mark + "event:x", false).name, mark + "event");
}

TEST(sse_splitter, an_event_without_its_empty_line_stays_in_the_rest) {
  std::string rest;
  EXPECT_EQ(split("data: a\n\ndata: b\n", {}, &rest).size(), 1u);
  EXPECT_EQ(rest, "data: b\n");
}

TEST(sse_splitter, an_event_over_the_bound_is_told) {
  sse_splitter s(16);
  s.feed("data: " + std::string(64, 'x'));
  sse_event e;
  EXPECT_EQ(s.next(e), sse_splitter::status::too_large);
}

TEST(sse_splitter, the_data_of_one_line_can_be_spliced) {
  sse_splitter s(1 << 20);
  s.feed("event: x\ndata: {\"a\":1}\n\n");
  sse_event e;
  ASSERT_EQ(s.next(e), sse_splitter::status::event);
  EXPECT_EQ(e.raw.substr(e.data_offset, e.data.size()), "{\"a\":1}");
}

}  // namespace
}  // namespace sluice::http
