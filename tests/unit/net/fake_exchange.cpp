// A stand-in for proxy::exchange, chosen by the request's path. It keeps the contract of exchange.hpp and decides nothing:
// /echo answers with the body's size and bytes, /busy-wait never answers, /vault answers what the vault said, everything else is relayed to upstream 0.
#include "sluice/proxy/exchange.hpp"

#include "fake_log.hpp"
#include "sluice/http/fields.hpp"

namespace sluice::proxy {

struct exchange::impl {
  const settings& config;
  services& worker;
  std::string method, path, body;
  std::vector<std::pair<std::string, std::string>> fields;  // the head's views end with begin()
  std::uint8_t minor_version = 1;
  bool keep = true, asked = false, finished = false, head_sent = false, chunked = false;

  void answer(int status, std::string_view text, effects& out) {
    http::append_client_response(out.client, status, nullptr, {}, http::client_framing::length, text.size(), keep, 1);
    out.client += text;
    finish(out);
  }
  void finish(effects& out) {
    finished = true;
    out.done = true;
    out.close_client = out.close_client || !keep;
  }
};

exchange::exchange(const settings& config, services& worker) : impl_(std::make_unique<impl>(config, worker)) {}
exchange::~exchange() = default;

void exchange::begin(const http::request_head& head, const peer_info&, effects& out) {
  auto& x = *impl_;
  for (const auto& f : head.fields) x.fields.emplace_back(f.name, f.value);
  x.minor_version = head.minor_version;
  x.method = head.method;
  x.path = head.path;
  x.keep = head.keep_alive;
  if (x.path == "/too-large") {
    out.close_client = true;
    return x.answer(413, "no", out);
  }
  out.send_continue = head.expect_continue;
}

void exchange::refuse_head(const http::refusal& why, const peer_info&, effects& out) {
  impl_->keep = false;
  impl_->answer(why.status, why.reason, out);
}

void exchange::request_body(std::string_view bytes, effects&) { impl_->body += bytes; }

void exchange::request_end(effects& out) {
  auto& x = *impl_;
  if (x.path == "/echo") return x.answer(200, x.body, out);
  if (x.path == "/busy-wait") return;
  if (x.path == "/vault") {
    out.awaits = x.worker.ask_vault({.tenant = "t", .conversation = "c", .keep = {}});
    return;
  }
  x.asked = true;
  out.connect = 0;
  http::request_head head;
  head.method = x.method;
  for (const auto& [name, value] : x.fields) head.fields.push_back({name, value});
  http::append_upstream_request(out.upstream_request, head, "upstream", x.path, static_cast<std::int64_t>(x.body.size()));
  out.upstream_request += x.body;
}

void exchange::vault_answered(const policy::vault_answer& what, effects& out) {
  fake_log().add(std::string("vault ") + (what.available ? "answered" : "unavailable"));
  impl_->answer(200, what.values.empty() ? "nothing" : what.values.front().value, out);
}

void exchange::ledger_answered(const ledger_answer& what, effects& out) {
  fake_log().add(std::string("ledger ") + (what.available ? "answered" : "unavailable"));
  impl_->answer(200, what.found.empty() ? "nothing" : "found", out);
}

void exchange::request_broken(std::string_view reason, effects& out) {
  out.close_client = true;
  impl_->answer(400, reason, out);
}

void exchange::upstream_head(const http::response_head& head, effects& out) {
  auto& x = *impl_;
  x.head_sent = true;
  x.chunked = x.minor_version == 1;
  http::append_client_response(out.client, head.status, &head, {}, x.chunked ? http::client_framing::chunked : http::client_framing::close, 0,
                               x.keep, x.minor_version);
}

void exchange::upstream_body(std::string_view bytes, effects& out) {
  if (impl_->chunked) http::append_chunk(out.client, bytes);
  else out.client += bytes;
}

void exchange::upstream_end(effects& out) {
  if (impl_->chunked) out.client += http::last_chunk;
  impl_->finish(out);
}

void exchange::upstream_failed(upstream_failure what, std::string_view detail, effects& out) {
  auto& x = *impl_;
  fake_log().add("failed " + std::to_string(static_cast<int>(what)) + " " + std::string(detail));
  if (x.head_sent) {
    out.close_client = true;
    return x.finish(out);
  }
  x.answer(502, detail, out);
}

void exchange::client_gone(std::uint64_t, effects& out) {
  fake_log().add("gone " + impl_->path);
  out.abort_upstream = true;
  out.close_client = true;
  impl_->finish(out);
}

void exchange::supersede(const policy::snapshot*, effects& out) {
  if (impl_->finished || !impl_->head_sent) return;
  fake_log().add("superseded " + impl_->path);
  out.abort_upstream = true;
  upstream_end(out);
}

bool exchange::streaming() const { return impl_->head_sent && !impl_->finished && impl_->path == "/stream"; }
void exchange::quiet(effects& out) {
  fake_log().add("quiet " + impl_->path);
  http::append_chunk(out.client, ": held\n\n");
}

void exchange::expired(effects& out) {
  fake_log().add("expired " + impl_->path);
  out.abort_upstream = out.close_client = true;
  impl_->answer(408, "late", out);
}

}  // namespace sluice::proxy
