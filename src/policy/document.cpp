// YAML to a plain tree. yaml-cpp does the reading through its event interface; what may not come in (aliases, tags,
// depth, size, bad UTF-8) is refused before it or at its events, and its exceptions end here as diagnostics.
#include "sluice/policy/document.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>
#include <unordered_map>

#include "sluice/base/strings.hpp"
#include "sluice/text/view.hpp"

namespace sluice::policy {
namespace {

// No sane file has so many brackets in a row; yaml-cpp keeps half a kilobyte for each of them before it says a word.
constexpr std::size_t bracket_run_max = 256;
constexpr std::size_t diagnostics_max = 100;  // of one file: past this, more lines help nobody

// Thrown by the handler to leave yaml-cpp at once; caught in parse_yaml.
struct abandon {};

// Reads a string in place; yaml-cpp wants a std::istream.
class view_buffer : public std::streambuf {
 public:
  explicit view_buffer(std::string_view bytes) {
    char* begin = const_cast<char*>(bytes.data());  // streambuf's interface; never written through
    setg(begin, begin, begin + bytes.size());
  }
};

class tree_builder : public YAML::EventHandler {
 public:
  tree_builder(const std::string& file, std::size_t bytes, const document_limits& bounds, diagnostics& found)
      : file_(file), bytes_(bytes), bounds_(bounds), found_(found) {}

  std::vector<yaml_node> documents;

  void OnDocumentStart(const YAML::Mark&) override {
    root_ = {};
    open_.clear();
  }
  void OnDocumentEnd() override { documents.push_back(std::move(root_)); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add(make(mark, yaml_node::kind::null));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    stop(mark, "an alias (*name) is not allowed", "write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    yaml_node node = make(mark, yaml_node::kind::scalar);
    node.quoted = tag == "!";
    node.scalar = value;
    if (value.find('\0') != std::string::npos) stop(mark, "a NUL character in a string", "remove it");
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, yaml_node::kind::sequence);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, yaml_node::kind::mapping);
  }
  void OnMapEnd() override {
    report_duplicates(open_.back().node);
    end();
  }

 private:
  struct level {
    yaml_node node;
    bool value_next = false;  // a mapping's key was read, its value comes
  };

  [[noreturn]] void stop(const YAML::Mark& mark, std::string message, std::string advice) {
    report(mark.line + 1, mark.column + 1, std::move(message), std::move(advice));
    throw abandon{};
  }
  void report(int line, int column, std::string message, std::string advice) {
    found_.push_back({.severity = severity::error,
                      .place = {.file = file_, .line = line, .column = column},
                      .rule = {},
                      .message = std::move(message),
                      .advice = std::move(advice)});
    if (++reported_ >= diagnostics_max) throw abandon{};
  }

  yaml_node make(const YAML::Mark& mark, enum yaml_node::kind kind) {
    // yaml-cpp makes nodes without end of some broken texts; of a whole one each takes a byte, a missing value none.
    if (++nodes_ > 2 * bytes_ + 2) {
      stop(mark, "not YAML: values without end", "something before this line is not closed, or not indented");
    } else if (nodes_ > bounds_.nodes_max) {
      stop(mark, "more than " + std::to_string(bounds_.nodes_max) + " values in one file", "split the file");
    }
    yaml_node node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }
  void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) stop(mark, "an anchor (&name) is not allowed", "write the value out where it is used");
  }
  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    stop(mark, "a tag (" + clipped(tag, 60) + ") is not allowed", "remove it");
  }

  void begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, enum yaml_node::kind kind) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (open_.size() >= bounds_.depth_max) {
      stop(mark, "nested deeper than " + std::to_string(bounds_.depth_max) + " levels", "flatten it");
    }
    if (!open_.empty()) expect_value(mark.line + 1, mark.column + 1);
    open_.push_back({.node = make(mark, kind), .value_next = false});
  }
  void end() {
    yaml_node done = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(done));
  }

  // A collection may not stand where a mapping's key is due.
  void expect_value(int line, int column) {
    level& top = open_.back();
    if (top.node.kind != yaml_node::kind::mapping || top.value_next) return;
    report(line, column, "a key must be a plain string", "is a { or [ open above? Otherwise put the value behind a key");
    throw abandon{};
  }

  void add(yaml_node node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    level& top = open_.back();
    if (top.node.kind == yaml_node::kind::sequence) {
      top.node.items.push_back(std::move(node));
    } else if (top.value_next) {
      top.node.members.back().second = std::move(node);
      top.value_next = false;
    } else {
      if (node.kind != yaml_node::kind::scalar) {
        report(node.line, node.column, "a key must be a plain string", "name the key, or quote it");
        throw abandon{};
      }
      top.node.members.push_back({.first = std::move(node), .second = {}});
      top.value_next = true;
    }
  }

  void report_duplicates(const yaml_node& mapping) {
    std::unordered_map<std::string_view, int> seen;
    for (const auto& [key, value] : mapping.members) {
      const auto [at, fresh] = seen.emplace(key.scalar, key.line);
      if (fresh) continue;
      report(key.line, key.column, "key '" + clipped(key.scalar, 80) + "' is given twice",
             "it stands in line " + std::to_string(at->second) + " already; keep one");
    }
  }

  const std::string& file_;
  std::size_t bytes_;
  const document_limits& bounds_;
  diagnostics& found_;
  yaml_node root_;
  std::vector<level> open_;
  std::size_t nodes_ = 0, reported_ = 0;
};

bool refuse(diagnostics& found, const std::string& file, int line, std::string message, std::string advice) {
  found.push_back({.severity = severity::error,
                   .place = {.file = file, .line = line, .column = 0},
                   .rule = {},
                   .message = std::move(message),
                   .advice = std::move(advice)});
  return false;
}

// The line of the first byte that `good` says is not fine any more, by halves: is_valid_utf8 tells only yes or no.
int line_of_bad_utf8(std::string_view bytes) {
  std::size_t begin = 0;
  int line = 1;
  while (begin < bytes.size()) {
    const std::size_t newline = std::min(bytes.find('\n', begin), bytes.size());
    if (!text::is_valid_utf8(bytes.substr(begin, newline - begin))) return line;
    begin = newline + 1;
    ++line;
  }
  return line;
}

// What yaml-cpp never gets to see.
bool readable(const std::string& file, std::string_view bytes, const document_limits& bounds, diagnostics& found) {
  if (bytes.size() > bounds.bytes_max) {
    return refuse(found, file, 0,
                  "the file has " + std::to_string(bytes.size()) + " bytes; at most " +
                      std::to_string(bounds.bytes_max) + " are read",
                  "split it into several files");
  }
  if (!text::is_valid_utf8(bytes)) {
    return refuse(found, file, line_of_bad_utf8(bytes), "not valid UTF-8", "save the file as UTF-8");
  }
  if (const std::size_t nul = bytes.find('\0'); nul != std::string_view::npos) {
    const auto line = 1 + static_cast<int>(std::ranges::count(bytes.substr(0, nul), '\n'));
    return refuse(found, file, line, "a NUL byte", "remove it; is this a text file?");
  }
  std::size_t run = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    run = bytes[i] == '[' || bytes[i] == '{' ? run + 1 : 0;
    if (run <= bracket_run_max) continue;
    const auto line = 1 + static_cast<int>(std::ranges::count(bytes.substr(0, i), '\n'));
    return refuse(found, file, line, "nested too deep: " + std::to_string(run) + " brackets in a row", "flatten it");
  }
  return true;
}

// The first line that a tab indents, to line `last`; 0: none.
int line_with_tab(std::string_view bytes, int last) {
  std::size_t begin = 0;
  for (int line = 1; line <= last && begin < bytes.size(); ++line) {
    const std::size_t text = bytes.find_first_not_of(' ', begin);
    if (text != std::string_view::npos && bytes[text] == '\t') return line;
    begin = std::min(bytes.find('\n', begin), bytes.size() - 1) + 1;
  }
  return 0;
}

// What a person did where the parser says this. It sees a mistake where it can no longer go on, which is often a line later.
struct yaml_advice {
  std::string_view said, advice;
};
constexpr yaml_advice yaml_advices[] = {
    {"escape character", "in single quotes a backslash is only a backslash"},
    {"illegal block entry", "is a { or [ open on a line above? Close it there"},
    {"flow not found", "a {, a [ or a quote is open above and never closed"},
    {"end of sequence not found", "do all items of this list, and what belongs to them, begin in the same column?"},
    {"end of map not found", "do all keys of this block begin in the same column?"},
    {"illegal map value", "a value that holds ': ' needs quotes, and a key needs a blank behind its colon, here or on the line above"},
    {"illegal map key", "do all keys of this block begin in the same column?"},
    {"illegal flow end", "a } or ] closes nothing that is open"},
    {"illegal EOF in scalar", "a quote is open and never closed"},
    {"document indicator in scalar", "a quote is open above and never closed"},
};

// yaml-cpp's complaint; where its words lead astray, ours.
diagnostic told(const std::string& file, std::string_view bytes, const YAML::Exception& thrown) {
  diagnostic out{.severity = severity::error,
                 .place = {.file = file, .line = thrown.mark.line + 1, .column = thrown.mark.column + 1},
                 .rule = {},
                 .message = "not YAML: " + thrown.msg,
                 .advice = {}};
  if (const int line = line_with_tab(bytes, out.place.line); line != 0) {
    out.place = {.file = file, .line = line, .column = 1};
    out.message = "not YAML: a tab indents this line";
    out.advice = "indent with spaces";
    return out;
  }
  for (const auto& [said, advice] : yaml_advices) {
    if (thrown.msg.contains(said)) {
      out.advice = advice;
      break;
    }
  }
  return out;
}

}  // namespace

const yaml_node* yaml_node::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name.scalar == key) return &value;
  }
  return nullptr;
}

std::vector<yaml_node> parse_yaml(const std::string& file, std::string_view bytes, const document_limits& bounds,
                                  diagnostics& found) {
  if (!readable(file, bytes, bounds, found)) return {};
  const std::size_t before = found.size();
  view_buffer buffer(bytes);
  std::istream stream(&buffer);
  tree_builder builder(file, bytes.size(), bounds, found);
  // The one place in policy with a try: yaml-cpp reports by throwing.
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const abandon&) {
    return {};
  } catch (const YAML::Exception& thrown) {
    found.push_back(told(file, bytes, thrown));
    return {};
  } catch (const std::exception& thrown) {
    refuse(found, file, 0, std::string("cannot be read as YAML: ") + thrown.what(), {});
    return {};
  }
  if (found.size() != before) return {};
  return std::move(builder.documents);
}

}  // namespace sluice::policy
