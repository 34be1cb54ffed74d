// Which upstream a request goes to, by its path, what its API knows of that, and the model; and how its head goes there.
#include <algorithm>

#include "exchange_impl.hpp"
#include "sluice/base/strings.hpp"
#include "sluice/http/fields.hpp"
#include "sluice/http/media_type.hpp"
#include "sluice/http/path.hpp"

namespace sluice::proxy {
namespace {

bool in_path(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || prefix.ends_with('/') || path[prefix.size()] == '/');
}

// '*' stands for any text; no other sign is special.
bool fits(std::string_view pattern, std::string_view model) {
  std::size_t p = 0, m = 0, star = std::string_view::npos, from = 0;
  while (m < model.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = m;
    } else if (p < pattern.size() && pattern[p] == model[m]) {
      ++p;
      ++m;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      m = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// How much an API knows of a request: nothing, that it is one of its paths which it does not take so, or what it says.
enum class knowledge : std::uint8_t { nothing, path, all };
knowledge knows(const wire::dialect& api, std::string_view method, std::string_view path) {
  const auto to = api.classify(method, path);
  using enum wire::endpoint_class;
  if (to.what == scanned || to.what == passes) return knowledge::all;
  return to.what == denied || !to.allowed_method.empty() ? knowledge::path : knowledge::nothing;
}

}  // namespace

// By path: the upstreams with the longest prefix; of those that speak several APIs there, the ones whose API knows the request, or knows it better than the
// others, and the first of the configuration where two do. Before anybody is refused, so that errors are in its dialect.
void exchange::impl::find_upstream(std::string_view asked_by, std::string_view of) {
  std::string_view longest;
  bool found = false;
  for (const auto& to : config.upstreams) {
    for (const auto& prefix : to.paths) {
      if (!in_path(of, prefix) || (found && prefix.size() <= longest.size())) continue;
      longest = prefix;
      found = true;
    }
  }
  if (!found) return;
  std::optional<knowledge> best;  // of the first upstream's API until another asks
  for (std::size_t i = 0; i < config.upstreams.size(); ++i) {
    const auto& to = config.upstreams[i];
    if (std::ranges::find(to.paths, longest) == to.paths.end()) continue;
    if (upstream != nullptr && to.dialect != upstream->dialect) {
      if (!best) best = knows(*upstream->dialect, asked_by, of.substr(before_api));
      const auto there = to.dialect->before_root(longest);
      const auto known = knows(*to.dialect, asked_by, of.substr(there));
      if (known <= *best) continue;
      best = known;
      candidates.clear();
      upstream = nullptr;
    }
    candidates.emplace_back(i, "");
    // Until a model is known, the one for the rest.
    if (upstream != nullptr && !to.models.empty()) continue;
    upstream = &to;
    upstream_index = i;
    before_api = to.dialect->before_root(longest);
  }
  dialect = upstream->dialect;
}

// What an operator has to configure for a path that another API has and the upstream's does not: ", or …". "" where no API has it.
std::string exchange::impl::other_api() const {
  for (const auto name : wire::dialect_names()) {
    const auto& other = *wire::find_dialect(name);
    if (upstream != nullptr && &other == upstream->dialect) continue;
    for (const auto root : other.roots()) {
      const auto before = upstream != nullptr ? before_api : 0;
      const auto rest = std::string_view(path).substr(before);
      if (!in_path(rest, root) || knows(other, method, rest) != knowledge::all) continue;
      const auto prefix = path.substr(0, before) + std::string(root);
      return " It is a path of the " + std::string(name) + " API: your operator can name an upstream with dialect: " + std::string(name) + " and paths: [\"" + prefix + "\"]" +
             (upstream == nullptr ? "." : " beside this one.");
    }
  }
  return {};
}

bool exchange::impl::route(const http::request_head& head, effects& out) {
  if (upstream == nullptr) {
    answer_error(wire::gateway_error::not_found, "No upstream is configured for this path." + other_api(), "", out);
    return false;
  }
  if (config.route_is_upstream) caller.who.route = upstream->name;
  endpoint = dialect->classify(head.method, std::string_view(path).substr(before_api));  // it keeps views into the path
  const auto question = head.target.find('?');
  query = question == std::string_view::npos ? std::string_view() : head.target.substr(question + 1);
  endpoint.query = query;
  switch (endpoint.what) {
    case wire::endpoint_class::scanned:
      scanned = !endpoint.form || config.reads_forms;
      if (scanned || spares(request_spared, "a form")) break;
      answer_error(wire::gateway_error::forbidden, "This gateway refuses forms, as " + path + " takes, by default. Its operator can have them read (unreadable.forms: scan); the files in them are attachments (unreadable.attachments).", "", out);
      return false;
    case wire::endpoint_class::passes: break;
    case wire::endpoint_class::denied:
      if (spares(request_spared, endpoint.why)) break;
      answer_error(wire::gateway_error::forbidden, endpoint.why, "", out);
      return false;
    case wire::endpoint_class::unknown:
      if (!endpoint.allowed_method.empty() && !spares(request_spared, "another method than the path takes")) {
        answer_error(wire::gateway_error::method, "This path takes " + std::string(endpoint.allowed_method) + " only." + other_api(), "", out);
        return false;
      }
      if (config.unknown_path == unreadable_policy::deny && !spares(request_spared, "unreadable: unknown path")) {
        answer_error(wire::gateway_error::not_found, "The gateway does not know this path, so it cannot read its text and does not pass it on." + other_api(), "", out);
        return false;
      }
      if (config.unknown_path != unreadable_policy::deny && spelled_otherwise() && !spares(request_spared, "another spelling of a path")) {
        answer_error(wire::gateway_error::bad_request, "This path is spelled otherwise than it is meant, so a server may read another one; send it in small letters, without empty or dotted segments, parameters and percent codes.", "", out);
        return false;
      }
      break;
  }
  if (!scanned && endpoint.what != wire::endpoint_class::passes) {
    using enum wire::endpoint_class;
    unread_path = endpoint.what == unknown ? "unknown path" : endpoint.what == denied ? "denied path" : "form";
    unread_answer = unread_path;
    note_unscanned(unread_path, query.size());
  }
  if (endpoint.what == wire::endpoint_class::passes) unread_answer = "listing";  // models, what a server is, what was deleted: told of no conversation
  if (candidates.size() == 1) candidates.clear();
  for (auto& [at, text] : candidates) write_upstream_head(head, config.upstreams[at], text);
  write_upstream_head(head, *upstream, upstream_head);
  return true;
}

// Whether an unknown path may be a known one to the upstream.
bool exchange::impl::spelled_otherwise() const {
  if (http::normal_path(path) != path) return true;
  auto folded = lower(path);
  if (folded.size() > 1 && folded.ends_with('/')) folded.pop_back();
  if (folded == path) return false;
  const auto meant = dialect->classify(method, std::string_view(folded).substr(std::min(before_api, folded.size())));
  return meant.what != wire::endpoint_class::unknown || !meant.name.empty();
}

void exchange::impl::write_upstream_head(const http::request_head& head, const upstream_route& to, std::string& out) const {
  std::string target;
  if (!to.base_path.empty() || before_api > 0) target = to.base_path + std::string(head.path.substr(before_api)) + (head.query.empty() ? "" : "?" + std::string(head.query));
  if (before_api > 0 && !target.starts_with('/')) target.insert(0, 1, '/');
  // Content-Length follows when the body is known; the blank line is taken off again then.
  const auto write = [&](const http::request_head& as) { http::append_upstream_request(out, as, to.host, target.empty() ? head.target : target, -1); };
  if (!scanned || shadow() || !is_urlencoded(http::parse_media_type(head.get("content-type")))) return write(head);
  auto named = head;  // it was read as JSON, and nobody behind is to read it otherwise
  for (auto& field : named.fields) {
    if (iequals(field.name, "content-type")) field.value = "application/json";
  }
  write(named);
}

std::optional<std::size_t> exchange::impl::serving(std::string_view model) const {
  std::optional<std::size_t> last;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto& models = config.upstreams[candidates[i].first].models;
    if (models.empty()) last = i;
    if (std::ranges::any_of(models, [&](const auto& pattern) { return fits(pattern, model); })) return i;
  }
  return last;
}

// Among the upstreams of one path. False: the answer was written.
bool exchange::impl::choose_upstream(std::string_view model, effects& out) {
  if (candidates.empty() && upstream->models.empty()) return true;
  if (candidates.empty()) candidates.emplace_back(upstream_index, "");
  const auto found = serving(model);
  if (!found) {
    answer_error(wire::gateway_error::not_found, "No upstream of this path serves this model.", "model", out);
    return false;
  }
  auto& [at, head] = candidates[*found];
  upstream = &config.upstreams[at];
  upstream_index = at;
  if (!head.empty()) upstream_head = std::move(head);
  if (config.route_is_upstream) caller.who.route = upstream->name;
  return true;
}

}  // namespace sluice::proxy
