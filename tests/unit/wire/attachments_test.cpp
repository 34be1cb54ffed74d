// Attachments. Goal: text in a coding is read whatever it is wrapped in, and nothing passes for what it does not begin like.
#include "attachments.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sluice/base/base64.hpp"
#include "traces.hpp"

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

// Of which MIME's are 76 letters long, and readers take them as one or refuse all.
TEST(attachments, in_base64_of_several_lines_are_what_they_say) {
  const auto lines = [](std::string_view base64, std::size_t length, std::string_view ends) {
    std::string out;
    for (std::size_t i = 0; i < base64.size(); i += length) out.append(base64.substr(i, length)).append(ends);
    return out;
  };
  const std::string long_text(5000, 'x'), long_png("\x89PNG\r\n\x1a\n" + std::string(500, '\xff'));
  for (const std::string_view ends : {"\n", "\r\n"}) {
    for (const std::size_t length : {1, 4, 7, 76}) {
      EXPECT_EQ(read_attachment(lines(hello, length, ends), "text/plain").text, "hello \xe2\x82\xac") << length;
      EXPECT_EQ(read_attachment("data:text/plain;base64," + lines(hello, length, ends), "").text, "hello \xe2\x82\xac") << length;
      EXPECT_EQ(read_attachment(lines(encode_base64(long_text, false), length, ends), "").text, long_text) << length;
      EXPECT_EQ(read_attachment(lines(encode_base64(long_png, false), length, ends), "").type, attachment_type::image) << length;
    }
  }
  const auto broken = "data:text/plain;base64," + lines(hello, 4, "\n");
  const auto read = read_attachment(broken, "");
  ASSERT_TRUE(read.coding);
  EXPECT_EQ(with_text(broken, *read.coding, "hi"), "data:text/plain;base64,aGk=") << "an edit leaves it in one line";
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

// Words that begin like a picture are words: whoever reads the file as a text reads them.
TEST(attachments, that_are_text_have_their_words_whatever_they_are_called) {
  const auto base64 = [](std::string_view text) { return encode_base64(text, false); };
  for (const std::string_view says : {"GIF89a secret", "GIF87a secret", "12345678WEBP secret", "12345678WAVE secret", "12345678AIFF secret", "12345678AVI  secret", "1234ftyp secret \xe2\x82\xac",
                                      "ID3 secret", "fLaC secret", "OggS secret", "%PDF-1.4 secret", "1234ftypavif \xe2\x82\xac\xe2\x82\xac"}) {
    for (const char* media_type : {"", "application/octet-stream", "image/gif", "audio/wav", "video/mp4", "application/pdf", "application/zip"}) {
      // What may be one of two kinds, and is called neither, is a text and nothing beside it.
      for (const auto& got : {read_attachment(base64(says), media_type), read_file(says, media_type)}) {
        EXPECT_EQ(got.text.value_or(got.words), says) << media_type;
        EXPECT_TRUE(!got.text || got.type == other) << media_type;
      }
    }
    EXPECT_EQ(read_attachment("data:image/gif;name=x;base64," + base64(says), "").words, std::string(says) + "\nimage/gif;name=x");
  }
  EXPECT_EQ(read_attachment(base64("GIF89a secret"), "image/gif").type, image);
  EXPECT_EQ(read_attachment(base64("GIF89a secret"), "").type, image);
  using namespace std::string_view_literals;
  for (const auto bytes : {"GIF89a secret\0"sv, "GIF89a secret \xff"sv, "GIF89a and a hundred bytes behind that, of which one is no text \x80 at all"sv}) {
    EXPECT_EQ(read_attachment(base64(bytes), "image/gif").words, "");
    EXPECT_EQ(read_attachment(base64(bytes), "image/gif").type, image);
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

TEST(attachments, are_data_urls_and_prose_that_begins_with_the_word_is_none) {
  for (const auto* value : {"data:,x", "DATA:text/plain,x", "data:image/png;base64,iVBO", " \n data:text/plain,x", "da\tta:text/plain,x", "data: text/plain ; base64,x", "data: ,x", "data:;base64,x",
                            "data: foo;base64,x", "data:foo,x"}) {
    EXPECT_EQ(as_data_url(value), data_url::whole) << value;
  }
  EXPECT_EQ(as_data_url("data:" + std::string(2000, 'a')), data_url::whole) << "nobody waits for its comma";
  for (const auto* value : {"", " ", "d", "DaTa", "data:", "data:text/plain;base64", "data: text"}) EXPECT_EQ(as_data_url(value), data_url::begins) << value;
  for (const auto* value : {"Data: the user, it seems", "data: yes, so", "database, x", "dat,", "my data:text/plain,x", "https://a/data:,x", "Data: a b; c, d"}) EXPECT_EQ(as_data_url(value), data_url::none) << value;
}

TEST(attachments, say_what_more_stands_before_their_bytes) {
  EXPECT_EQ(read_attachment("data:image/png;name=halden%20bank.png;base64," + png, "").words, "image/png;name=halden bank.png");
  EXPECT_EQ(read_attachment("data:text/plain;charset=utf-8;base64," + hello, "").words, "");
  EXPECT_EQ(read_attachment("data:image/png;base64," + png, "").words, "");
  EXPECT_EQ(*read_attachment("data:text/plain; base64 ," + hello, "").text, "hello \xe2\x82\xac") << "as lenient readers read it";
}

// An answer that holds VALUE, in a field of a table and in others that none knows, plain and as an event of a stream.
struct answer_field {
  const dialect& speaks;
  const char *path, *request, *plain, *stream_path, *event;
  bool named = false;  // as an attachment: words in it are edited
};
std::vector<answer_field> answer_fields() {
  constexpr auto chat = "/v1/chat/completions", asked = R"({"messages":[],"stream":true})";
  std::vector<answer_field> out;
  const auto add_chat = [&](const char* plain, const char* event, bool named) { out.push_back({openai(), chat, asked, plain, chat, event, named}); };
  add_chat(R"({"choices":[{"index":0,"message":{"content":"here","images":[{"type":"image_url","image_url":{"url":"VALUE"}}]}}]})",
           R"({"choices":[{"index":0,"delta":{"images":[{"type":"image_url","index":0,"image_url":{"url":"VALUE"}}]}}]})", true);
  add_chat(R"({"choices":[{"index":0,"message":{"content":[{"type":"image_url","image_url":{"url":"VALUE"}}]}}]})",
           R"({"choices":[{"index":0,"delta":{"content":[{"type":"image_url","image_url":{"url":"VALUE"}}]}}]})", true);
  add_chat(R"({"choices":[{"index":0,"message":{"content":[{"type":"image_url","image_url":"VALUE"}]}}]})",
           R"({"choices":[{"index":0,"delta":{"content":[{"type":"image_url","image_url":"VALUE"}]}}]})", true);
  add_chat(R"({"choices":[{"index":0,"message":{"content":[{"type":"file","file":{"file_data":"VALUE"}}]}}]})",
           R"({"choices":[{"index":0,"delta":{"content":[{"type":"file","file":{"file_data":"VALUE"}}]}}]})", true);
  add_chat(R"({"choices":[{"index":0,"message":{"content":"","vendor":{"picture":"VALUE"}}}]})", R"({"choices":[{"index":0,"delta":{"vendor":{"picture":"VALUE"}}}]})", false);
  add_chat(R"({"vendor":["VALUE"],"choices":[]})", R"({"vendor":["VALUE"],"choices":[]})", false);
  add_chat(R"({"choices":[{"index":0,"message":{"annotations":[{"type":"url_citation","url_citation":{"url":"VALUE"}}]}}]})",
           R"({"choices":[{"index":0,"delta":{"annotations":[{"type":"url_citation","url_citation":{"url":"VALUE"}}]}}]})", false);
  add_chat(R"({"id":"VALUE","choices":[]})", R"({"id":"VALUE","choices":[]})", false);
  add_chat(R"({"error":{"message":"x","metadata":{"seen":"VALUE"}}})", R"({"error":{"message":"x","metadata":{"seen":"VALUE"}}})", false);
  out.push_back({openai(), "/v1/completions", R"({"model":"m","prompt":"x","stream":true})", R"({"choices":[{"index":0,"text":"x","vendor":"VALUE"}]})", "/v1/completions",
                 R"({"choices":[{"index":0,"text":"x","vendor":"VALUE"}]})"});
  out.push_back({openai(), "/v1/responses", R"({"model":"m","input":"x","stream":true})", R"({"id":"r","output":[],"vendor":{"a":"VALUE"}})", "/v1/responses",
                 R"({"type":"response.in_progress","response":{"id":"r","output":[],"vendor":{"a":"VALUE"}}})"});
  out.push_back({anthropic(), "/v1/messages", R"({"model":"m","max_tokens":1,"messages":[],"stream":true})", R"({"type":"message","role":"assistant","content":[{"type":"vendor","picture":"VALUE"}]})", "/v1/messages",
                 R"({"type":"content_block_start","index":0,"content_block":{"type":"vendor","picture":"VALUE"}})"});
  out.push_back({gemini(), "/v1beta/models/m:generateContent", R"({"contents":[]})", R"({"candidates":[{"index":0,"content":{"parts":[{"vendor":"VALUE"}]}}]})", "/v1beta/models/m:streamGenerateContent?alt=sse",
                 R"({"candidates":[{"index":0,"content":{"parts":[{"vendor":"VALUE"}]}}]})"});
  out.push_back({ollama(), "/api/chat", R"({"model":"m","messages":[]})", R"({"model":"m","message":{"role":"assistant","content":"x","vendor":"VALUE"},"done":true})", "/api/chat",
                 R"({"model":"m","message":{"role":"assistant","content":"x","vendor":"VALUE"},"done":false})"});
  return out;
}
std::string holding(const char* shape, const std::string& value) {
  std::string out = shape;
  return out.replace(out.find("VALUE"), 5, value);
}
std::string event_of(const answer_field& f, const std::string& value) {
  const auto json = holding(f.event, value);
  return &f.speaks == &ollama() ? json + "\n" : "data: " + json + "\n\n";
}
struct unread_sink : testing::block_sink {
  unread_sink() : block_sink("halden") {}
  bool passes(const unread& what) override {
    seen.push_back(what);
    return lets;
  }
  bool lets = false;
  std::vector<unread> seen;
};
const std::string words_coded = "data:text/plain;base64,YSBoYWxkZW4gYg==", words_escaped = "data:text/plain,a%20hal%64en%20b", picture_url = "data:image/png;base64," + png;

TEST(attachments, of_an_answer_in_one_piece_are_read_wherever_they_stand) {
  for (const auto& f : answer_fields()) {
    const auto to = f.speaks.classify("POST", f.path);
    const auto with_picture = holding(f.plain, picture_url);
    const auto seen = f.speaks.read_response(to, with_picture, 64);
    ASSERT_TRUE(seen) << with_picture;
    ASSERT_EQ((*seen)->unread_parts().size(), 1u) << with_picture;
    EXPECT_EQ((*seen)->unread_parts()[0].attachment, image) << with_picture;
    for (const auto& value : {words_coded, words_escaped}) {
      const auto body = holding(f.plain, value);
      const auto read = f.speaks.read_response(to, body, 64);
      ASSERT_TRUE(read) << body;
      EXPECT_TRUE((*read)->unread_parts().empty()) << body;
      const auto parts = (*read)->parts();
      const auto at = std::ranges::find(parts, "a halden b", &part::text);
      ASSERT_NE(at, parts.end()) << body;
      EXPECT_EQ(at->kind, part_kind::attachment) << body;
      EXPECT_EQ(at->editable, f.named) << body;
      if (!f.named) continue;
      const auto out = (*read)->edited(std::vector<replacement>{{static_cast<std::uint32_t>(at - parts.begin()), 2, 8, "R"}});
      EXPECT_NE(out.find(value == words_coded ? "YSBSIGI=" : "a%20R%20b"), std::string::npos) << out;
    }
  }
}

TEST(attachments, of_a_streamed_answer_are_read_wherever_they_stand) {
  for (const auto& f : answer_fields()) {
    unread_sink refuses, admits;
    admits.lets = true;
    const auto bytes = event_of(f, picture_url);
    const auto refused = testing::run(f.speaks, f.stream_path, f.request, bytes, {}, refuses);
    EXPECT_EQ(refused.last, response_stream::status::unreadable) << bytes;
    EXPECT_EQ(refused.out.find(png), std::string::npos) << bytes;
    EXPECT_TRUE(testing::run(f.speaks, f.stream_path, f.request, bytes, {}, admits).out.starts_with(bytes)) << bytes;
    for (const auto* sink : {&refuses, &admits}) {
      ASSERT_EQ(sink->seen.size(), 1u) << bytes;
      EXPECT_EQ(sink->seen[0].attachment, image) << bytes;
    }
    for (const auto& value : {words_coded, words_escaped}) {
      unread_sink sink;
      EXPECT_EQ(testing::run(f.speaks, f.stream_path, f.request, event_of(f, value), {}, sink).last, response_stream::status::blocked) << event_of(f, value);
      if (!f.named) continue;
      testing::replace_sink edits("halden", "R");
      const auto out = testing::run(f.speaks, f.stream_path, f.request, event_of(f, value), {}, edits).out;
      EXPECT_NE(out.find(value == words_coded ? "YSBSIGI=" : "a%20R%20b"), std::string::npos) << out;
    }
  }
}

// Clients that put the pieces of a field together read the whole: nobody lets through what only that shows.
TEST(attachments, of_a_streamed_answer_in_pieces_never_pass_in_silence) {
  std::size_t tried = 0;
  for (const auto& f : answer_fields()) {
    for (const auto& value : {words_coded, words_escaped, picture_url}) {
      for (std::size_t cut = 1; cut < value.size(); ++cut, ++tried) {
        const auto bytes = event_of(f, value.substr(0, cut)) + event_of(f, value.substr(cut));
        unread_sink sink;
        EXPECT_NE(testing::run(f.speaks, f.stream_path, f.request, bytes, {}, sink).last, response_stream::status::ok) << bytes;
        if (&f.speaks == &anthropic()) continue;  // whose block begins once
        EXPECT_TRUE(!sink.seen.empty() || std::ranges::any_of(sink.texts, [](const auto& t) { return t.find("halden") != std::string::npos; })) << bytes;
      }
    }
  }
  EXPECT_GT(tried, 1000u);
}

TEST(attachments, are_no_words_that_an_unknown_field_begins_with) {
  for (const auto& f : answer_fields()) {
    if (f.named || &f.speaks == &anthropic()) continue;  // whose block begins once
    const auto bytes = event_of(f, "Data") + event_of(f, ": yes, ") + event_of(f, "the user") + event_of(f, "data") + event_of(f, "data") + event_of(f, "Data: so, it is");
    unread_sink sink;
    EXPECT_TRUE(testing::run(f.speaks, f.stream_path, f.request, bytes, {}, sink).out.starts_with(bytes)) << bytes;
    EXPECT_TRUE(sink.seen.empty()) << bytes;
  }
}

}  // namespace
}  // namespace sluice::wire
