// docs/coverage.md is made from the tables that the code reads bodies by. SLUICE_WRITE_DOCS=1 writes it anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "sluice/wire/dialect.hpp"

namespace sluice::wire {
namespace {

std::string page() {
  std::ostringstream out;
  out << "# Coverage\n\n"
         "What of each API is read, by whom it was written, and what may happen to it. The code reads bodies by this table; `GET /v1/coverage` on the\n"
         "admin port gives it as JSON. Written by `wire_tests` (`SLUICE_WRITE_DOCS=1`), which fails when it is out of date.\n\n"
         "Classes: T text · J JSON in a string · S schema · N name · R reference to what the upstream holds · B binary · A arguments of a tool\n"
         "call · O identifier · P settings or counts · E signed or encrypted · C repeats other text · V number or flag. `[]` is any element, `{*}` any key. \"of the message\" is the role that the message itself states.\n"
         "\nNumbers and literals in the arguments of a call, and numbers where text may be or in a field that no table knows, are scanned as they are written (one with an exponent as it\n"
         "is spoken, too). A redaction of one blocks: a string in its place would not be what the tool's schema promises. Arguments that are no JSON are\n"
         "scanned as they are and with their escapes read. In a stream, a field that no table knows is scanned as one text over all events,\n"
         "and so is what a table does not call whole in each event: the piece that ends a match of a rule that may stop it does not leave, what came before it has.\n"
         "Any text that begins as JSON does (`{`, `[` or `\"`) is scanned as its reader decodes it, too, and edited so that it stays JSON ([policy_language.md](policy_language.md#53-text-that-is-json)).\n"
         "\nBeside the JSON, the lines of a stream's events are scanned, in one word as in many, and a redaction of one blocks: comments, `id:`, `retry:`, and\n"
         "`event:` where the name is none of the API's. A byte order mark may stand before the first line of an event; one before another ends the stream. An answer's headers go to the client where their name is `content-type`, `content-encoding`,\n"
         "`content-language`, `date`, `cache-control`, `vary`, `retry-after`, `retry-after-ms`, `x-should-retry`, `request-id`, `x-request-id`, `apim-request-id`,\n"
         "`azureml-model-session`, `cf-ray`, `server-timing`, `x-accel-buffering` or `ratelimit`, or begins with `openai-`, `anthropic-`, `x-ratelimit-`,\n"
         "`ratelimit-`, `x-ms-`, `x-goog-`, `x-gemini-` or `access-control-`, and their value is\n"
         "words and numbers of up to 1024 bytes or a date as HTTP writes it (`Sun, 06 Nov 1994 08:49:37 GMT`), with blanks behind `,` and `;` alone; and those that `upstreams[].response_headers` names. No rule\n"
         "reads their values.\n"
         "\nA word of up to 128 letters, digits and `_-.:/+=@~,` in a field of class O, P or H, any such run in one of class E, and the\n"
         "headers of a request that go on are not read and counted nowhere: rules for secrets and numbers would find them in identifiers and signatures. What a stream says\n"
         "at such a place piece by piece is kept, its last 4 KiB and of all places 1 MiB, and scanned as one text with the first piece that is no such word.\n";
  for (const auto name : dialect_names()) {
    out << "\n## " << name << "\n\n| endpoint | direction | streamed | field | class | role | kind | treatment |\n|---|---|---|---|---|---|---|---|\n";
    for (const auto& r : find_dialect(name)->coverage()) {
      out << "| " << r.endpoint << " | " << r.direction << " | " << r.streaming << " | `" << r.path << "` | " << r.text_class << " | " << r.role << " | " << r.kind
          << " | " << r.policy << " |\n";
    }
  }
  return out.str();
}

TEST(coverage, the_page_is_what_the_tables_say) {
  const std::string path = SLUICE_SOURCE_DIR "/docs/coverage.md";
  if (std::getenv("SLUICE_WRITE_DOCS") != nullptr) std::ofstream(path) << page();
  std::ifstream in(path);
  const std::string written{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(written, page()) << "docs/coverage.md is out of date: SLUICE_WRITE_DOCS=1 build/release/tests/unit/wire/wire_tests";
}

TEST(coverage, no_field_stands_twice_and_each_has_a_treatment) {
  for (const auto name : dialect_names()) {
    std::set<std::tuple<std::string_view, std::string_view, std::string_view, std::string_view>> seen;
    for (const auto& r : find_dialect(name)->coverage()) {
      EXPECT_TRUE(seen.emplace(r.endpoint, r.direction, r.streaming, r.path).second) << r.path;
      EXPECT_FALSE(r.policy.empty()) << r.path;
    }
    EXPECT_GT(seen.size(), 20u);
  }
}

}  // namespace
}  // namespace sluice::wire
