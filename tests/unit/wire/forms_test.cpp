// Forms of OpenAI's endpoints. Goal: each field is listed or refused, files are attachments, an edit changes its field alone.
#include <gtest/gtest.h>

#include <algorithm>

#include "sluice/wire/dialect.hpp"

namespace sluice::wire {
namespace {

const std::string wav("RIFF\x24\0\0\0WAVEfmt ", 16);

std::string field(const std::string& name, const std::string& content, const std::string& more = "") {
  return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"" + more + "\r\n\r\n" + content + "\r\n";
}
std::string file(const std::string& name, const std::string& content, const std::string& type = "", const std::string& filename = "a.wav") {
  return field(name, content, "; filename=\"" + filename + "\"" + (type.empty() ? "" : "\r\nContent-Type: " + type));
}
const std::string end = "--B--\r\n";

result<std::unique_ptr<request_body>> read(const std::string& body, const char* path = "/v1/audio/transcriptions") {
  auto to = openai().classify("POST", path);
  EXPECT_TRUE(to.form) << path;
  to.boundary = "B";
  return openai().read_request(to, body, 64);
}
bool lists(const request_body& r, std::string_view text, part_kind kind) {
  return std::ranges::any_of(r.parts(), [&](const part& p) { return p.text == text && p.kind == kind; });
}

TEST(forms, list_text_and_the_names_of_files_and_take_files_for_attachments) {
  const auto body = field("model", "whisper-1") + file("file", wav, "application/octet-stream", "of Halden.wav") + field("prompt", "about Halden") + field("temperature", "0.2") + end;
  const auto r = read(body);
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ((*r)->model(), "whisper-1");
  EXPECT_TRUE(lists(**r, "about Halden", part_kind::text));
  EXPECT_TRUE(lists(**r, "of Halden.wav", part_kind::name));
  ASSERT_EQ((*r)->unread_parts().size(), 1u);
  EXPECT_EQ((*r)->unread_parts()[0].attachment, attachment_type::audio);
  EXPECT_EQ((*r)->unread_parts()[0].path, "file");
  const auto at = static_cast<std::uint32_t>(std::ranges::find((*r)->parts(), part_kind::text, &part::kind) - (*r)->parts().begin());
  EXPECT_EQ((*r)->path((*r)->parts()[at]), "prompt");
  const auto edited = (*r)->edited(std::vector<replacement>{{at, 6, 12, "[R]"}});
  auto wanted = body;
  wanted.replace(wanted.find("about Halden") + 6, 6, "[R]");
  EXPECT_EQ(edited, wanted);
}

TEST(forms, list_what_a_parts_type_says_beside_its_charset) {
  const auto r = read(file("file", wav, "audio/wav; note=\"of Halden\"") + field("prompt", "x", "\r\nContent-Type: text/plain; charset=utf-8") + end);
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_TRUE(lists(**r, "; note=\"of Halden\"", part_kind::name));
  EXPECT_EQ(std::ranges::count((*r)->parts(), part_kind::name, &part::kind), 2) << "that, and the file's name";
}

TEST(forms, of_text_files_are_read) {
  const auto r = read(file("file", "{\"text\":\"of Halden\"}", "application/jsonl", "a.jsonl") + field("purpose", "user_data") + end, "/v1/files");
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_TRUE((*r)->unread_parts().empty());
  EXPECT_TRUE(lists(**r, "{\"text\":\"of Halden\"}", part_kind::attachment));
}

TEST(forms, of_text_that_calls_itself_something_else_is_read) {
  const auto r = read(file("file", "of Halden", "audio/wav", "a.wav") + end);
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_TRUE(lists(**r, "of Halden", part_kind::attachment));
  EXPECT_EQ((*r)->unread_parts().size(), 1u) << "and no recording";
  const auto wide = read(field("prompt", std::string("H\0a\0", 4)) + end);
  ASSERT_FALSE(wide);
  EXPECT_NE(wide.error().message.find("UTF-8"), std::string::npos) << wide.error().message;
}

TEST(forms, whose_names_are_no_utf8_are_refused_before_any_rule_reads_them) {
  for (const std::string name : {"\xff\xfe\xf0.mp3", "forb\xffidden.mp3", "a\xe2\x80", "\xc3"}) {
    const auto of_file = read(field("model", "whisper-1") + file("file", wav, "audio/mpeg", name) + end);
    ASSERT_FALSE(of_file) << name;
    EXPECT_NE(of_file.error().message.find("part 2"), std::string::npos) << of_file.error().message;
    EXPECT_FALSE(read(field("model", "whisper-1") + file(name, wav) + end)) << name;
    EXPECT_FALSE(read(field("model", "whisper-1") + file("file", wav, "audio/" + name) + end)) << name;
  }
  EXPECT_TRUE(read(file("file", wav, "audio/mpeg", "\xc3\xa4.mp3") + end));
}

TEST(forms, are_of_the_model_that_the_path_names) {
  const char* deployment = "/openai/deployments/secure-1/audio/transcriptions";
  for (const auto& body : {field("model", "other") + file("file", wav) + end, file("file", wav) + field("model", "") + end, file("file", wav) + end}) {
    const auto r = read(body, deployment);
    ASSERT_TRUE(r) << r.error().message;
    EXPECT_EQ((*r)->model(), "secure-1");
  }
}

TEST(forms, refuse_what_no_table_knows_and_answers_that_nobody_reads) {
  for (const auto& [body, why] : {std::pair{field("secret", "x"), "unknown part"}, {file("prompt", "x"), "unknown part"}, {field("stream", "true"), "unknown part"}, {field("response_format", "srt"), "unknown part"},
                                  {field("response_format", "text"), "unknown part"}, {field("prompt", "x", "\r\nContent-Type: text/plain; charset=utf-16"), "unknown part"},
                                  {file("file", std::string("\0\1\2", 3)), "attachment"}, {file("file", wav, "image/png"), "attachment"}}) {
    const auto r = read(body + end);
    ASSERT_TRUE(r) << body;
    ASSERT_EQ((*r)->unread_parts().size(), 1u) << body;
    EXPECT_EQ((*r)->unread_parts()[0].reason, why) << body;
  }
  for (const auto& body : {field("prompt", "a") + field("prompt", "b"), field("model", "a") + field("model", "b"), field("prompt", "\xff"), std::string("{}"), field("prompt", "x") + "--B"}) {
    EXPECT_FALSE(read(body + (body.ends_with("--B") ? "" : end))) << body;
  }
  // What does not look like a word of the API is somebody's text.
  const auto odd = read(field("language", "say it in words") + end);
  ASSERT_TRUE(odd);
  EXPECT_TRUE(lists(**odd, "say it in words", part_kind::annotation));
}

TEST(forms, whose_text_could_become_a_boundary_are_not_edited) {
  const auto r = read(field("prompt", "--Halden") + end);
  ASSERT_TRUE(r);
  EXPECT_FALSE((*r)->parts()[0].editable);
}

TEST(forms, a_transcription_that_is_edited_is_told_once) {
  auto to = openai().classify("POST", "/v1/audio/transcriptions");
  const std::string body = R"({"text":"of Halden Bank","segments":[{"id":0,"text":"of Halden"},{"id":1,"text":" Bank"}],"words":[{"word":"Halden","start":1,"end":2}],"duration":2.5})";
  const auto r = openai().read_response(to, body, 64);
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_TRUE((*r)->unread_parts().empty());
  EXPECT_EQ((*r)->edited(std::vector<replacement>{{0, 3, 14, "[R]"}}), R"({"text":"of [R]","segments":[],"words":[],"duration":2.5})");
  const auto picture = openai().read_response(openai().classify("POST", "/v1/images/edits"), R"({"created":1,"data":[{"b64_json":"iVBORw0KGgoAAAANSUhEUg=="}]})", 64);
  ASSERT_TRUE(picture);
  ASSERT_EQ((*picture)->unread_parts().size(), 1u);
  EXPECT_EQ((*picture)->unread_parts()[0].attachment, attachment_type::image);
}

// From the tables: words in any field, known or not, as a value or as a file, are listed or refused.
TEST(forms, whose_answer_has_other_words_than_its_text_has_them_judged) {
  const auto answered = [](std::string_view body) { return openai().read_response(openai().classify("POST", "/v1/audio/transcriptions"), body, 64); };
  const auto other = answered(R"({"text":"hello","words":[{"word":"forbidden","start":0,"end":1.5}]})");
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_TRUE(std::ranges::any_of((*other)->parts(), [](const part& p) { return p.text == "forbidden"; }));
  const auto same = answered(R"({"text":"Hello, you.","words":[{"word":"Hello","start":0,"end":1},{"word":"you","start":1,"end":2}],"segments":[{"text":"Hello, you.","tokens":[1,2]}]})");
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_TRUE((*same)->unread_parts().empty());
  for (const auto& p : (*same)->parts()) EXPECT_EQ(p.text, "Hello, you.") << (*same)->path(p);
  for (const char* alone : {R"({"words":[{"word":"forbidden"}]})", R"({"text":"","words":[{"word":"forbidden"}]})"}) {
    const auto r = answered(alone);
    ASSERT_TRUE(r) << r.error().message;
    ASSERT_EQ((*r)->unread_parts().size(), 1u) << alone;
    EXPECT_EQ((*r)->unread_parts()[0].path, "words");
  }
}

TEST(forms, have_no_field_that_passes_unread) {
  int looked = 0;
  for (const char* p : {"/v1/audio/transcriptions", "/v1/audio/translations", "/v1/images/edits", "/v1/images/variations", "/v1/files"}) {
    const auto name = openai().classify("POST", p).name;
    std::vector<std::string> fields{"unheard_of", "Prompt", "prompt[]"};
    for (const auto& r : openai().coverage()) {
      if (r.endpoint == name && r.direction == "request" && r.text_class != "-" && !r.path.starts_with("a file")) fields.emplace_back(r.path);
    }
    for (const auto& f : fields) {
      for (const auto& part_of : {field(f, "QXMARKERQX and words"), file(f, "QXMARKERQX and words", "text/plain"), file(f, wav, "", "QXMARKERQX.wav")}) {
        const auto r = read(part_of + end, p);
        const bool seen = !r || !(*r)->unread_parts().empty() || std::ranges::any_of((*r)->parts(), [](const part& each) { return each.text.find("QXMARKERQX") != std::string_view::npos; });
        EXPECT_TRUE(seen) << p << part_of;
        ++looked;
      }
    }
  }
  EXPECT_GT(looked, 100);
}

TEST(forms, are_a_few_paths_only) {
  for (const char* p : {"/v1/audio/speech", "/v1/images/generations", "/v1/uploads", "/v1/files/file-1", "/v1/files/file-1/content"}) EXPECT_EQ(openai().classify("POST", p).what, endpoint_class::denied) << p;
  for (const char* p : {"/v1/files", "/v1/audio/transcriptions"}) EXPECT_EQ(openai().classify("GET", p).what, endpoint_class::denied) << p;
  EXPECT_TRUE(openai().classify("POST", "/openai/v1/audio/translations").form);
}

}  // namespace
}  // namespace sluice::wire
