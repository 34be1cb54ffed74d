// Attachments. Goal: text in a coding is read whatever it is wrapped in, and nothing passes for what it does not begin like.
#include "attachments.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sinks.hpp"

namespace sluice::wire {
namespace {

using enum attachment_type;

const std::string png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB", wav = "UklGRiQAAABXQVZFZm10IBAAAAABAAEA", pdf_file = "JVBERi0xLjQKJcOkw7zDtsOfCjIgMCBv";
const std::string hello = "aGVsbG8g4oKs";  // "hello €"

TEST(attachments, of_text_are_read_in_every_wrapping) {
  struct wrapped {
    std::string value, media_type;
  };
  for (const auto& each : {wrapped{"data:text/plain;base64," + hello, ""}, {"DATA:TEXT/Markdown;charset=UTF-8;BASE64," + hello, ""}, {"data:,hello%20%E2%82%AC", ""},
                           {"data:;base64," + hello, ""}, {"data:application/json;charset=\"utf-8\",hello%20\xe2\x82\xac", ""}, {hello, "text/csv"}, {hello, "text/plain; charset=utf-8"},
                           {hello, "application/vnd.api+json"}, {hello, ""}, {hello, "application/octet-stream"}, {"data:text/html;base64," + hello, "text/html"}, {"data:image/svg+xml;base64," + hello, ""}}) {
    const auto got = read_attachment(each.value, each.media_type);
    ASSERT_TRUE(got.text.has_value()) << each.value;
    EXPECT_EQ(*got.text, "hello \xe2\x82\xac") << each.value;
  }
  EXPECT_EQ(read_attachment("data:text/plain;base64,", "").text, "");
}

TEST(attachments, are_what_they_begin_like) {
  struct named {
    std::string value, media_type;
    attachment_type type;
  };
  for (const auto& each : {named{"data:image/png;base64," + png, "", image}, {png, "image/jpeg", image}, {png, "", image}, {png, "audio/wav", other}, {png, "application/pdf", other},
                           {wav, "audio/wav", audio}, {wav, "", audio}, {"data:audio/wav;base64," + wav, "", audio}, {wav, "image/png", other}, {pdf_file, "application/pdf", pdf},
                           {"data:application/pdf;base64," + pdf_file, "", pdf}, {pdf_file, "image/png", other}, {pdf_file, "", pdf}, {"AAAAIGZ0eXBpc29tAAACAGlzb21pc28y", "video/mp4", video},
                           {"AAAAIGZ0eXBpc29tAAACAGlzb21pc28y", "audio/mp4", audio}, {"AAAAIGZ0eXBpc29tAAACAGlzb21pc28y", "", other}, {"https://example.com/a.png", "", url},
                           {"gs://bucket/a", "image/png", url}, {"data:image/png,%89PNG%0D%0A%1A%0A", "", image}}) {
    const auto got = read_attachment(each.value, each.media_type);
    EXPECT_EQ(got.type, each.type) << each.value << " " << each.media_type;
    EXPECT_FALSE(got.text.has_value()) << each.value;
  }
}

TEST(attachments, that_cannot_be_decoded_or_say_two_things_are_none_of_them) {
  for (const auto& [value, media_type] : {std::pair<std::string, std::string>{"data:text/plain;base64,aGVsbG8!", ""}, {"data:text/plain;base64,aGVs bG8=", ""}, {"data:text/plain;base64,aGVsb", ""},
                                          {"data:text/plain;base64,aGVsbG8=x", ""}, {"data:text/plain,%4", ""}, {"data:text/plain", ""}, {"data:text/plain;charset=utf-16;base64," + hello, ""},
                                          {"data:text/plain;charset=latin1,abc", ""}, {"data:text/plain;base64,//4A", ""}, {"data:text/plain;base64,AGFi", ""},
                                          {"data:text/plain;base64," + hello, "image/png"}, {"data:image/png;base64," + hello, ""}, {hello, "image/png"}, {" data:text/plain;base64," + hello, ""},
                                          {"JVBERi0xLjQK", "text/plain"}, {"file-abc", ""}, {"", "image/png"}}) {
    const auto got = read_attachment(value, media_type);
    EXPECT_EQ(got.type, other) << value;
    EXPECT_FALSE(got.text.has_value()) << value << " " << media_type;
  }
}

// In every dialect's own fields: the text is a part, and what is none is unread with its type.
TEST(attachments, are_read_in_every_dialects_fields) {
  struct field {
    const dialect& speaks;
    const char* path;
    std::string before, behind;
    bool bare = false;  // base64 alone, its type beside it
  };
  const std::string text = "data:text/plain;base64," + hello, picture = "data:image/png;base64," + png;
  for (const auto& f : {field{openai(), "/v1/chat/completions", R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":")", R"("}}]}]})"},
                        {openai(), "/v1/chat/completions", R"({"messages":[{"role":"user","content":[{"type":"file","file":{"file_data":")", R"("}}]}]})"},
                        {openai(), "/v1/chat/completions", R"({"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"format":"wav","data":")", R"("}}]}]})"},
                        {openai(), "/v1/responses", R"({"input":[{"role":"user","content":[{"type":"input_image","image_url":")", R"("}]}]})"},
                        {openai(), "/v1/responses", R"({"input":[{"role":"user","content":[{"type":"input_file","filename":"a","file_data":")", R"("}]}]})"},
                        {openai(), "/v1/responses", R"({"input":[{"type":"function_call_output","call_id":"c","output":[{"type":"input_file","file_data":")", R"("}]}]})"},
                        {openai(), "/v1/moderations", R"({"input":[{"type":"image_url","image_url":{"url":")", R"("}}]})"},
                        {anthropic(), "/v1/messages", R"({"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"TYPE","data":")", R"("}}]}]})", true},
                        {anthropic(), "/v1/messages", R"({"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"TYPE","data":")", R"("}}]}]})", true},
                        {gemini(), "/v1beta/models/m:generateContent", R"({"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"TYPE","data":")", R"("}}]}]})", true},
                        {gemini(), "/v1beta/models/m:generateContent", R"({"contents":[{"role":"user","parts":[{"inline_data":{"mime_type":"TYPE","data":")", R"("}}]}]})", true},
                        {ollama(), "/api/chat", R"({"messages":[{"role":"user","content":"x","images":[")", R"("]}]})"},
                        {ollama(), "/api/generate", R"({"prompt":"x","images":[")", R"("]})"}}) {
    const auto body = [&](const std::string& value, const std::string& type) {
      auto out = f.before + value + f.behind;
      if (const auto at = out.find("TYPE"); at != std::string::npos) out.replace(at, 4, type);
      return out;
    };
    const auto to = f.speaks.classify("POST", f.path);
    const auto of_text = body(f.bare ? hello : text, "text/plain"), of_picture = body(f.bare ? png : picture, "image/png"), of_lie = body(f.bare ? hello : "data:image/png;base64," + hello, "image/png");
    const auto read = f.speaks.read_request(to, of_text, 64);
    ASSERT_TRUE(read) << of_text;
    EXPECT_TRUE((*read)->unread_parts().empty()) << of_text;
    const auto found = std::ranges::find((*read)->parts(), std::string_view("hello \xe2\x82\xac"), &part::text);
    ASSERT_NE(found, (*read)->parts().end()) << of_text;
    EXPECT_EQ(found->kind, part_kind::attachment);
    EXPECT_TRUE(found->editable);
    // Its edits are written in its own coding, and nothing beside it changes.
    const auto number = static_cast<std::uint32_t>(found - (*read)->parts().begin());
    const auto edited = (*read)->edited(std::vector<replacement>{{number, 0, 1, "J"}, {number, 5, 9, "!"}});
    EXPECT_EQ(edited, body(f.bare ? "SmVsbG8h" : "data:text/plain;base64,SmVsbG8h", "text/plain"));
    for (const auto& [bytes, type] : {std::pair{of_picture, image}, {of_lie, other}}) {
      const auto unread = f.speaks.read_request(to, bytes, 64);
      ASSERT_TRUE(unread) << bytes;
      ASSERT_EQ((*unread)->unread_parts().size(), 1u) << bytes;
      EXPECT_EQ((*unread)->unread_parts()[0].attachment, type) << bytes;
    }
  }
}

TEST(attachments, are_edited_where_every_reader_reads_them_alike_only) {
  const auto written = [](const std::string& value, const std::string& media_type, const std::string& text) {
    const auto read = read_attachment(value, media_type);
    return read.coding ? with_text(value, *read.coding, text) : "blocked";
  };
  EXPECT_EQ(written("data:text/plain;base64,aGVsbG8=", "", "a?>b"), "data:text/plain;base64,YT8+Yg==");
  EXPECT_EQ(written("DATA:text/plain;charset=utf-8;BASE64,aGVsbG8", "", "abc"), "DATA:text/plain;charset=utf-8;BASE64,YWJj");
  EXPECT_EQ(written("YT8-Yg", "text/markdown", "a?>b?"), "YT8-Yj8=");
  EXPECT_EQ(written("aGVsbG8=", "text/csv", ""), "");
  EXPECT_EQ(written("data:,hello%20there", "", "a b,\xc3\xa9"), "data:,a%20b%2C%C3%A9");
  for (const auto& [value, type] : {std::pair{"aGVsbG8=", ""}, {"aGVsbG8=", "application/octet-stream"}, {"eyJhIjoxfQ==", "application/json"}, {"eyJhIjoxfQ==", "text/json"},
                                    {"data:image/svg+xml;base64,PGE+PC9hPg==", ""}, {"PGE+PC9hPg==", "text/xml"}}) {
    EXPECT_TRUE(read_attachment(value, type).text) << value;
    EXPECT_EQ(written(value, type, "x"), "blocked") << value << " " << type;
  }
}

TEST(attachments, that_lie_elsewhere_are_named_and_their_address_is_read) {
  const std::string body = R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/secret"}}]}]})";
  const auto read = openai().read_request(openai().classify("POST", "/v1/chat/completions"), body, 64);
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)->unread_parts()[0].attachment, url);
  EXPECT_NE(std::ranges::find((*read)->parts(), std::string_view("https://example.com/secret"), &part::text), (*read)->parts().end());
}

}  // namespace
}  // namespace sluice::wire
