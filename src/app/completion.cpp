// Walks the tree of commands (two levels: command, and its own commands) and writes one case for each. See completion.hpp.
#include "completion.hpp"
#include "sluice/base/strings.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <vector>

namespace sluice::app {
namespace {

struct entry {
  std::string path;   // "config check"; empty for the root
  std::string about;
  std::vector<std::pair<std::string, std::string>> words;  // what may come next, with its description
  std::map<std::string, std::vector<std::string>> values;  // of an option that takes one of a few words: "--direction"
};

// CLI11 writes the words of IsMember into the type: "TEXT:{request,response}". None where any text goes.
std::vector<std::string> closed_values(const CLI::Option& option) {
  const auto type = option.get_type_name();
  const auto begin = type.find('{'), end = type.find('}', begin);
  if (begin == std::string::npos || end == std::string::npos) return {};
  return CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
}

std::string first_line(std::string text) { return text.substr(0, text.find('\n')); }

void collect(const CLI::App& app, const std::string& path, std::vector<entry>& out) {
  entry made{.path = path, .about = first_line(app.get_description()), .words = {}, .values = {}};
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const auto* each : commands) {
    if (!each->get_group().empty()) made.words.emplace_back(each->get_name(), first_line(each->get_description()));
  }
  for (const auto* option : app.get_options()) {
    const auto values = closed_values(*option);
    if (option->get_positional()) {
      for (const auto& value : values) made.words.emplace_back(value, first_line(option->get_description()));
    }
    for (const auto& name : option->get_lnames()) {
      if (!values.empty()) made.values["--" + name] = values;
    }
    for (const auto& name : option->get_lnames()) made.words.emplace_back("--" + name, first_line(option->get_description()));
  }
  out.push_back(std::move(made));
  for (const auto* each : commands) {
    if (!each->get_group().empty()) collect(*each, path.empty() ? each->get_name() : path + " " + each->get_name(), out);
  }
}

std::string words_of(const entry& of) {
  std::vector<std::string> words;
  for (const auto& [word, about] : of.words) words.push_back(word);
  return join(words, " ");
}

// Inside single quotes of a shell.
std::string single_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string bash(const std::vector<entry>& entries) {
  std::string out =
      "# bash completion for sluice\n"
      "_sluice() {\n"
      "  local word path=\"\" i words\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=\"${COMP_WORDS[i]}\"\n"
      "    [[ $word == -* ]] && continue\n"
      "    case \"${path:+$path }$word\" in\n";
  for (const auto& each : entries) {
    if (!each.path.empty()) out += "      " + single_quoted(each.path) + ") path=" + single_quoted(each.path) + " ;;\n";
  }
  out +=
      "    esac\n"
      "  done\n"
      "  case \"$path\" in\n";
  for (const auto& each : entries) out += "    " + single_quoted(each.path) + ") words=" + single_quoted(words_of(each)) + " ;;\n";
  out += "  esac\n  case \"$path ${COMP_WORDS[COMP_CWORD - 1]}\" in\n";
  for (const auto& each : entries) {
    for (const auto& [option, values] : each.values) out += "    " + single_quoted(each.path + " " + option) + ") words=" + single_quoted(join(values, " ")) + " ;;\n";
  }
  out +=
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
      "  [[ ${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
      "}\n"
      "complete -o filenames -F _sluice sluice\n";
  return out;
}

std::string zsh(const std::vector<entry>& entries) {
  std::string out =
      "#compdef sluice\n"
      "_sluice() {\n"
      "  local word next=\"\" i\n"
      "  local -a offers\n"
      "  for ((i = 2; i < CURRENT; i++)); do\n"
      "    word=\"${words[i]}\"\n"
      "    [[ $word == -* ]] && continue\n"
      "    case \"${next:+$next }$word\" in\n";
  for (const auto& each : entries) {
    if (!each.path.empty()) out += "      " + single_quoted(each.path) + ") next=" + single_quoted(each.path) + " ;;\n";
  }
  out += "    esac\n  done\n  case \"$next\" in\n";
  for (const auto& each : entries) {
    out += "    " + single_quoted(each.path) + ") offers=(";
    for (const auto& [word, about] : each.words) {
      std::string safe;
      for (const char c : about) safe += c == ':' ? std::string("\\:") : std::string(1, c);
      out += " " + single_quoted(word + ":" + safe);
    }
    out += " ) ;;\n";
  }
  out += "  esac\n  case \"$next ${words[CURRENT - 1]}\" in\n";
  for (const auto& each : entries) {
    for (const auto& [option, values] : each.values) out += "    " + single_quoted(each.path + " " + option) + ") offers=(" + join(values, " ") + ") ;;\n";
  }
  out += "  esac\n  _describe 'sluice' offers || _files\n}\ncompdef _sluice sluice\n";
  return out;
}

std::string fish(const std::vector<entry>& entries) {
  std::string out = "# fish completion for sluice\n";
  for (const auto& each : entries) {
    // A nested command's words come once all words of its path were typed.
    std::string when = each.path.empty() ? "__fish_use_subcommand" : "";
    for (std::size_t begin = 0; begin < each.path.size();) {
      const auto end = std::min(each.path.find(' ', begin), each.path.size());
      when += (when.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + each.path.substr(begin, end - begin));
      begin = end + 1;
    }
    for (const auto& [word, about] : each.words) {
      const bool option = word.starts_with("--");
      const auto values = each.values.find(word);
      out += "complete -c sluice -n " + single_quoted(when) + (option ? " -l " + word.substr(2) : " -a " + single_quoted(word)) +
             (values == each.values.end() ? "" : " -x -a " + single_quoted(join(values->second, " "))) + " -d " + single_quoted(about) + "\n";
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const CLI::App& root, std::string_view shell) {
  std::vector<entry> entries;
  collect(root, "", entries);
  if (shell == "bash") return bash(entries);
  if (shell == "zsh") return zsh(entries);
  if (shell == "fish") return fish(entries);
  return {};
}

}  // namespace sluice::app
