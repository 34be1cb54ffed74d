// sluice audit: read decision logs back. Here: tail; the others have files of their own.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "audit_options.hpp"
#include "sluice/audit/query.hpp"

namespace sluice::app {
namespace {

struct tail_options {
  std::string from;
  std::size_t back = 10;
  bool no_follow = false, checkpoints = false;
};

// One row below the others although the others are not known yet.
std::string row_in_line(const std::vector<std::string>& cells) {
  static constexpr std::size_t widths[] = {27, 9, 32, 7, 6, 6, 10, 12, 0};
  std::string out;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    out += cells[i];
    if (i + 1 < cells.size()) out.append(std::max(widths[i], cells[i].size()) - cells[i].size() + 2, ' ');
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

int tail(const tail_options& o, bool raw) {
  if (!raw) std::cout << row_in_line(record_heading()) << std::flush;
  const auto done = audit::tail(o.from, o.back, [&](const std::string& line) {
    std::cout << (raw ? line + "\n" : row_in_line(record_row(line))) << std::flush;
    return std::cout.good();
  }, [&] { return o.no_follow; }, o.checkpoints);
  if (!done) return complain(done.error().message), 1;
  return 0;
}

}  // namespace

void add_audit(CLI::App& root, invocation& call) {
  auto* command = root.add_subcommand("audit", "Read the decision log: what decided what, and when");
  command->require_subcommand(1);
  add_audit_query(*command, call);

  add_audit_at(*command, call);
  add_audit_verify(*command, call);
  add_audit_replay(*command, call);
  add_audit_erase(*command, call);
  add_audit_export(*command, call);

  auto o = std::make_shared<tail_options>();
  auto* t = command->add_subcommand("tail", "Follow decisions as they are written");
  t->add_option("--from", o->from, "A folder of audit files")->required();
  t->add_option("--back", o->back, "Begin with the last so many")->capture_default_str();
  t->add_flag("--no-follow", o->no_follow, "Print them and end");
  t->add_flag("--checkpoints", o->checkpoints, "Show the chain's signed checkpoints too");
  add_json(*t, call);
  t->footer("Example:\n  sluice audit tail --from /var/lib/sluice/audit --back 5");
  t->callback([o, &call] { call.exit_code = tail(*o, call.json); });
  command->footer("Example:\n  sluice audit query --from /var/lib/sluice/audit --decision 06h0mqn3047np0000cshjbwck3954r58");
}

}  // namespace sluice::app
