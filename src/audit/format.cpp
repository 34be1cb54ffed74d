// Written by hand, because a record is formatted for every exchange: one buffer, no tree.
#include "format.hpp"

#include <array>
#include <charconv>

#include "sealed_text.hpp"
#include "sluice/audit/query.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"

namespace sluice::audit {
namespace {

constexpr std::size_t masked_bytes_max = 64;

class writer {
 public:
  explicit writer(std::string& out) : out_(out) {}
  void key(std::string_view name) {
    if (out_.back() != '{' && out_.back() != '[') out_ += ',';
    out_ += '"';
    out_ += name;  // names are this program's own words and need no escape
    out_ += "\":";
  }
  // A name that a bundle gave.
  void quoted_key(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    out_ += json_quoted(name);
    out_ += ':';
  }
  void text(std::string_view name, std::string_view value) {
    key(name);
    out_ += '"';
    append_json_escaped(out_, value);
    out_ += '"';
  }
  // For the names of enumerators.
  void word(std::string_view name, std::string_view value) {
    key(name);
    out_ += '"';
    out_ += value;
    out_ += '"';
  }
  void number(std::string_view name, std::uint64_t value) {
    key(name);
    std::array<char, 20> digits{};
    out_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  }
  void score(std::string_view name, float value) {
    quoted_key(name);
    std::array<char, 32> digits{};
    out_.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  }
  void flag(std::string_view name, bool value) {
    key(name);
    out_ += value ? "true" : "false";
  }
  void texts(std::string_view name, const std::vector<std::string>& values) {
    open(name, '[');
    for (const auto& value : values) {
      if (out_.back() != '[') out_ += ',';
      out_ += '"';
      append_json_escaped(out_, value);
      out_ += '"';
    }
    close(']');
  }
  void raw(std::string_view name, std::string_view json) {
    key(name);
    out_ += json;
  }
  void open(std::string_view name, char bracket) {
    key(name);
    out_ += bracket;
  }
  void item(char bracket) {
    if (out_.back() != '[') out_ += ',';
    out_ += bracket;
  }
  void close(char bracket) { out_ += bracket; }
  std::string& out() { return out_; }

 private:
  std::string& out_;
};

std::string keyed(const line_context& in, std::string_view value) {
  return keyed_hash(in.config.value_key, value);
}

void head(writer& w, std::string_view event, wall_time time, const line_context& in) {
  w.out() += '{';
  w.number("v", 1);
  w.number("seq", in.sequence);
  w.out() += in.same.node;
  w.word("event", event);
  w.key("time");
  w.out() += '"';
  append_rfc3339(w.out(), time);
  w.out() += '"';
  w.out() += in.same.engine;
}

void finding(writer& w, const finding_record& f, const line_context& in) {
  w.item('{');
  w.text("rule", f.rule);
  w.text("policy", f.policy);
  w.word("action", policy::to_string(f.action));
  w.word("enforcement", policy::to_string(f.enforcement));
  w.text("channel", f.channel);
  w.raw("span", "[" + std::to_string(f.begin) + "," + std::to_string(f.end) + "]");
  if (!f.more.empty()) {
    w.open("more", '[');
    for (const auto& rest : f.more) {
      w.item('{');
      w.text("channel", rest.channel);
      w.raw("span", "[" + std::to_string(rest.begin) + "," + std::to_string(rest.end) + "]");
      w.close('}');
    }
    w.close(']');
  }
  if (!f.last_turn) w.flag("last_turn", false);
  if (f.score > 0) w.number("score", f.score);
  w.text("hmac", keyed(in, f.value));
  if (in.config.store_masked) w.text("masked", mask_value(f.value));
  w.close('}');
}

void suppressed(writer& w, const suppressed_record& s, const line_context& in) {
  w.item('{');
  w.text("rule", s.rule);
  w.text("policy", s.policy);
  w.text("by", s.exception);
  w.text("owner", s.owner);
  w.text("ticket", s.ticket);
  w.text("channel", s.channel);
  w.raw("span", "[" + std::to_string(s.begin) + "," + std::to_string(s.end) + "]");
  w.text("hmac", keyed(in, s.value));
  w.number("count", s.count);
  w.close('}');
}

void scores(writer& w, const std::vector<score_record>& all) {
  if (all.empty()) return;
  w.open("score", '[');
  for (const auto& s : all) {
    w.item('{');
    w.text("policy", s.policy);
    w.number("score", s.score);
    w.number("shadow_score", s.shadow_score);
    w.number("threshold", s.threshold);
    w.word("action", policy::to_string(s.action));
    w.flag("crossed", s.crossed);
    w.close('}');
  }
  w.close(']');
}

// `inexact`: rules in shadow would have made another text of what came before, so that what they find here is not all that would be.
void judged(writer& w, std::string_view name, const section& s, const line_context& in, bool inexact = false) {
  if (!s.judged) return w.raw(name, "null");
  w.open(name, '{');
  w.open("findings", '[');
  for (const auto& f : s.findings) finding(w, f, in);
  w.close(']');
  if (s.truncated) w.flag("truncated", true);
  if (!s.tags.empty()) w.texts("tags", s.tags);
  w.open("suppressed", '[');
  for (const auto& each : s.suppressed) suppressed(w, each, in);
  w.close(']');
  scores(w, s.scores);
  w.open("nd", '{');
  for (const auto& [label, score] : s.classifier_scores) w.score(label, score);
  w.close('}');
  w.word("verdict", policy::to_string(s.verdict));
  w.word("shadow_verdict", policy::to_string(s.shadow_verdict));
  if (inexact) w.flag("shadow_exact", false);
  w.close('}');
}

// `of`: the key of what each is.
void unscanned_parts(writer& w, std::string_view name, std::string_view of, const std::vector<attachment_record>& all) {
  if (all.empty()) return;
  w.open(name, '[');
  for (const auto& each : all) {
    w.item('{');
    w.text("path", each.path);
    w.text(of, each.type);
    w.text("treatment", each.treatment);
    w.number("bytes", each.bytes);
    w.close('}');
  }
  w.close(']');
}

void recalled(writer& w, const std::vector<recalled_record>& all) {
  if (all.empty()) return;
  w.open("recalled", '[');
  for (const auto& each : all) {
    w.item('{');
    w.text("path", each.path);
    w.text("version", each.version);
    w.word("verdict", policy::to_string(each.verdict));
    w.close('}');
  }
  w.close(']');
}

void in_shadow(writer& w, const record::shadow_side& s) {
  w.text("live", s.live_version);
  w.flag("text_differs", s.text_differs);
  w.flag("shadow_exact", s.inexact.empty());
  if (!s.inexact.empty()) w.text("inexact", s.inexact);
  w.number("shadow_us", s.took_us);
  if (s.live_us > 0) w.number("live_us", s.live_us);
}

void who(writer& w, const record& r, const line_context& in) {
  w.open("context", '{');
  const auto some = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) w.text(name, value);
  };
  some("tenant", r.who.tenant);
  some("region", r.who.region);
  some("tier", r.who.tier);
  some("route", r.who.route);
  some("model", r.who.model);
  // A person's and a conversation's names are kept so that they can be found again, not read.
  some("user", keyed(in, r.who.user));
  some("conversation", keyed(in, r.who.conversation));
  w.close('}');
}

}  // namespace

std::string whose(std::string_view boot, std::string_view node) { return ",\"boot\":" + json_quoted(boot) + ",\"node\":" + json_quoted(node); }

same_in_all::same_in_all(const log_config& config, std::string_view boot)
    : node(whose(boot, config.node)),
      engine(",\"engine\":" + json_quoted(config.engine) + ",\"config\":" + json_quoted(config.config_digest) + (config.shadow ? ",\"mode\":\"shadow\"" : "")) {}

std::string keyed_hash(std::string_view key, std::string_view value) {
  if (value.empty()) return {};
  const auto mac = crypto::hmac_sha256(key, value);
  return hex(std::span(mac).first(12));
}

std::string names_key(std::string_view key) { return keyed_hash(key, "which key hashes the names"); }

std::string mask_value(std::string_view value) {
  std::string out;
  const bool show_end = value.size() >= 8;
  for (std::size_t i = 0; i < value.size() && out.size() < masked_bytes_max; ++i) {
    const auto c = static_cast<unsigned char>(value[i]);
    if ((c & 0xc0) == 0x80) continue;  // one star a code point
    const bool near_end = show_end && i + 2 >= value.size() && c < 0x80;
    out += near_end || c == ' ' ? static_cast<char>(c) : '*';
  }
  return out;
}

void append_record(std::string& out, const record& r, const line_context& in) {
  writer w(out);
  static constexpr std::string_view names[] = {"decision", "opened", "closed", "aborted", "shadow"};
  head(w, names[static_cast<std::size_t>(r.event)], r.time, in);
  w.text("id", r.id);
  w.text("activation", r.activation);
  w.word("arm", r.event == record::event::shadow ? "shadow" : r.canary ? "canary" : "stable");
  w.text("version", r.version);
  w.text("effective", r.effective);
  if (!r.demoted.empty()) w.texts("demoted", r.demoted);
  if (r.event == record::event::shadow) in_shadow(w, r.shadow);
  who(w, r, in);
  w.texts("tags", r.who.tags);
  w.text("dialect", r.dialect);
  w.text("endpoint", r.endpoint);
  w.text("method", r.method);
  w.text("path", r.path);
  w.flag("streamed", r.streamed);
  judged(w, "request", r.request, in);
  judged(w, "response", r.response, in, r.request.shadow_verdict > r.request.verdict && r.request.shadow_verdict >= policy::verdict::edit);
  w.word("verdict", policy::to_string(std::max(r.request.verdict, r.response.verdict)));
  w.word("shadow_verdict", policy::to_string(std::max(r.request.shadow_verdict, r.response.shadow_verdict)));
  w.open("sent", '{');
  w.number("status", static_cast<std::uint64_t>(r.status));
  w.number("bytes", r.bytes);
  w.number("edits", r.edits);
  w.close('}');
  w.number("upstream_status", static_cast<std::uint64_t>(r.upstream_status));
  w.number("upstream_edits", r.upstream_edits);
  w.number("latency_us", r.latency_us);
  w.number("added_us", r.added_us);
  w.open("unscanned", '{');
  for (const auto& [why, bytes] : r.unscanned) w.number(why, bytes);
  w.close('}');
  unscanned_parts(w, "attachments", "type", r.attachments);
  unscanned_parts(w, "unread", "why", r.unread);
  recalled(w, r.recalled);
  w.text("reason", r.reason);
  w.text("state", r.freshness);
  w.flag("stale", r.stale);
  if (r.with_text && in.config.text) w.raw("text", sealed_text(r, *in.config.text));
}

void append_event(std::string& out, const control_event& e, const line_context& in) {
  writer w(out);
  head(w, e.kind, e.time, in);
  w.text("activation", e.activation);
  w.text("version", e.version);
  w.text("state", e.freshness);
  w.text("detail", e.detail);
  if (e.kind == "start") w.text("names_key", names_key(in.config.value_key));
  if (e.through == 0) return;
  w.number("retired_through", e.through);
  w.text("retired_hash", e.through_hash);
  w.text("retired_time", rfc3339(e.through_time));
  w.text("retired_by", e.after.count() != 0 ? "age" : "bytes");
  if (e.after.count() != 0) w.number("retired_after_ms", static_cast<std::uint64_t>(e.after.count()));
}

}  // namespace sluice::audit
