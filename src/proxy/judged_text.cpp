// The text that an exchange's rules judged, for a log that keeps it.
#include "exchange_impl.hpp"

namespace sluice::proxy {

judged_text exchange::impl::text_of_both() const {
  judged_text out;
  const auto add = [](std::vector<policy::text_part>& to, std::span<const wire::part> parts, bool request) {
    for (const auto& p : parts) to.push_back({to_policy(p.role), to_policy(p.kind), !request || p.last_turn, p.editable, p.text, p.choice});
  };
  if (request && request_judged) {
    add(out.request, request->parts(), true);
    out.takes_system_words = request->takes_system_words();
  }
  if (!response_judged) {
    // nothing of the answer was judged
  } else if (sink) {
    out.response = sink->texts();
    out.choices.assign(sink->choices().begin(), sink->choices().end());
    out.answer_ended = sink->ended();
    out.too_large = !sink->keeps_all();
  } else if (content) {
    add(out.response, content->parts(), false);
    for (std::int32_t i = 0; const auto structured : structured_choices()) out.choices.push_back({i++, structured != 0});
  } else {
    for (const auto& p : opaque_parts()) out.response.push_back(p);
  }
  std::size_t bytes = 0;
  for (const auto* parts : {&out.request, &out.response}) {
    for (const auto& p : *parts) bytes += p.text.size();
  }
  out.too_large = out.too_large || bytes > judged_text::bytes_max;
  return out;
}

}  // namespace sluice::proxy
