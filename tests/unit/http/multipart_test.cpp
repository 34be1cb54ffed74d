// Forms: one strict reading, and whatever may be read in two ways is refused.
#include "sluice/http/multipart.hpp"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

std::string part(const std::string& head, const std::string& content) { return "--B\r\n" + head + "\r\n\r\n" + content + "\r\n"; }
std::string named(const std::string& name) { return "Content-Disposition: form-data; name=\"" + name + "\""; }

TEST(multipart, gives_each_field_with_what_it_says_of_itself) {
  const auto body = part(named("model"), "whisper-1") + part(named("file") + "; filename=\"a b.wav\"\r\nContent-Type: audio/wav", std::string("RIFF\0\r\n\r\n--", 12)) +
                    part("content-disposition: form-data; name=prompt", "") + part("Content-Length: 2\r\n" + named("\xc3\xa9"), "ok") + "--B--\r\n";
  const auto form = parse_form(body, "B");
  ASSERT_TRUE(form) << form.error().message;
  ASSERT_EQ(form->size(), 4u);
  EXPECT_EQ((*form)[0].name, "model");
  EXPECT_EQ((*form)[0].content, "whisper-1");
  EXPECT_FALSE((*form)[0].filename);
  EXPECT_EQ((*form)[1].filename, "a b.wav");
  EXPECT_EQ((*form)[1].content_type, "audio/wav");
  EXPECT_EQ((*form)[1].content.size(), 12u);
  EXPECT_EQ((*form)[2].content, "");
  EXPECT_EQ((*form)[3].name, "\xc3\xa9");
  EXPECT_TRUE(parse_form("--B--", "B"));
}

// As .NET writes them.
TEST(multipart, takes_a_file_name_that_is_said_twice_in_two_ways_of_writing) {
  for (const std::string both : {"; filename=a.txt; filename*=utf-8''a.txt", "; filename*=UTF-8'en'%61.txt; filename=\"a.txt\"", "; filename=\"\xc3\xa9\"; filename*=utf-8''%C3%a9"}) {
    const auto form = parse_form(part(named("a") + both, "x") + "--B--", "B");
    ASSERT_TRUE(form) << form.error().message;
    EXPECT_TRUE((*form)[0].filename == "a.txt" || (*form)[0].filename == "\xc3\xa9");
  }
}

TEST(multipart, says_which_field_it_does_not_read) {
  const std::pair<std::string, std::string> wrong[] = {{named("a") + "\r\nX-Note: y", "the field 'X-Note'"},
                                                       {named("a") + "; size=3", "'size'"},
                                                       {named("a") + "; name=b", "'name' twice"},
                                                       {named("a") + "; filename=b; filename*=utf-8''c", "'filename*'"},
                                                       {named("a") + "; filename*=utf-8''b", "'filename*'"},
                                                       {named("a") + "; filename=b; filename*=utf-16''b", "'filename*'"},
                                                       {named("a") + "; filename=b; filename*=utf-8''%6", "'filename*'"},
                                                       {named("a") + "\r\nContent-Type: a/b\r\nContent-Type: a/b", "Content-Type twice"},
                                                       {named("a") + "\r\nContent-Type: a/b; note*=utf-8''x", "Content-Type has parameters"},
                                                       {named("a") + "\r\nContent-Type: a/b; note=\"x\\y\"", "Content-Type has parameters"},
                                                       {named("a") + "\r\nContent-Transfer-Encoding: base64", "Content-Transfer-Encoding"},
                                                       {named("a") + "\r\nX\xff: y", "a name that is none"}};
  for (const auto& [head, told] : wrong) {
    const auto form = parse_form(part(head, "x") + "--B--", "B");
    ASSERT_FALSE(form) << head;
    EXPECT_TRUE(form.error().message.contains(told)) << form.error().message;
  }
}

TEST(multipart, gives_what_a_type_says_beside_its_charset) {
  const auto parameters = [](const std::string& type) {
    const auto form = parse_form(part(named("a") + "\r\nContent-Type: " + type, "x") + "--B--", "B");
    EXPECT_TRUE(form) << type;
    return form ? std::string((*form)[0].parameters) : std::string();
  };
  for (const char* none : {"text/plain", "text/plain; charset=utf-8", "text/plain;charset=\"UTF-8\"", "text/plain;"}) EXPECT_EQ(parameters(none), "") << none;
  EXPECT_EQ(parameters("audio/webm;codecs=opus"), ";codecs=opus");
  EXPECT_EQ(parameters("text/plain; charset=utf-8; note=\"some words\""), "; charset=utf-8; note=\"some words\"");
}

TEST(multipart, that_may_be_read_in_two_ways_is_refused) {
  const auto one = part(named("a"), "x"), end = std::string("--B--");
  for (const auto& body : {std::string(), std::string("hello"), "\r\n" + one + end, "preamble\r\n" + one + end, one, one + "--B", one + end + "epilogue", one + end + "\r\n\r\n", one + "--B-- ",
                           std::string("--B \r\n") + one.substr(5) + end, std::string("--B\n") + one.substr(5) + end, std::string("--BX\r\n") + one.substr(5) + end, part(named("a"), "x\n--B\r\n") + end,
                           part(named("a"), "x\r--B") + end, part(named("a"), "--B") + end, part("Content-Disposition: form-data", "x") + end, part("Content-Type: text/plain", "x") + end,
                           part("Content-Disposition: attachment; name=\"a\"", "x") + end, part(named("a") + "; name=\"b\"", "x") + end, part(named("a") + "; filename=\"b\"; filename=\"c\"", "x") + end,
                           part(named("a") + "; filename*=UTF-8''b", "x") + end, part(named("a\\\""), "x") + end, part(named(""), "x") + end, part(named("a") + "\r\n" + named("b"), "x") + end,
                           part("Content-Disposition: form-data;\r\n name=\"a\"", "x") + end, part(named("a") + "\r\nContent-Type: multipart/mixed; boundary=C", "x") + end,
                           part(named("a") + "\r\nContent-Transfer-Encoding: base64", "eA==") + end, part(named("a") + "\r\nX-Other: y", "x") + end, part("Content-Disposition : form-data; name=\"a\"", "x") + end,
                           part(named("_charset_"), "utf-7") + end, "--B\r\n" + named("a") + "\r\n--B--", part(named("a") + "\r\nContent-Type: a/b\r\nContent-Type: a/b", "x") + end,
                           part(named("a") + "; x=y", "x") + end, "--B\r\n" + named("a") + "\r\n\r\n--B--"}) {
    const auto form = parse_form(body, "B");
    EXPECT_FALSE(form) << body;
  }
}

TEST(multipart, has_bounds) {
  std::string many;
  for (int i = 0; i < 129; ++i) many += part(named("a"), "x");
  EXPECT_EQ(parse_form(many + "--B--", "B").error().code, errc::limit);
  EXPECT_EQ(parse_form(part(named(std::string(5000, 'a')), "x") + "--B--", "B").error().code, errc::limit);
}

TEST(multipart, has_the_boundary_that_its_type_names) {
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(form_boundary("Multipart/Form-Data;BOUNDARY=\"a b\""), std::nullopt);
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=\"----WebKitFormBoundary7MA4\""), "----WebKitFormBoundary7MA4");
  for (const char* none : {"", "application/json", "multipart/mixed; boundary=a", "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=a; boundary=b",
                           "multipart/form-data; boundary=a; charset=utf-7", "multipart/form-data; boundary=\"a", "multipart/form-data; boundary=a b"}) {
    EXPECT_EQ(form_boundary(none), std::nullopt) << none;
  }
  EXPECT_EQ(form_boundary("multipart/form-data; boundary=" + std::string(71, 'a')), std::nullopt);
}

}  // namespace
}  // namespace sluice::http
