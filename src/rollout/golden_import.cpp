// See golden_import.hpp.
#include "sluice/rollout/golden_import.hpp"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::rollout {
namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t rows_max = 2'000'000;

// One record of a CSV file at a time.
class csv_reader {
 public:
  explicit csv_reader(std::string_view bytes) : bytes_(bytes) {}
  [[nodiscard]] bool done() const { return at_ == bytes_.size(); }
  [[nodiscard]] std::size_t line() const { return line_; }

  result<std::vector<std::string>> next() {
    std::vector<std::string> fields;
    while (true) {
      auto field = next_field();
      if (!field) return std::unexpected(field.error());
      fields.push_back(std::move(*field));
      if (done()) return fields;
      if (bytes_[at_++] == ',') continue;
      ++line_;
      return fields;
    }
  }

 private:
  // Ends at the comma or the line feed behind the field, or at the end.
  result<std::string> next_field() {
    std::string out;
    if (done() || bytes_[at_] != '"') {
      while (!done() && bytes_[at_] != ',' && bytes_[at_] != '\n') out += bytes_[at_++];
      if (out.ends_with('\r') && (done() || bytes_[at_] == '\n')) out.pop_back();
      return out;
    }
    const std::size_t began = line_;
    for (++at_; !done(); ++at_) {
      const char c = bytes_[at_];
      line_ += c == '\n' ? 1 : 0;
      if (c != '"') {
        out += c;
        continue;
      }
      const bool doubled = at_ + 1 < bytes_.size() && bytes_[at_ + 1] == '"';
      if (!doubled) return behind_quote(std::move(out));
      out += '"';
      ++at_;
    }
    return fail(errc::parse, "line " + std::to_string(began) + ": a quoted field has no end");
  }
  result<std::string> behind_quote(std::string out) {
    ++at_;
    if (!done() && bytes_[at_] == '\r' && at_ + 1 < bytes_.size() && bytes_[at_ + 1] == '\n') ++at_;
    if (done() || bytes_[at_] == ',' || bytes_[at_] == '\n') return out;
    return fail(errc::parse, "line " + std::to_string(line_) + ": text behind a quoted field: a quote inside of it is written twice");
  }

  std::string_view bytes_;
  std::size_t at_ = 0, line_ = 1;
};

std::string in_short(std::vector<std::string> list) {
  for (std::string& each : list) each = clipped(each, 40);
  return join(list);
}

std::string_view without_mark(std::string_view bytes) { return bytes.starts_with("\xef\xbb\xbf") ? bytes.substr(3) : bytes; }

error too_many() { return {errc::limit, "more than " + std::to_string(rows_max) + " rows: split the file"}; }

std::string whole_text(const import_row& row) {
  return row.text.empty() ? row.request + (row.request.empty() || row.response.empty() ? "" : "\n") + row.response : row.text;
}

}  // namespace

result<std::vector<import_row>> read_csv(std::string_view bytes, const std::string& column) {
  csv_reader in(without_mark(bytes));
  if (in.done()) return fail(errc::parse, "the file is empty: its first line names the columns");
  const auto names = in.next();
  if (!names) return std::unexpected(names.error());
  const auto at = std::ranges::find(*names, column);
  if (at == names->end()) return fail(errc::not_found, "there is no column '" + column + "'; the first line has " + in_short(*names));
  const auto index = static_cast<std::size_t>(at - names->begin());
  std::vector<import_row> out;
  while (!in.done()) {
    const std::size_t line = in.line();
    auto fields = in.next();
    if (!fields) return std::unexpected(fields.error());
    if (fields->size() == 1 && fields->front().empty() && names->size() > 1) continue;  // an empty line
    if (fields->size() != names->size()) {
      return fail(errc::parse, "line " + std::to_string(line) + ": " + std::to_string(fields->size()) + " fields, and the first line names " + std::to_string(names->size()));
    }
    out.push_back({.line = line, .text = std::move((*fields)[index]), .request = {}, .response = {}});
    if (out.size() > rows_max) return std::unexpected(too_many());
  }
  return out;
}

result<std::vector<import_row>> read_json_lines(std::string_view bytes, const std::string& key) {
  std::vector<import_row> out;
  bytes = without_mark(bytes);
  for (std::size_t line = 1; !bytes.empty(); ++line) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    const std::string_view text = trim(bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
    if (text.empty()) continue;
    const auto object = parse_bounded<nlohmann::json>(text);
    const auto string = [&](const std::string& name) { return word(object, name.c_str()); };
    if (!object.is_object()) return fail(errc::parse, "line " + std::to_string(line) + ": no JSON object");
    for (const std::string& name : object.contains(key) ? std::vector{key} : std::vector<std::string>{"request", "response"}) {
      const auto at = object.find(name);
      if (at == object.end() || at->is_string() || at->is_null()) continue;
      return fail(errc::parse, "line " + std::to_string(line) + ": '" + clipped(name, 40) + "' is no text (" + at->type_name() + "): quote it, or name another key with --column");
    }
    import_row row{.line = line, .text = string(key), .request = {}, .response = {}};
    if (!object.contains(key)) {
      row.request = string("request");
      row.response = string("response");
      if (row.request.empty() && row.response.empty()) return fail(errc::parse, "line " + std::to_string(line) + ": neither '" + key + "' nor 'request' nor 'response' is a string");
    }
    out.push_back(std::move(row));
    if (out.size() > rows_max) return std::unexpected(too_many());
  }
  return out;
}

result<imported_cases> make_cases(std::span<const import_row> rows, const import_options& how) {
  imported_cases out;
  std::vector<std::string> texts = how.known;
  std::vector<const import_row*> used;
  for (const import_row& row : rows) {
    ++out.rows;
    std::string text = whole_text(row);
    if (trim(text).empty()) {
      ++out.empty;
      continue;
    }
    texts.push_back(std::move(text));
    used.push_back(&row);
  }
  const auto alike = near_duplicates(texts, how.alike_min);
  for (std::size_t i = 0; i < used.size(); ++i) {
    const std::size_t at = how.known.size() + i;
    if (alike[at]) {
      ++out.duplicates;
      continue;
    }
    const std::string digest = crypto::sha256_hex(texts[at]);
    json made = {{"id", how.set + "-" + digest.substr(0, 10)}, {"set", how.set}};
    if (!how.slices.empty()) made["slice"] = how.slices;
    const import_row& row = *used[i];
    const std::string& request = row.text.empty() ? row.request : how.as_response ? std::string() : row.text;
    const std::string& response = row.text.empty() ? row.response : how.as_response ? row.text : std::string();
    if (!request.empty()) made["request"] = request;
    if (!response.empty()) made["response"] = response;
    const bool held_out = std::strtoul(digest.substr(10, 8).c_str(), nullptr, 16) % 100 < how.holdout_percent;
    try {
      (held_out ? out.holdout : out.lines).push_back(made.dump());
    } catch (const json::type_error&) {
      return fail(errc::parse, "line " + std::to_string(row.line) + ": the text is no UTF-8: convert the file");
    }
  }
  return out;
}

}  // namespace sluice::rollout
