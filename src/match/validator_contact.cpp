// Addresses of mailboxes and machines.
#include <algorithm>
#include <array>
#include <string>

#include "compact.hpp"
#include "sluice/match/validator.hpp"

namespace sluice::match {
namespace {

constexpr std::size_t mailbox_bytes_max = 254, local_bytes_max = 64, label_bytes_max = 63;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || is_upper(c); }
bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }  // the others: RFC 6531 and IDNA's U-labels
bool is_atext(char c) { return is_letter(c) || is_digit(c) || !is_ascii(c) || std::string_view("!#$%&'*+-/=?^_`{|}~").contains(c); }

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= label_bytes_max && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, [](char c) { return is_letter(c) || is_digit(c) || c == '-' || !is_ascii(c); });
}

// What stands behind an @ in names of files (logo@2x.png) is no top level of the DNS.
bool is_file_ending(std::string_view label) {
  static constexpr std::array endings = {"png", "jpg", "jpeg", "gif", "svg", "webp", "js", "css", "json", "html", "htm", "xml", "txt", "pdf"};
  std::string lowered(label);
  for (char& c : lowered) c = is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  return std::ranges::find(endings, lowered) != endings.end();
}

bool is_ipv4(std::string_view text) {
  int parts = 0;
  while (parts < 4) {
    std::size_t n = 0;
    while (n < text.size() && n < 4 && is_digit(text[n])) ++n;
    if (n == 0 || n > 3 || (n > 1 && text[0] == '0') || number(text.substr(0, n)) > 255) return false;
    text.remove_prefix(n);
    if (++parts == 4) return text.empty();
    if (!text.starts_with('.')) return false;
    text.remove_prefix(1);
  }
  return false;
}

bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

struct ipv6_shape {
  bool valid = false, gap = false;
  int groups = 0;
};

ipv6_shape ipv6_of(std::string_view text) {
  ipv6_shape out;
  if (text.starts_with("::")) {
    out.gap = true;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    std::size_t n = 0;
    while (n < text.size() && is_hex(text[n])) ++n;
    if (n < text.size() && text[n] == '.') {  // IPv4 at the end
      if (!is_ipv4(text)) return out;
      out.groups += 2;
      text = {};
      break;
    }
    if (n == 0 || n > 4) return out;
    ++out.groups;
    text.remove_prefix(n);
    if (text.empty()) break;
    if (text[0] != ':' || text.size() == 1) return out;
    text.remove_prefix(1);
    if (text[0] == ':') {
      if (out.gap) return out;
      out.gap = true;
      text.remove_prefix(1);
    }
  }
  out.valid = out.gap ? out.groups <= 7 : out.groups == 8;
  return out;
}

}  // namespace

bool email_valid(std::string_view text) {
  if (text.size() > mailbox_bytes_max) return false;
  const auto at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at > local_bytes_max) return false;
  const auto local = text.substr(0, at);
  if (local.front() == '.' || local.back() == '.' || local.contains("..")) return false;
  if (!std::ranges::all_of(local, [](char c) { return is_atext(c) || c == '.'; })) return false;
  auto domain = text.substr(at + 1);
  for (int labels = 1;; ++labels) {
    const auto dot = domain.find('.');
    const auto label = domain.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) {
      const bool letters = std::ranges::none_of(label, [](char c) { return is_digit(c) || c == '-'; });
      return labels > 1 && label.size() >= 2 && (letters || label.starts_with("xn--") || label.starts_with("XN--")) && !is_file_ending(label);
    }
    domain.remove_prefix(dot + 1);
  }
}

bool ip_valid(std::string_view text) {
  if (text.size() > 45) return false;
  if (is_ipv4(text)) return text != "0.0.0.0";
  const auto six = ipv6_of(text);
  // `std::beef` and `a::b` are names in programs: what is short and has no digit is taken for one.
  return six.valid && six.groups > 0 && (six.groups >= 4 || std::ranges::any_of(text, is_digit));
}

}  // namespace sluice::match
