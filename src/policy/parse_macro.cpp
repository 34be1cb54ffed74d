// Macros: matches with a name. They are written in where they are named: behind the parser only a match's `macro_files` tell of them.
#include "reader.hpp"
#include "sluice/base/strings.hpp"

namespace sluice::policy {

void macro_table::add(reading& in, const yaml_node& document, const source_file& file, std::string name) {
  const yaml_node* meta = document.find("metadata");
  const yaml_node* at = meta == nullptr ? nullptr : meta->find("name");
  const policy::place here = in.place_of(at == nullptr ? document : *at);
  const auto [entry, fresh] = entries_.try_emplace(std::move(name), macro_table::entry{.file = &file, .document = &document, .place = here});
  if (!fresh) in.error(at == nullptr ? document : *at, "macro '" + entry->first + "' exists already", "the first stands at " + to_string(entry->second.place));
}

void macro_table::read(entry& of, diagnostics& found) {
  of.state = entry::state::open;
  reading in{.file = of.file->path, .found = found, .macros = this};
  const object from(in, *of.document, macro_shape);
  (void)read_metadata(in, from);
  if (const yaml_node* match = from.get("match")) of.match = read_match(in, *match);
  of.match.macro_files.push_back(of.file->sha256);
  of.state = entry::state::read;
}

std::optional<match_spec> macro_table::find(reading& in, const yaml_node& at, const std::string& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    std::vector<std::string_view> names;
    for (const auto& [known, entry] : entries_) names.push_back(known);
    const std::string_view near = nearest(name, names);
    in.error(at, "macro '" + name + "' does not exist",
             near.empty() ? "define it: kind: Macro, metadata: {name: " + name + "}" : "did you mean '" + std::string(near) + "'?");
    return std::nullopt;
  }
  entry& of = found->second;
  if (of.state == entry::state::open) {
    in.error(at, "macro '" + name + "' leads back to itself", "it stands at " + to_string(of.place));
    return std::nullopt;
  }
  if (of.state == entry::state::unread) read(of, in.found);
  of.used = true;
  return of.match;
}

void macro_table::finish(diagnostics& found) {
  for (auto& [name, of] : entries_) {
    if (of.state == entry::state::unread) read(of, found);
    if (of.used || name.starts_with('?')) continue;
    found.push_back({.severity = severity::warning, .place = of.place, .rule = {}, .message = "macro '" + name + "' is used by no rule", .advice = "use it or remove it"});
  }
}

}  // namespace sluice::policy
