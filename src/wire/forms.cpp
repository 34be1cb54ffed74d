// See forms.hpp.
#include "forms.hpp"

#include <algorithm>
#include <array>
#include <deque>

#include "attachments.hpp"
#include "error_rows.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/http/media_type.hpp"
#include "sluice/http/multipart.hpp"
#include "sluice/text/view.hpp"

namespace sluice::wire {
namespace {

using enum text_class;
using kind = part_kind;
using from = role_source;

constexpr auto audio_fields = std::to_array<row>({
    {"file", binary, kind::attachment, from::user},
    {"model", opaque},
    {"language", opaque},
    {"prompt", text, kind::text, from::user},
    {"response_format", opaque},
    {"temperature", scalar},
    {"stream", scalar},
    {"timestamp_granularities[]", opaque},
    {"include[]", opaque},
    {"chunking_strategy", opaque},
    {"chunking_strategy[type]", opaque},
    {"chunking_strategy[prefix_padding_ms]", scalar},
    {"chunking_strategy[silence_duration_ms]", scalar},
    {"chunking_strategy[threshold]", scalar},
    {"known_speaker_names[]", name, kind::name, from::user},
    {"known_speaker_references[]", binary, kind::attachment, from::user},
});
constexpr auto image_fields = std::to_array<row>({
    {"image", binary, kind::attachment, from::user},
    {"image[]", binary, kind::attachment, from::user},
    {"mask", binary, kind::attachment, from::user},
    {"prompt", text, kind::text, from::user},
    {"model", opaque},
    {"n", scalar},
    {"size", opaque},
    {"quality", opaque},
    {"background", opaque},
    {"input_fidelity", opaque},
    {"output_format", opaque},
    {"output_compression", scalar},
    {"partial_images", scalar},
    {"moderation", opaque},
    {"response_format", opaque},
    {"stream", scalar},
    {"user", name, kind::name, from::user},
});
constexpr auto file_fields = std::to_array<row>({
    {"file", binary, kind::attachment, from::user},
    {"purpose", opaque},
    {"expires_after[anchor]", opaque},
    {"expires_after[seconds]", scalar},
});

// A transcription is told up to three times: whole, in segments, word by word. What was edited in one is dropped from the others.
constexpr auto audio_answer = std::to_array<row>({
    {"text", text, kind::transcript, from::assistant},
    {"task", opaque},
    {"language", opaque},
    {"duration", scalar},
    {"usage", parameters},
    {"logprobs", copy},
    {"words", copy},
    {"segments[].text", text, kind::transcript, from::assistant},
    {"segments[].speaker", name, kind::name, from::assistant},
    {"segments[].id", opaque},
    {"segments[].type", opaque},
    {"segments[].seek", scalar},
    {"segments[].start", scalar},
    {"segments[].end", scalar},
    {"segments[].tokens", copy},
    {"segments[].temperature", scalar},
    {"segments[].avg_logprob", scalar},
    {"segments[].compression_ratio", scalar},
    {"segments[].no_speech_prob", scalar},
});
constexpr auto image_answer = std::to_array<row>({
    {"created", scalar},
    {"background", opaque},
    {"output_format", opaque},
    {"quality", opaque},
    {"size", opaque},
    {"usage", parameters},
    {"data[].b64_json", binary, kind::attachment, from::assistant},
    {"data[].url", binary, kind::attachment, from::assistant},
    {"data[].revised_prompt", text, kind::text, from::assistant},
});
constexpr auto file_answer = std::to_array<row>({
    {"id", handle},
    {"object", opaque},
    {"bytes", scalar},
    {"created_at", scalar},
    {"expires_at", scalar},
    {"filename", text, kind::name, from::user},
    {"purpose", opaque},
    {"status", opaque},
    {"status_details", text, kind::error, from::assistant},
});

const std::array<form_endpoint, 5>& endpoints() {
  static const answer_table audio(audio_answer, openai_error_rows()), image(image_answer, openai_error_rows()), file(file_answer, openai_error_rows());
  static const std::array<form_endpoint, 5> all = {{{"audio.transcriptions", audio_fields, audio}, {"audio.translations", audio_fields, audio}, {"images.edits", image_fields, image},
                                                    {"images.variations", image_fields, image}, {"files", file_fields, file}}};
  return all;
}

class form_request final : public request_body {
 public:
  explicit form_request(const form_endpoint& as) : as_(as) {}

  result<void> read(const endpoint& to, std::string_view bytes) {
    bytes_ = bytes;
    auto fields = http::parse_form(bytes, to.boundary);
    if (!fields) return std::unexpected(fields.error());
    fields_ = std::move(*fields);
    for (text::json::index i = 0; i < fields_.size(); ++i) {
      if (auto done = list(i); !done) return done;
    }
    if (!to.model.empty()) model_ = to.model;  // Azure's path decides, whatever the form says
    return {};
  }
  [[nodiscard]] std::span<const part> parts() const override { return parts_; }
  [[nodiscard]] std::span<const unread> unread_parts() const override { return unread_; }
  [[nodiscard]] bool stream() const override { return false; }
  [[nodiscard]] std::string_view model() const override { return model_; }
  [[nodiscard]] std::string path(const part& p) const override { return std::string(fields_[p.node].name); }
  [[nodiscard]] std::string edited(std::span<const replacement> edits, const system_words&) const override {
    std::vector<text::json::splice> splices;
    for (const auto& e : edits) {
      const auto at = static_cast<std::uint32_t>(parts_[e.part].text.data() - bytes_.data());
      splices.push_back({at + e.begin, at + e.end, e.text});
    }
    return text::json::apply(bytes_, std::move(splices));
  }
  [[nodiscard]] const form_endpoint& as() const { return as_; }

 private:
  result<void> list(text::json::index i) {
    const auto& f = fields_[i];
    // Rules read names as they read texts.
    for (const auto said : {f.name, f.filename.value_or(""), f.content_type}) {
      if (!text::is_valid_utf8(said)) return fail(errc::parse, "the head of part " + std::to_string(i + 1) + " of the form is not valid UTF-8; write the names of fields and files in UTF-8");
    }
    const auto at = std::ranges::find(as_.fields, f.name, &row::path);
    if (at == as_.fields.end()) {
      refuse(f);
      return {};
    }
    const auto& r = *at;
    if (r.what != binary && !f.name.ends_with("[]") && std::ranges::count(fields_, f.name, &http::form_field::name) > 1) {
      return fail(errc::parse, "the form's field " + std::string(f.name) + " stands twice");
    }
    if (f.filename && !f.filename->empty()) add(i, *f.filename, kind::name, false);
    add(i, f.parameters, kind::name, false);
    if (r.what == binary) {
      attach(i, r);
      return {};
    }
    if (!text::is_valid_utf8(f.content)) return fail(errc::parse, "the form's field " + std::string(f.name) + " is not valid UTF-8");
    if (f.content.find('\0') != std::string_view::npos) return fail(errc::parse, "the form's field " + std::string(f.name) + " has a NUL in it, as UTF-16 would; write it in UTF-8");
    if (f.filename || !http::is_utf8(http::parse_media_type(f.content_type))) {
      refuse(f);
      return {};
    }
    if (!answers_in_json(f)) {
      refuse(f);
      unread_.back().instead = f.name == "stream" ? "ask for the answer in one piece" : "ask for json or verbose_json";
      return {};
    }
    // An edit must not make a boundary of what was none.
    if (r.what == text) add(i, f.content, r.kind, f.content.find("--") == std::string_view::npos);
    if (r.what == name) add(i, f.content, r.kind, false);
    if ((r.what == opaque || r.what == scalar) && !looks_as(opaque, f.content)) add(i, f.content, kind::annotation, false);
    if (f.name == "model") model_ = f.content;
    return {};
  }
  // A stream, or subtitles, would come as something that is not read here.
  static bool answers_in_json(const http::form_field& f) {
    if (f.name == "stream") return f.content == "false";
    constexpr auto read = std::to_array<std::string_view>({"json", "verbose_json", "diarized_json", "url", "b64_json"});
    return f.name != "response_format" || std::ranges::find(read, f.content) != read.end();
  }
  void attach(text::json::index i, const row& r) {
    const auto& f = fields_[i];
    // What is no file is written as it would be in JSON.
    auto what = f.filename || !text::is_valid_utf8(f.content) ? read_file(f.content, f.content_type) : read_attachment(f.content, f.content_type);
    if (what.text) {
      if (!what.text->empty()) add(i, readings_.emplace_back(std::move(*what.text)), kind::attachment, false);
      return;
    }
    // Text is text, whatever its label says.
    const bool as_it_is = !what.words.empty() && what.words == f.content;
    const bool words = as_it_is || (what.type == attachment_type::other && text::is_valid_utf8(f.content) && f.content.find('\0') == std::string_view::npos);
    if (!what.words.empty() && !as_it_is) add(i, readings_.emplace_back(std::move(what.words)), kind::attachment, false);
    if (what.type == attachment_type::url || words) add(i, f.content, kind::attachment, false);
    unread_.push_back({"attachment", std::string(f.name), f.content.size(), what.type == attachment_type::other ? r.carries : what.type});
  }
  void add(text::json::index i, std::string_view said, part_kind as, bool editable) {
    if (said.empty()) return;
    part p{role::user, as, true, editable, said, i};
    parts_.push_back(p);
  }
  void refuse(const http::form_field& f) { unread_.push_back({"unknown part", std::string(f.name), f.content.size()}); }

  const form_endpoint& as_;
  std::string_view bytes_;
  std::string model_;
  std::vector<http::form_field> fields_;
  std::vector<part> parts_;
  std::vector<unread> unread_;
  std::deque<std::string> readings_;
};

class form_response final : public table_response {
 public:
  // A transcript's words are its text again. Alone they are text that no rule can read, and what is another text than that beside them is one of its own.
  void list_words() {
    const auto& body = listed_.body();
    const auto text = body.member(0, "text"), words = body.member(0, "words");
    if (words == text::json::none || !holds_text(body, words)) return;
    const bool alone = text == text::json::none || body[text].kind != text::json::kind::string || body[text].text.empty();
    if (alone) return listed_.add_unread("unknown part", words);
    part like{role::assistant, part_kind::transcript, true, false, {}, 0};
    like.choice = 0;
    if (auto other = said_otherwise(body, words, body[text].text); !other.empty()) listed_.add_reading(words, like, std::move(other));
  }

 protected:
  void drop_copies(text::json::index answer, std::span<const replacement> /*edits*/, std::vector<text::json::splice>& splices) const override {
    for (const char* again : {"segments", "words", "logprobs"}) blank(listed_.body(), answer, again, "[]", splices);
  }
};

}  // namespace

const form_endpoint* find_form_endpoint(std::string_view name) {
  for (const auto& e : endpoints()) {
    if (e.name == name) return &e;
  }
  return nullptr;
}

const form_endpoint* form_endpoint_of(const request_body& request) {
  const auto* form = dynamic_cast<const form_request*>(&request);
  return form == nullptr ? nullptr : &form->as();
}

void add_forms_coverage(std::vector<dialect::coverage_row>& out) {
  for (const auto& e : endpoints()) {
    add_coverage(out, e.name, "request", "no", e.fields);
    out.push_back({e.name, "request", "a file's name", "N", "user", "name", "no", "scanned; a redaction blocks"});
    out.push_back({e.name, "request", "a part's Content-Type: parameters but charset", "N", "user", "name", "no", "scanned; a redaction blocks"});
    if (std::ranges::find(e.fields, "stream", &row::path) != e.fields.end()) out.push_back({e.name, "request", "stream: an answer in pieces", "-", "-", "-", "no", "unreadable.unknown_part: such an answer is not read"});
    if (e.name.starts_with("audio.")) out.push_back({e.name, "request", "response_format: text, srt, vtt", "-", "-", "-", "no", "unreadable.unknown_part: such an answer is not read"});
    out.push_back({e.name, "request", "any other field", "-", "-", "-", "no", "unreadable.unknown_part"});
    add_coverage(out, e.name, "response", "no", e.response.rows());
    out.push_back({e.name, "response", "any other string or number", "N", "assistant", "annotation", "no", "scanned; a redaction blocks; what a data: URL holds, too, or unreadable.attachments"});
  }
}

result<std::unique_ptr<request_body>> form_read_request(const endpoint& to, const form_endpoint& as, std::string_view body) {
  auto made = std::make_unique<form_request>(as);
  if (auto done = made->read(to, body); !done) return std::unexpected(done.error());
  return made;
}

result<std::unique_ptr<response_body>> form_read_response(const form_endpoint& as, std::string_view body, std::uint32_t depth_max) {
  auto made = std::make_unique<form_response>();
  if (auto done = made->read(body, as.response, "", depth_max); !done) return std::unexpected(done.error());
  made->list_words();
  return made;
}

std::string form_refusal_body(std::string_view message) { return "{\"text\":" + json_quoted(message) + "}"; }

}  // namespace sluice::wire
