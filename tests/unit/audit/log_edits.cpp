// See log_edits.hpp.
#include "log_edits.hpp"

#include <algorithm>
#include <sstream>

#include "files.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::audit::testing {
namespace {

void chain_anew(rows& of, std::size_t from) {
  for (auto i = from; i < of.size(); ++i) of[i].line = linked_behind(of[i].line, rows(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(i)));
}

std::string boot_of(const std::string& file) { return file.substr(0, file.rfind('-')); }

}  // namespace

std::string turned(std::string bytes) {
  for (auto& c : bytes) c = static_cast<char>(c ^ 0x55);
  return bytes;
}

rows rows_of(const tree& of, const std::string& node) {
  rows out;
  for (const auto& [name, bytes] : of) {
    // Where both are there the packed one is not read.
    if (!name.starts_with(node + "-") || (name.ends_with(".zst") && of.contains(name.substr(0, name.size() - 4)))) continue;
    std::istringstream in(name.ends_with(".zst") ? turned(bytes) : bytes);
    for (std::string line; std::getline(in, line);) out.push_back({name, line});
  }
  return out;
}

void put_rows(tree& to, const std::string& node, const rows& of) {
  std::erase_if(to, [&](const auto& each) { return each.first.starts_with(node + "-"); });
  for (const auto& each : of) to[each.file] += each.line + "\n";
  for (auto& [name, bytes] : to) {
    if (name.starts_with(node + "-") && name.ends_with(".zst")) bytes = turned(bytes);
  }
}

std::string linked(std::string line, std::uint64_t sequence, const std::string& prev) {
  const auto seq = line.find("\"seq\":"), prev_at = line.rfind("\"prev\":\""), hash = line.rfind(",\"hash\":\"");
  // What another edit has made no record of stays as it is.
  const bool whole = seq != std::string::npos && prev_at != std::string::npos && hash != std::string::npos && hash > prev_at + first_hash.size() && line.size() >= hash + hash_member_bytes;
  if (!whole) return line;
  line.replace(prev_at + 8, first_hash.size(), prev);
  line.replace(seq + 6, line.find(',', seq) - seq - 6, std::to_string(sequence));
  const auto end = line.rfind(",\"hash\":\"");
  return line.replace(end + 9, first_hash.size(), crypto::sha256_hex(line.substr(0, end) + "}"));
}

std::string hash_of(const std::string& line) { return std::string(last_member(line, "hash")); }

std::string linked_behind(const std::string& line, const rows& of) {
  return of.empty() ? linked(line, 1, std::string(first_hash)) : linked(line, sequence_of(of.back().line) + 1, hash_of(of.back().line));
}

std::string forged(const std::string& like, const std::string& event, const std::string& more) {
  const auto begin = like.find("\"event\":\"") + 9;
  auto out = like;
  out.replace(begin, out.find('"', begin) - begin, event);
  return out.insert(out.rfind(",\"prev\":"), more);
}

std::string forged_retired(const std::string& like, std::uint64_t through, const std::string& hash) {
  return forged(like, "retired", ",\"retired_through\":" + std::to_string(through) + ",\"retired_hash\":\"" + hash + "\"");
}

tree attacker::edit(std::string& what) {
  tree out = honest_;
  what.clear();
  for (auto edits = 1 + below(3); edits-- > 0;) {
    if (out.empty()) break;
    below(3) == 0 ? files(out, what) : records(out, what);
  }
  return out;
}

void attacker::records(tree& out, std::string& what) {
  const auto node = any_node();
  auto of = rows_of(out, node);
  if (of.empty()) return;
  const auto kind = below(4);
  what += "records " + std::to_string(kind) + "; ";
  if (kind == 0 || kind == 1) cut(of);
  if (kind == 1 || kind == 2) append(of);
  if (kind == 3) change(of);
  put_rows(out, node, of);
}

// The end, the begin, a boot, a file, the newest boots.
void attacker::cut(rows& of) {
  const auto at = below(of.size());
  const auto file = of[at].file;
  switch (below(5)) {
    case 0: return of.resize(at);
    case 1: of.erase(of.begin(), of.begin() + static_cast<std::ptrdiff_t>(at)); return;
    case 2: std::erase_if(of, [&](const row& each) { return boot_of(each.file) == boot_of(file); }); return;
    case 3: std::erase_if(of, [&](const row& each) { return each.file == file; }); return;
    default: std::erase_if(of, [&](const row& each) { return boot_of(each.file) >= boot_of(file); });
  }
}

// Behind the end, in its file or in one of a later boot: made up, or taken from elsewhere.
void attacker::append(rows& of) {
  const auto all = rows_of(honest_, any_node());
  auto file = of.empty() ? all[0].file : of.back().file;
  if (file.ends_with(".zst")) file.resize(file.size() - 4);
  if (below(2) == 0) file.replace(3, 4, "2999");
  const auto& like = all[below(all.size())].line;
  const auto begin = of.empty() ? 1 : sequence_of(of[0].line), end = of.empty() ? 0 : sequence_of(of.back().line);
  const std::uint64_t through[] = {end, end + 1, 1'000'000'000'000'000, begin - 1, below(end + 2)};
  auto line = like;
  switch (below(5)) {
    case 0: line = forged_retired(like, through[below(5)], of.empty() ? std::string(first_hash) : std::string(last_member(of[0].line, "prev"))); break;
    case 1: line = checkpoints_[below(checkpoints_.size())]; break;
    case 2: line = forged(like, "stop"); break;
    case 3:
      line = checkpoints_[below(checkpoints_.size())];
      line.replace(line.find("\"detail\":\"") + 10, line.find("\",\"checkpoint\"") - line.find("\"detail\":\"") - 10, "close");
      break;
    default: break;
  }
  of.push_back({file, below(4) == 0 ? line : linked_behind(line, of)});
}

void attacker::change(rows& of) {
  const auto at = below(of.size()), other = below(of.size());
  const auto begin = of.begin() + static_cast<std::ptrdiff_t>(at);
  switch (below(5)) {
    case 0: {
      auto& line = of[at].line;
      const auto time = line.find("\"time\":\"");
      if (time == std::string::npos) break;
      auto& digit = line.at(time + 10);
      digit = digit == '9' ? '8' : '9';
      break;
    }
    case 1: of.erase(begin); break;
    case 2: std::swap(of[at].line, of[other].line); break;
    case 3: of.insert(begin, {of[at].file, of[other].line}); break;
    default: of.insert(begin, {of[at].file, checkpoints_[below(checkpoints_.size())]});
  }
  if (below(2) == 0) chain_anew(of, std::min({at, other, of.size()}));
}

void attacker::files(tree& out, std::string& what) {
  const auto any = [&] { return std::next(out.begin(), static_cast<std::ptrdiff_t>(below(out.size()))); };
  const auto [name, bytes] = *any();
  const auto kind = below(7);
  what += "files " + std::to_string(kind) + "; ";
  switch (kind) {
    case 0: return swap_nodes(out);
    case 1: return one_for_another(out);
    case 2: out[another_name(name)] = bytes; return;
    case 3: out[name] = any()->second; return;  // packed or not
    case 4: {  // beside a packed one
      if (!name.ends_with(".zst")) return;
      auto lines = turned(below(2) == 0 ? bytes : any()->second);
      if (below(2) == 0) lines.resize(lines.find('\n', below(lines.size())) + 1);
      out[name.substr(0, name.size() - 4)] = lines;
      return;
    }
    case 5:
      out.erase(name);
      out[another_name(name)] = bytes;
      return;
    default: empty(out);
  }
}

void attacker::swap_nodes(tree& out) {
  tree swapped;
  for (const auto& [name, bytes] : out) swapped[(name.starts_with("n1") ? "n2" : "n1") + name.substr(2)] = bytes;
  out = swapped;
}

void attacker::one_for_another(tree& out) {
  const std::string from = any_node(), to = from == "n1" ? "n2" : "n1";
  std::erase_if(out, [&](const auto& each) { return each.first.starts_with(to); });
  for (const auto& [name, bytes] : tree(out)) out[to + name.substr(2)] = bytes;
}

// The next of its boot, of a later or an earlier boot, of another node.
std::string attacker::another_name(std::string name) {
  switch (below(5)) {
    case 0: return name.replace(name.rfind('-') + 1, 6, "000099");
    case 1: return name.replace(3, 4, "2999");
    case 2: return name.replace(3, 4, "1999");
    case 3: return name.replace(1, 1, name[1] == '1' ? "2" : "1");
    default: return name.replace(1, 1, "3");
  }
}

// A whole node goes, or its bytes.
void attacker::empty(tree& out) {
  const auto node = any_node();
  if (below(2) == 0) std::erase_if(out, [&](const auto& each) { return each.first.starts_with(node); });
  for (auto& [name, bytes] : out) {
    if (name.starts_with(node)) bytes.clear();
  }
}

}  // namespace sluice::audit::testing
