// The text that an exchange's rules judged, for a log that keeps it.
#include "exchange_impl.hpp"

namespace sluice::proxy {

judged_text exchange::impl::text_of_both() const {
  judged_text out;
  const auto add = [](std::vector<policy::text_part>& to, std::span<const wire::part> parts, bool request) {
    for (const auto& p : parts) to.push_back({to_policy(p.role), to_policy(p.kind), !request || p.last_turn, p.editable, p.text, request ? 0 : p.choice});
  };
  if (request && request_judged) add(out.request, request->parts(), true);
  if (request) out.takes_system_words = request->takes_system_words();
  if (!response_judged) {
    // nothing of the answer was judged
  } else if (sink) {
    out.response = sink->texts();
    out.structured = sink->structured();
    out.too_large = !sink->keeps_all();
  } else if (content) {
    add(out.response, content->parts(), false);
    for (const auto& choice : content->choices()) out.structured.push_back(choice.structured || request->json_answer() ? 1 : 0);
  } else {
    out.response.push_back({policy::role::assistant, policy::part_kind::error, true, true, answer_body, -1});
  }
  std::size_t bytes = 0;
  for (const auto* parts : {&out.request, &out.response}) {
    for (const auto& p : *parts) bytes += p.text.size();
  }
  out.too_large = out.too_large || bytes > judged_text::bytes_max;
  return out;
}

}  // namespace sluice::proxy
