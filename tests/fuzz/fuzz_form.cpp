// Forms: what is read is what was there, each byte in one place, and writing it again from what was read gives the same reading.
#include <string>

#include "check.hpp"
#include "sluice/http/multipart.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::http;
  const auto input = sluice::fuzz::text_of(data, size);
  const auto line = input.find('\n');
  if (line == input.npos) return 0;
  const auto boundary = form_boundary(input.substr(0, line));
  if (!boundary) return 0;
  const auto body = input.substr(line + 1);
  const auto form = parse_form(body, *boundary);
  if (!form) return 0;
  const auto dashed = "--" + std::string(*boundary);
  std::string again;
  const char* last = body.data();
  for (const auto& f : *form) {
    SLUICE_REQUIRE(!f.name.empty() && f.name.find_first_of("\"\\\r\n") == f.name.npos);
    SLUICE_REQUIRE(f.name.data() > last && f.content.data() > f.name.data() && f.content.data() + f.content.size() <= body.data() + body.size());
    SLUICE_REQUIRE(("\r\n" + std::string(f.content)).find("\r\n" + dashed) == std::string::npos);
    last = f.content.data() + f.content.size();
    again += dashed + "\r\nContent-Disposition: form-data; name=\"" + std::string(f.name) + "\"";
    if (f.filename) again += "; filename=\"" + std::string(*f.filename) + "\"";
    again += "\r\n";
    if (!f.content_type.empty()) again += "Content-Type: " + std::string(f.content_type) + "\r\n";
    again += "\r\n" + std::string(f.content) + "\r\n";
  }
  again += dashed + "--";
  const auto second = parse_form(again, *boundary);
  SLUICE_REQUIRE(second && second->size() == form->size());
  for (std::size_t i = 0; i < form->size(); ++i) {
    SLUICE_REQUIRE((*second)[i].name == (*form)[i].name && (*second)[i].filename == (*form)[i].filename && (*second)[i].content_type == (*form)[i].content_type);
    SLUICE_REQUIRE((*second)[i].content == (*form)[i].content);
  }
  return 0;
}
