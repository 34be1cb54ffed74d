// See sealed_text.hpp; what is sealed is JSON, read back by replay.
#include "sealed_text.hpp"

#include <nlohmann/json.hpp>

#include "sluice/audit/replay.hpp"
#include "sluice/base/base64.hpp"
#include "sluice/base/foreign_json.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/sealed.hpp"

namespace sluice::audit {
namespace {

using nlohmann::json;

json parts_json(const std::vector<kept_part>& parts) {
  json out = json::array();
  for (const auto& p : parts) {
    out.push_back({{"role", static_cast<int>(p.role)}, {"kind", static_cast<int>(p.kind)}, {"last", p.last_turn}, {"editable", p.editable}, {"choice", p.choice}, {"channel", p.channel}, {"ended", p.ended}, {"series", p.in_series}, {"text", p.text}});
  }
  return out;
}

json choices_json(const std::vector<kept_choice>& choices) {
  json out = json::array();
  for (const auto& c : choices) out.push_back({{"choice", c.choice}, {"structured", c.structured}});
  return out;
}

std::vector<kept_part> parts_from(const json& in) {
  std::vector<kept_part> out;
  for (const auto& p : in) {
    out.push_back({static_cast<policy::role>(p.at("role").get<int>()), static_cast<policy::part_kind>(p.at("kind").get<int>()), p.at("last"), p.at("editable"), p.at("text"), p.value("choice", 0), p.value("channel", ""), p.value("ended", true), p.value("series", false)});
  }
  return out;
}

std::string bound_to(std::string_view decision) { return "audit text of " + std::string(decision); }

}  // namespace

std::size_t text_bytes(const record& r) {
  std::size_t out = 0;
  for (const auto* parts : {&r.request_text, &r.response_text}) {
    for (const auto& p : *parts) out += p.text.size();
  }
  return out;
}

std::string sealed_text(const record& r, text_keys& keys) {
  const auto omitted = [](const std::string& why) { return "{\"omitted\":" + json_quoted(why) + "}"; };
  if (!r.text_omitted.empty()) return omitted(r.text_omitted);
  const auto key = keys.for_sealing(r.time, r.who.tenant);
  if (!key) return omitted("no key: " + key.error().message);
  const json whole = {{"request", parts_json(r.request_text)},
                      {"response", parts_json(r.response_text)},
                      {"choices", choices_json(r.choices)},
                      {"answer_ended", r.answer_ended},
                      {"takes_system_words", r.takes_system_words},
                      {"who", {{"user", r.who.user}, {"conversation", r.who.conversation}, {"tags", r.who.tags}, {"minute", r.who.minute}, {"caller", r.caller}}}};
  return "{\"key\":\"" + key->id + "\",\"sealed\":\"" + encode_base64(crypto::seal(key->key, whole.dump(-1, ' ', false, json::error_handler_t::replace), bound_to(r.id))) + "\"}";
}

result<kept_exchange> open_kept_text(const std::string& line, const text_keys& keys) {
  const auto j = parse_bounded<json>(line, record_bounds);
  if (!j.is_object() || !j.contains("text") || !j["text"].is_object()) return fail(errc::not_found, "the log keeps no text (audit.text is not encrypted)");
  const auto& text = j["text"];
  if (text.contains("omitted")) return fail(errc::not_found, "the text was not kept: " + word(text, "omitted"));
  const auto key = keys.find(word(text, "key"));
  if (!key) return std::unexpected(key.error());
  const auto sealed = decode_base64(word(text, "sealed"));
  const auto opened = crypto::open_sealed(*key, sealed.value_or(""), bound_to(word(j, "id")));
  if (!opened) return fail(errc::integrity, "the sealed text does not open: it was changed, or belongs to another decision");
  const auto whole = parse_bounded<json>(*opened, record_bounds);
  kept_exchange out;
  try {
    out.request = parts_from(whole.at("request"));
    out.response = parts_from(whole.at("response"));
    for (const auto& c : whole.value("choices", json::array())) out.choices.push_back({c.at("choice"), c.at("structured")});
    out.answer_ended = whole.value("answer_ended", false);
    out.takes_system_words = whole.value("takes_system_words", true);
    const auto& who = whole.at("who");
    out.user = who.at("user");
    out.conversation = who.at("conversation");
    out.tags = who.at("tags");
    out.minute = who.at("minute");
    out.caller = who.at("caller");
  } catch (const json::exception&) {
    return fail(errc::parse, "the sealed text is not of this release");
  }
  return out;
}

}  // namespace sluice::audit
