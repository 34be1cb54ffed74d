// See ledger_bytes.hpp. The format's number, the verdict's, whether it is whole or left unread, then texts, each led by its length and a colon: the version,
// the context, its tags.
#include "ledger_bytes.hpp"

#include <charconv>
#include <optional>

namespace sluice::app {
namespace {

constexpr char format = '1';
constexpr char begun = '0', whole = '1', left = '2';  // who knows no `left` takes it for begun

void append(std::string& out, std::string_view text) { ((out += std::to_string(text.size())) += ':') += text; }

std::optional<std::string> take(std::string_view& from) {
  std::size_t size = 0;
  const auto [end, failed] = std::from_chars(from.data(), from.data() + from.size(), size);
  if (failed != std::errc() || end == from.data() + from.size() || *end != ':') return std::nullopt;
  from.remove_prefix(static_cast<std::size_t>(end - from.data()) + 1);
  if (size > from.size()) return std::nullopt;
  std::string out(from.substr(0, size));
  from.remove_prefix(size);
  return out;
}

}  // namespace

std::string to_bytes(const proxy::ledger_entry& entry) {
  std::string out{format, static_cast<char>('0' + static_cast<int>(entry.verdict)), entry.whole ? whole : entry.left ? left : begun};
  const auto& who = entry.who;
  for (const auto* text : {&entry.version, &who.tenant, &who.region, &who.tier, &who.user, &who.conversation, &who.route, &who.model}) append(out, *text);
  for (const auto& tag : who.tags) append(out, tag);
  return out;
}

std::shared_ptr<const proxy::ledger_entry> entry_from(std::string_view bytes, std::string stored) {
  if (bytes.size() < 3 || bytes[0] != format || bytes[1] < '0' || bytes[1] > '0' + static_cast<int>(policy::verdict::block)) return nullptr;
  auto made = std::make_shared<proxy::ledger_entry>();
  made->verdict = static_cast<policy::verdict>(bytes[1] - '0');
  made->stored = std::move(stored);
  made->whole = bytes[2] == whole;
  made->left = bytes[2] == left;
  bytes.remove_prefix(3);
  auto& who = made->who;
  for (auto* text : {&made->version, &who.tenant, &who.region, &who.tier, &who.user, &who.conversation, &who.route, &who.model}) {
    auto read = take(bytes);
    if (!read) return nullptr;
    *text = std::move(*read);
  }
  while (!bytes.empty()) {
    auto tag = take(bytes);
    if (!tag) return nullptr;
    who.tags.push_back(std::move(*tag));
  }
  return made;
}

}  // namespace sluice::app
