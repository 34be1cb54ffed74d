// Checks a log's chain: every line's hash fits its bytes, every line names the one before, no sequence number is missing.
#include <charconv>
#include <fstream>
#include <map>
#include <set>

#include "files.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::audit {
namespace {

constexpr std::size_t hash_member_bytes = std::string_view(",\"hash\":\"").size() + 64 + std::string_view("\"}").size();
constexpr std::size_t problems_max = 1000;

struct chain_state {
  std::string hash{first_hash};
  std::uint64_t sequence = 0;
};

std::uint64_t sequence_of(std::string_view line) {
  std::uint64_t n = 0;
  const auto at = line.find("\"seq\":");
  if (at != std::string_view::npos) std::from_chars(line.data() + at + 6, line.data() + line.size(), n);
  return n;
}

// Returns what is wrong with a line, or nothing.
std::string check_line(const std::string& line, chain_state& state) {
  if (line.size() < hash_member_bytes || !line.ends_with("\"}")) return "the line is no audit record";
  const auto hash = last_member(line, "hash");
  const auto body = line.substr(0, line.size() - hash_member_bytes) + "}";
  const auto sequence = sequence_of(line);
  std::string wrong;
  if (line.compare(line.size() - hash_member_bytes, 9, ",\"hash\":\"") != 0 || crypto::sha256_hex(body) != hash) {
    wrong = "the bytes do not fit their hash: the record was changed";
  } else if (last_member(body, "prev") != state.hash) {
    wrong = "the record does not follow the one before: records were removed, added or moved";
  } else if (sequence != state.sequence + 1) {
    wrong = "the sequence jumps from " + std::to_string(state.sequence) + " to " + std::to_string(sequence);
  }
  state = {std::string(hash), sequence};
  return wrong;
}

}  // namespace

result<verify_report> verify(const std::vector<std::string>& directories) {
  verify_report report;
  std::set<std::string> boots;
  for (const auto& directory : directories) {
    auto files = list_files(directory);
    if (!files) return std::unexpected(files.error());
    std::map<std::string, chain_state> nodes;
    for (std::size_t i = 0; i < files->size(); ++i) {
      const auto& file = (*files)[i];
      ++report.files;
      boots.insert(file.node + "/" + file.boot);
      std::ifstream in(file.path);
      std::string line;
      for (std::size_t n = 1; std::getline(in, line); ++n) {
        if (in.eof()) {
          const bool newest = i + 1 == files->size() || (*files)[i + 1].node != file.node;
          report.torn_tail = true;
          if (!newest) report.problems.push_back(file.path + ":" + std::to_string(n) + ": the file ends inside a record");
          break;
        }
        ++report.records;
        const auto wrong = check_line(line, nodes[file.node]);
        if (!wrong.empty() && report.problems.size() < problems_max) {
          report.problems.push_back(file.path + ":" + std::to_string(n) + ": " + wrong);
        }
      }
    }
  }
  report.boots = boots.size();
  return report;
}

}  // namespace sluice::audit
