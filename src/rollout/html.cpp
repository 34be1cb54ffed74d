// See html.hpp.
#include "html.hpp"

#include <algorithm>
#include <cstdio>

#include "sluice/base/strings.hpp"

namespace sluice::rollout {
namespace {

constexpr std::string_view style = R"(
:root{color-scheme:light dark;--text:#1b1f24;--soft:#5b6470;--page:#fff;--line:#d8dee4;--bar:#3b6fb5;--good:#1a7f37;--bad:#c0232c;--doubt:#8a5a00;--limit:#c0232c}
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--soft:#9aa4af;--page:#0d1117;--line:#30363d;--bar:#6ea8fe;--good:#3fb950;--bad:#ff7b72;--doubt:#e3b341;--limit:#ff7b72}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:72rem;font:16px/1.5 system-ui,sans-serif;color:var(--text);background:var(--page)}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
code{font:.85em ui-monospace,monospace;overflow-wrap:anywhere}td:first-child code{overflow-wrap:normal}.cases{color:var(--soft)}
.verdict{display:inline-block;padding:.1rem .6rem;border:2px solid;border-radius:.4rem;font-weight:700}
.pass{color:var(--good)}.FAIL{color:var(--bad)}.INSUFFICIENT,.EMERGENCY,.warning,.waived{color:var(--doubt)}.skipped{color:var(--soft)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
ul{margin:.2rem 0;padding-left:1.1rem;overflow-wrap:anywhere}p.of{margin:.8rem 0 .2rem}dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.1rem 1rem;margin:.5rem 0}dt{color:var(--soft)}dd{margin:0;min-width:0;overflow-wrap:anywhere}
figure{margin:0}figcaption{color:var(--soft);font-size:.85rem}
svg{display:block;width:100%;min-width:36rem;height:auto;max-width:60rem}
svg text{fill:var(--text);font:13px system-ui,sans-serif}svg .soft{fill:var(--soft)}svg .bar{fill:var(--bar)}svg .reach{stroke:var(--bar);stroke-width:2}svg .limit{stroke:var(--limit);stroke-width:2;stroke-dasharray:4 3}
td.n .cases{white-space:normal}td.n .cases span{display:inline-block;white-space:nowrap}
@media(max-width:40rem){.counts th{display:none}.counts tr{display:block;border-bottom:1px solid var(--line);padding:.4rem 0}.counts tr:first-child{display:none}
.counts td{display:flex;justify-content:space-between;gap:.8rem;border:0;padding:.1rem 0}.counts td::before{content:attr(data-of);color:var(--soft)}.counts td:not([data-of]){display:block}
body{padding:.6rem}dl{grid-template-columns:minmax(0,1fr)}dt{margin-top:.3rem}
.checks th{display:none}.checks tr{display:block;border-bottom:1px solid var(--line);padding:.4rem 0}.checks td{display:inline-block;border:0;padding:.1rem .6rem .1rem 0}.checks td:last-child{display:block;padding:0}}
)";

}  // namespace

std::string html_head(std::string_view title) {
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>" + escaped(title) +
         "</title><style>" + std::string(style) + "</style></head><body>\n";
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

std::string chart(const std::vector<bar>& bars, const std::string& caption) {
  if (bars.empty()) return {};
  constexpr double left = 230, width = 340, row = 26;
  // Room for the longest label, as wide as its letters are on the whole.
  constexpr double letter = 7.5, right_min = 150, right_max = 330;
  double right = right_min;
  for (const bar& each : bars) right = std::clamp(letter * static_cast<double>(each.label.size()) + 16, right, right_max);
  // The interval of a bar with next to no cases reaches far and says little: it is cut off before it squeezes the others.
  constexpr double reach_max = 3;  // times the longest bar or limit
  double shown = 0, reach = 0;
  for (const bar& each : bars) {
    shown = std::max({shown, each.value, each.limit});
    reach = std::max(reach, each.bound);
  }
  const double most = shown > 0 ? std::clamp(reach, shown, reach_max * shown) : reach;
  const auto at = [&](double value) { return left + (most > 0 ? std::min(value / most, 1.0) : 0) * width; };
  const double height = row * static_cast<double>(bars.size()) + 6;
  std::string out = "<figure><div class=\"scroll\"><svg role=\"img\" viewBox=\"0 0 " + number(left + width + right) + " " + number(height) + "\"><title>" + escaped(caption) + "</title>";
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const bar& each = bars[i];
    const double top = row * static_cast<double>(i) + 4, middle = top + row / 2 - 2;
    out += "<g><title>" + escaped(each.title) + "</title><text x=\"" + number(left - 8) + "\" y=\"" + number(middle + 4) + "\" text-anchor=\"end\">" + escaped(clipped(each.name, 28)) + "</text>";
    out += "<rect class=\"bar\" x=\"" + number(left) + "\" y=\"" + number(top) + "\" width=\"" + number(std::max(at(each.value) - left, 1.0)) + "\" height=\"" + number(row - 8) + "\" rx=\"2\"/>";
    const auto line = [&](const char* what, double from, double to, double y1, double y2) {
      out += std::string("<line class=\"") + what + "\" x1=\"" + number(from) + "\" x2=\"" + number(to) + "\" y1=\"" + number(y1) + "\" y2=\"" + number(y2) + "\"/>";
    };
    if (each.bound >= 0) line("reach", at(std::min(each.value, each.bound)), at(std::max(each.value, each.bound)), middle, middle);
    if (each.bound >= 0 && each.bound <= most) line("reach", at(each.bound), at(each.bound), middle - 5, middle + 5);
    if (each.limit >= 0) line("limit", at(each.limit), at(each.limit), top - 2, top + row - 6);
    out += "<text class=\"soft\" x=\"" + number(left + width + 8) + "\" y=\"" + number(middle + 4) + "\">" + escaped(each.label) + "</text></g>";
  }
  return out + "</svg></div><figcaption>" + escaped(caption) + "</figcaption></figure>\n";
}

}  // namespace sluice::rollout
