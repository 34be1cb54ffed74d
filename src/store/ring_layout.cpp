// See ring_layout.hpp.
#include "ring_layout.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "sluice/base/foreign_json.hpp"
#include "sluice/base/printable.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/crypto/digest.hpp"
#include "sluice/store/directory.hpp"
#include "stream_reader.hpp"

namespace sluice::store {
using nlohmann::json;

std::optional<policy::activation> parse_activation(std::string_view text) {
  policy::activation a;
  const auto* end = text.data() + text.size();
  const auto epoch = std::from_chars(text.data(), end, a.epoch);
  if (epoch.ec != std::errc{} || epoch.ptr == end || *epoch.ptr != '-') return std::nullopt;
  const auto generation = std::from_chars(epoch.ptr + 1, end, a.generation);
  if (generation.ec != std::errc{} || generation.ptr != end || a.epoch > number_max || a.generation > number_max) return std::nullopt;
  return a;
}

std::string to_json(const activation_record& r) {
  const auto& with = r.with;
  json canary = nullptr;
  if (with.canary) canary = {{"version", with.canary->version}, {"basis_points", with.canary->basis_points}, {"salt", with.canary->salt}, {"nodes", with.canary->nodes}};
  json demoted = json::array();
  for (const auto& each : with.demoted) {
    demoted.push_back({{"version", each.version}, {"rule", each.rule}, {"why", each.why}});
    if (each.by_safety) demoted.back()["by_safety"] = true;
  }
  json out = {{"ring", r.ring},       {"epoch", r.activation.epoch}, {"gen", r.activation.generation}, {"version", r.version},
              {"kind", r.kind},       {"actor", r.actor},            {"note", r.note},                 {"time", r.time},
              {"prev", r.previous},   {"replid", r.replid},          {"canary", canary},        {"commit", r.how.commit},
              {"gate", r.how.gate_report}, {"shadow", with.shadow}, {"demoted", demoted},         {"rearmed", policy::to_string(with.rearmed)}};
  for (const auto& each : with.rearmed_rules) out["rearmed_rules"].push_back({{"version", each.version}, {"rule", each.rule}, {"at", policy::to_string(each.at)}});
  if (r.back) out["back"] = true;
  if (r.weaker) out["weaker"] = true;
  if (!r.manifests.empty()) out["manifests"] = r.manifests;
  if (!r.how.gate_report.empty()) out["made"] = {{"verdict", r.how.gate_verdict}, {"emergency", r.how.emergency}, {"weaker", r.how.weaker}, {"approved_by", r.how.approved_by}, {"against", r.how.against}};
  if (!r.how.gate_report.empty() && !r.how.skipped.empty()) out["made"]["skipped"] = r.how.skipped;
  if (!r.how.gate_report.empty() && r.how.signed_by) out["made"]["signed_by"] = *r.how.signed_by;
  if (!with.shown.empty()) out["shown"] = parse_bounded<json>(to_json(with.shown));
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

namespace {

// What an emergency skipped; an older release called its verdict PASS, and said no more than that it was one.
void read_emergency(const json& from, provenance& out) {
  out.emergency = truth(from, "emergency");
  if (out.emergency && out.gate_verdict == "PASS") out.gate_verdict = "EMERGENCY";
  for (const auto& each : member(from, "skipped")) {
    if (each.is_string()) out.skipped.push_back(each.get<std::string>());
  }
}

bool read_canary(const json& j, std::optional<canary_version>& out) {
  const auto at = j.find("canary");
  if (at == j.end() || at->is_null()) return true;
  if (!at->is_object() || !policy::is_version(word(*at, "version")) || !member(*at, "basis_points").is_number_unsigned() || !member(*at, "salt").is_string() ||
      (at->contains("nodes") && !(*at)["nodes"].is_string()) || (*at)["basis_points"].get<std::uint64_t>() > 10'000) {
    return false;
  }
  out = canary_version{.version = (*at)["version"], .basis_points = (*at)["basis_points"], .salt = (*at)["salt"], .nodes = word(*at, "nodes")};
  return true;
}

// Members that a record of an older release lacks stand for nothing.
bool read_beside(const json& j, beside& out) {
  if (!read_canary(j, out.canary)) return false;
  const auto &demoted = member(j, "demoted"), &rules = member(j, "rearmed_rules");
  const auto other = [&](const char* name, auto is) { return j.contains(name) && !is(j[name]); };
  if (other("shadow", [](const json& v) { return v.is_string(); }) || other("rearmed", [](const json& v) { return v.is_string(); })) return false;
  if (other("demoted", [](const json& v) { return v.is_array(); }) || other("rearmed_rules", [](const json& v) { return v.is_array(); })) return false;
  out.shadow = word(j, "shadow");
  if (!out.shadow.empty() && !policy::is_version(out.shadow)) return false;
  const auto number = j.contains("rearmed") ? parse_activation(word(j, "rearmed")) : policy::activation{};
  if (!number) return false;
  out.rearmed = *number;
  for (const auto& each : demoted) {
    if (!each.is_object() || !member(each, "version").is_string() || !member(each, "rule").is_string() || !member(each, "why").is_string()) return false;
    out.demoted.push_back({.version = each["version"], .rule = each["rule"], .why = each["why"], .by_safety = truth(each, "by_safety")});
  }
  for (const auto& each : rules) {
    const auto at = each.is_object() ? parse_activation(word(each, "at")) : std::nullopt;
    if (!at) return false;
    out.rearmed_rules.push_back({word(each, "version"), word(each, "rule"), *at});
  }
  if (const auto shown = j.find("shown"); shown != j.end()) out.shown = shown_by_version_from(shown->dump());
  return true;
}

}  // namespace

result<activation_record> parse_record(const std::string& text) {
  auto opened = read_signed(text);
  if (!opened) return std::unexpected(opened.error());
  const auto j = parse_bounded<json>(opened->payload);
  const auto bad = [] { return fail(errc::integrity, "an activation record is damaged"); };
  if (!j.is_object()) return bad();
  const auto string = [&](const char* name) { return word(j, name); };
  activation_record r;
  if (!member(j, "epoch").is_number_unsigned() || !member(j, "gen").is_number_unsigned()) return bad();
  r.activation = {j["epoch"].get<std::uint64_t>(), j["gen"].get<std::uint64_t>()};
  if (r.activation.epoch > number_max || r.activation.generation > number_max) return bad();
  r.ring = string("ring");
  r.version = string("version");
  r.kind = string("kind");
  r.actor = string("actor");
  r.note = string("note");
  r.time = string("time");
  r.previous = string("prev");
  r.replid = string("replid");
  r.back = truth(j, "back");
  r.weaker = truth(j, "weaker");
  r.how = {.commit = string("commit"), .gate_report = string("gate")};
  if (const auto made = j.find("made"); made != j.end() && made->is_object()) {
    r.how.gate_verdict = word(*made, "verdict");
    r.how.approved_by = word(*made, "approved_by");
    r.how.against = word(*made, "against");
    read_emergency(*made, r.how);
    r.how.weaker = truth(*made, "weaker");
    if (const auto& by = member(*made, "signed_by"); by.is_array()) {
      auto& ids = r.how.signed_by.emplace();
      for (const auto& each : by) {
        if (each.is_string()) ids.push_back(each.get<std::string>());
      }
    }
  }
  const auto& manifests = member(j, "manifests");
  if (!manifests.is_null() && !manifests.is_object()) return bad();
  for (const auto& [version, digest] : manifests.items()) {
    if (!digest.is_string()) return bad();
    r.manifests[version] = digest.get<std::string>();
  }
  if (!policy::is_version(r.version)) return bad();
  if (!read_beside(j, r.with)) return bad();
  r.text = text;
  r.signed_as = std::move(*opened);
  return r;
}

namespace {

result<void> check_by(const activation_record& r, const trust& whom, const std::string& ring, wall_time now, unsigned roles) {
  const auto what = "activation " + policy::to_string(r.activation);
  // A record of another ring, copied here: its signature fits, its meaning does not.
  if (r.ring != ring && (whom.required || !r.signed_as.signatures.empty())) return fail(errc::integrity, what + " was made for ring '" + r.ring + "' and not for '" + ring + "'");
  return check_signatures(whom, r.signed_as, activation_purpose, roles, now, what);
}

}  // namespace

result<void> check_record(const activation_record& r, const trust& whom, const std::string& ring, wall_time now) {
  const bool takes_harm_away = r.kind == "abort" || r.kind == "demote";
  return check_by(r, whom, ring, now, static_cast<unsigned>(key_role::activate) | (takes_harm_away ? static_cast<unsigned>(key_role::safety) : 0U));
}

result<void> check_activator(const activation_record& r, const trust& whom, const std::string& ring, wall_time now) {
  return check_by(r, whom, ring, now, static_cast<unsigned>(key_role::activate));
}

std::string activation_record::manifest_of(const std::string& of) const {
  const auto at = manifests.find(of);
  return at == manifests.end() ? std::string() : at->second;
}

std::string digest_of(const activation_record& r) { return crypto::sha256_hex(r.signed_as.payload); }

std::string beyond_safety(const activation_record& record, const activation_record& made_live) {
  const auto &is = record.with, &was = made_live.with;
  const auto decides = [&](const std::string& version) { return version == record.version || (is.canary && version == is.canary->version); };
  const auto stays = [&](const rule_demotion& d) {
    return !decides(d.version) || std::ranges::any_of(is.demoted, [&](const rule_demotion& other) { return same_rule(other, d); });
  };
  const auto armed = [&](const rearming& r) {
    return std::ranges::any_of(was.rearmed_rules, [&](const rearming& other) { return same_rule(other, r) && other.at == r.at; });
  };
  const std::string by = "is signed by a key of the role safety, which may only go on with version " + made_live.version.substr(0, 12) + " of " + policy::to_string(made_live.activation);
  if (record.version != made_live.version || !adds_nothing(is, was.canary, was.shadow)) return by;
  // Numbers never go back: what follows such a one would use them up for ever.
  if (jumps(record.activation, made_live.activation)) return by + ", and has a number that nobody comes to from there";
  if (is.rearmed != was.rearmed || !std::ranges::all_of(is.rearmed_rules, armed) || !std::ranges::all_of(was.demoted, stays)) return by + " and arm none of its rules again";
  return {};
}

std::vector<rule_demotion> by_persons(const activation_record& made_live) {
  auto out = made_live.with.demoted;
  std::erase_if(out, [](const rule_demotion& d) { return d.by_safety; });
  return out;
}

std::string manifest_json(const policy::bundle_source& source, const std::string& created, const provenance& how) {
  json files = json::array();
  for (const auto& f : source.files) files.push_back({{"path", f.path}, {"sha256", f.sha256}, {"bytes", f.bytes.size()}});
  json gate = nullptr;
  if (!how.gate_report.empty()) {
    gate = {{"report", how.gate_report}, {"verdict", how.gate_verdict}, {"emergency", how.emergency}, {"weaker", how.weaker}, {"approved_by", how.approved_by}};
    if (!how.skipped.empty()) gate["skipped"] = how.skipped;
    if (how.benign.all.of > 0) gate["benign"] = parse_bounded<json>(to_json(how.benign));
  }
  json held = nullptr;
  if (!how.ring.empty()) held = {{"ring", how.ring}, {"against", how.against}};
  return json{{"version", policy::version_of(source)}, {"golden", policy::golden_digest_of(source)}, {"files", files},
              {"created", created},                    {"commit", how.commit},                       {"gate", gate}, {"held", held}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

namespace {

provenance read_provenance(const json& manifest) {
  provenance out{.commit = word(manifest, "commit")};
  if (const auto held = manifest.find("held"); held != manifest.end() && held->is_object()) {
    out.ring = word(*held, "ring");
    out.against = word(*held, "against");
  }
  const auto gate = manifest.find("gate");
  if (gate == manifest.end() || !gate->is_object()) return out;
  out.gate_report = word(*gate, "report");
  out.gate_verdict = word(*gate, "verdict");
  out.approved_by = word(*gate, "approved_by");
  read_emergency(*gate, out);
  out.weaker = truth(*gate, "weaker");
  if (const auto benign = gate->find("benign"); benign != gate->end()) out.benign = shown_from(benign->dump());
  return out;
}

}  // namespace

result<manifest> parse_manifest(const std::string& text) {
  auto opened = read_signed(text);
  if (!opened) return std::unexpected(opened.error());
  const auto j = parse_bounded<json>(opened->payload);
  const auto bad = [] { return fail(errc::integrity, "a manifest is damaged"); };
  if (!j.is_object() || !j.contains("files") || !j["files"].is_array() || j["files"].size() > load_limits{}.files_max) return bad();
  if (!j.contains("version") || !j["version"].is_string()) return bad();
  manifest out{.version = j["version"].get<std::string>(), .files = {}, .how = read_provenance(j), .signed_as = std::move(*opened)};
  std::set<std::string> paths;
  for (const auto& f : j["files"]) {
    if (!f.is_object() || !f.contains("path") || !f["path"].is_string() || !f.contains("sha256") || !f["sha256"].is_string()) return bad();
    auto path = f["path"].get<std::string>();
    const auto refused = [&](std::string_view why) { return fail(errc::integrity, "a manifest is damaged, in its file " + printable(clipped(path, 120)) + ": " + std::string(why)); };
    if (const auto wrong = policy::wrong_with_path(path); !wrong.empty()) return refused(wrong);
    if (!paths.insert(path).second) return refused("it is there twice");
    out.files.push_back({std::move(path), f["sha256"].get<std::string>()});
  }
  return out;
}

result<std::vector<std::string>> read_revoked(redis_client& redis, const ring_keys& keys) {
  const auto members = redis.command({"SMEMBERS", keys.revoked()});
  if (!members) return std::unexpected(members.error());
  std::vector<std::string> out;
  for (const auto& m : members->items) out.push_back(m.text);
  return out;
}

result<ring_top> read_top(redis_client& redis, const ring_keys& keys) {
  auto all = redis.pipeline({{"HGETALL", keys.head()}, {"XREVRANGE", keys.log(), "+", "-", "COUNT", "1"}});
  if (!all) return std::unexpected(all.error());
  for (const auto& reply : *all) {
    if (reply.kind == redis_reply::kind::error) return fail(errc::refused, "reading the head of the ring: " + reply.text);
  }
  ring_top out;
  const auto damaged = [&out](const std::string& what) { out.damage += (out.damage.empty() ? "" : "; ") + what; };
  // What a record says of itself may be signed; fields and ids beside it are anybody's. They count where nothing else does.
  const auto consider = [&](const std::string& text, const std::string& where, policy::activation number) {
    auto record = parse_record(text);
    if (!record) damaged(where + ": " + record.error().message);
    out.number = std::max(out.number, record ? record->activation : number);
    // The later of the two is right.
    if (record && (!out.record || record->activation > out.record->activation)) out.record = std::move(*record);
  };
  const auto& head = (*all)[0];
  const auto& log = (*all)[1].items;
  out.epoch = head.field("epoch");
  out.generation = head.field("gen");
  const auto fields = parse_activation(out.epoch + "-" + out.generation).value_or(policy::activation{});
  if (!head.items.empty()) consider(head.field("record"), "the head", fields);
  out.head = out.record ? out.record->activation : fields;
  if (log.empty() || log[0].items.size() != 2) return out;
  const auto& id = log[0].items[0].text;
  const auto number = parse_activation(id);
  const auto before = out.number;
  if (number) consider(log[0].items[1].field("record"), "entry " + id + " of the log", *number);
  else damaged("entry " + id + " of the log: no activation has such a number");
  // Redis takes no entry below it. Numbers do not jump: it was not made by an activation, and what followed it would use them up.
  const bool made_up = number && jumps(*number, std::max(before, out.record ? out.record->activation : policy::activation{}));
  if (made_up) damaged("entry " + id + " of the log: no activation that counts comes near such a number");
  if (number && !made_up) {
    out.number = std::max(out.number, *number);
    return out;
  }
  out.no_next = true;
  out.number = std::max(before, out.record ? out.record->activation : policy::activation{});
  return out;
}

result<std::optional<activation_record>> read_head(redis_client& redis, const ring_keys& keys) {
  auto top = read_top(redis, keys);
  if (!top) return std::unexpected(top.error());
  return top->damage.empty() ? result<std::optional<activation_record>>(std::move(top->record)) : fail(errc::integrity, top->damage);
}

namespace {

// The files that `files` names and `have` lacks, by digest.
result<std::map<std::string, std::string>> fetch_blobs(redis_client& redis, const ring_keys& keys, const std::vector<manifest_file>& files,
                                                       const std::map<std::string_view, const policy::source_file*>& have) {
  std::vector<redis_command> commands;
  std::vector<const manifest_file*> asked;
  std::map<std::string, std::string> blobs;
  for (const auto& f : files) {
    if (have.contains(f.sha256) || !blobs.try_emplace(f.sha256).second) continue;
    commands.push_back({"GET", keys.blob(f.sha256)});
    asked.push_back(&f);
  }
  auto replies = redis.pipeline(commands);
  if (!replies) return std::unexpected(replies.error());
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    auto& reply = (*replies)[i];
    if (reply.kind == redis_reply::kind::error) return fail(errc::refused, "reading " + asked[i]->path + " from Redis: " + reply.text);
    if (reply.kind != redis_reply::kind::text) {
      return fail(errc::not_found, "the content of " + asked[i]->path + " is not in Redis; push the version again");
    }
    total += reply.text.size();
    if (total > load_limits{}.total_bytes_max) return fail(errc::integrity, "the version in Redis is larger than a bundle may be");
    blobs[asked[i]->sha256] = std::move(reply.text);
  }
  return blobs;
}

}  // namespace

result<manifest> fetch_manifest(redis_client& redis, const ring_keys& keys, const std::string& version, const trust& whom, wall_time now, const std::optional<placing>& as,
                                const std::string& digest) {
  auto reply = redis.command({"HGET", keys.manifest(version), digest.empty() ? "manifest" : digest});
  if (reply && reply->kind != redis_reply::kind::text && !digest.empty()) reply = redis.command({"HGET", keys.manifest(version), "manifest"});
  if (!reply) return std::unexpected(reply.error());
  const auto what = "version " + version.substr(0, 12);
  if (reply->kind != redis_reply::kind::text) return fail(errc::not_found, what + " is not in Redis; push it again");
  auto read = parse_manifest(reply->text);
  if (!read) return std::unexpected(read.error());
  if (!digest.empty() && crypto::sha256_hex(read->signed_as.payload) != digest) return fail(errc::integrity, "the manifest that " + what + " was activated with is not in Redis any more; activate it once more: sluice activate");
  if (read->version != version) return fail(errc::integrity, "the manifest of " + what + " in Redis is that of another version; push it again");
  if (auto passes = check_manifest(*read, whom, now, as); !passes) return std::unexpected(passes.error());
  return read;
}

result<policy::bundle_source> fetch_files(redis_client& redis, const ring_keys& keys, const manifest& of, const policy::bundle_source& have) {
  std::map<std::string_view, const policy::source_file*> known;
  for (const auto& f : have.files) known.emplace(f.sha256, &f);
  auto blobs = fetch_blobs(redis, keys, of.files, known);
  if (!blobs) return std::unexpected(blobs.error());
  policy::bundle_source source;
  for (const auto& f : of.files) {
    const auto at = known.find(f.sha256);
    auto file = policy::make_source_file(f.path, at != known.end() ? at->second->bytes : (*blobs)[f.sha256]);
    if (file.sha256 != f.sha256) {
      return fail(errc::integrity, f.path + " of version " + of.version.substr(0, 12) + ": its bytes in Redis are not those of its digest; they were changed. Push that version again");
    }
    source.files.push_back(std::move(file));
  }
  if (policy::version_of(source) != of.version) return fail(errc::integrity, "the files of version " + of.version.substr(0, 12) + " are not that version");
  return source;
}

result<std::optional<activation_record>> made_live_before(redis_client& redis, const ring_keys& keys, const activation_record& record, std::optional<activation_record> known,
                                                          const std::function<bool(const activation_record&)>& by_activator) {
  auto out = std::move(known);
  const stream_range range{.newest = "(" + policy::to_string(record.activation), .oldest = out ? policy::to_string(out->activation) : "-"};
  const auto done = read_back(redis, keys.log(), range, [&](const std::string&, const redis_reply& fields) {
    auto each = parse_record(fields.field("record"));
    if (!each || each->activation >= record.activation || (out && each->activation <= out->activation) || !by_activator(*each)) return true;
    out = std::move(*each);
    return false;
  });
  if (!done) return std::unexpected(done.error());
  return out;
}

}  // namespace sluice::store
