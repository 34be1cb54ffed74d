// The data plane's state machine: one object per exchange. Sans-I/O: net feeds it what arrived and performs the effects it
// asks for. It knows no socket, clock, log, file or Redis; time and identity are handed in through `services`.
//
// Order of calls: begin, request_body*, request_end, then (after effects.connect) upstream_head, upstream_body*, upstream_end or
// upstream_failed. After effects.awaits comes vault_answered or ledger_answered: before the upstream is asked, and once more before the end.
// client_gone and expired may come at any time. Calls after `effects.done` are ignored.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/base/clock.hpp"
#include "sluice/base/counters.hpp"
#include "sluice/http/head.hpp"
#include "sluice/policy/evaluate.hpp"
#include "sluice/policy/tokens.hpp"
#include "sluice/proxy/report.hpp"
#include "sluice/wire/dialect.hpp"

namespace sluice::proxy {

struct upstream_route {
  std::string name;
  const wire::dialect* dialect = nullptr;
  std::vector<std::string> paths;  // prefixes of the client's path, "/v1"
  std::string host;                // Host field to send
  std::string base_path;           // put before the client's path; "" or "/prefix"
  // Patterns with '*': of several upstreams of one path the model chooses, and the one without patterns is for the rest.
  std::vector<std::string> models = {};
  std::vector<std::string> response_headers = {};  // that go to clients beside those that always do; lower case, '*' at an end for any
};

struct settings {
  std::vector<upstream_route> upstreams;
  bool route_is_upstream = false;  // the context's route is the upstream's name
  std::uint64_t request_body_max = 64ull << 20;
  std::uint64_t response_body_max = 64ull << 20;
  std::uint32_t decoding_ratio_max = 100;  // bytes that one byte of a compressed body may become
  std::uint32_t json_depth_max = 64;
  unreadable_policy unknown_path = unreadable_policy::deny, unknown_part = unreadable_policy::deny,
                    server_state = unreadable_policy::deny;
  unreadable_policy upstream_fetch = unreadable_policy::pass;  // tools with which the upstream reads the web by itself
  bool reads_forms = false;  // multipart bodies, on the paths that take them; false: those paths are denied
  std::array<unreadable_policy, wire::attachment_names.size()> attachments{};  // by wire::attachment_type
  bool global_shadow = false;
  std::string hash_key;  // of redactions that end in a hash
  std::string token_key; // of tokens
};

// Who is asking, as the operator's configuration says; never from what a client can write by itself.
struct identity {
  policy::context who;
  std::string caller;  // digest of the key, or the peer; decision ids are bound to it, the user and the tenant
  // Where users are counted and no user is known: what this one counts as, because anybody can make up a `caller`; "": as `caller`.
  std::string counted_as = {};
};

// How what a handle (wire::handle) stands for was judged.
struct ledger_entry {
  std::string version;
  policy::verdict verdict = policy::verdict::allow;
  bool whole = true;     // false: an answer that was begun, and not read to its end
  bool left = false;     // of one that is not whole: nobody reads that answer any more, and what is there has to be read back
  policy::context who;   // in which it was made, with the tags that it set
  std::string stored = {};  // as a ledger has it that is shared; in memory an entry is told from others by being the same object
};
struct kept_handle {
  std::string id;
  std::shared_ptr<const ledger_entry> as;
  std::shared_ptr<const ledger_entry> instead_of = nullptr;  // what has to stand there, or it is not kept; null: anything
};

// Handles of one tenant and dialect: those whose entries are wanted, then those that get one.
struct ledger_question {
  std::string tenant;
  std::string_view dialect;  // outlives the question
  std::vector<std::string> recall;
  std::vector<kept_handle> keep;
};
struct ledger_answer {
  bool available = false;  // false: the ledger is away; nothing is known, and what was to be kept may not be
  std::vector<std::shared_ptr<const ledger_entry>> found;  // in the order of `recall`; null: not known
  bool missed = false;     // some was not kept: another entry stood there than the one that it was to be kept instead of
  std::vector<std::string> as_stored = {};  // of a question whose answer comes later, at once: what is kept, as ledger_entry::stored
};

struct peer_info {
  std::string_view address;  // "203.0.113.9"
};

// What an exchange needs from its worker. Called on the worker's thread only; nothing here may block.
class services {
 public:
  virtual ~services() = default;
  [[nodiscard]] virtual instant now() = 0;
  [[nodiscard]] virtual mono_time mono() = 0;  // half the price of now()
  [[nodiscard]] virtual std::shared_ptr<const policy::active_policy> pin() = 0;
  [[nodiscard]] virtual policy::scratch& scratch() = 0;
  // refused: unknown caller.
  [[nodiscard]] virtual result<identity> identify(const http::request_head& head, const peer_info& peer) = 0;
  [[nodiscard]] virtual std::string decision_id(const identity& who, wall_time time) = 0;
  // What the configuration says of every exchange for whose records the audit log has no room: it gets 503 before it is admitted, or it
  // goes on unrecorded. Then a policy may still say that its exchanges do not (policy::needs_record).
  [[nodiscard]] virtual bool needs_records() { return true; }
  // Keeps room in the audit log for `records_max` records. False: the log is full or fails, and nothing is kept.
  [[nodiscard]] virtual bool reserve_records() = 0;
  virtual void release_records(unsigned unused) = 0;  // of those that were reserved and not recorded
  // Tags of a conversation that has a name, from one exchange to the next. The first adds those that are known to `who`.
  virtual void recall_tags(policy::context& who) = 0;
  virtual void keep_tags(const policy::context& who, const std::vector<std::string>& tags) = 0;
  // Hands the question to the vault and does not wait: exchange::vault_answered is called with the ticket's answer, later and from outside
  // of this call. 0: there is no vault, or it is away, as is known at once.
  [[nodiscard]] virtual std::uint64_t ask_vault(policy::vault_question) { return 0; }
  // The ledger of handles, from one exchange to a later one. Asked only with server_state: ledger. 0: the answer is in `at_once`. Otherwise
  // exchange::ledger_answered is called with the ticket's answer, later and from outside of this call. Tickets are as of ask_vault.
  [[nodiscard]] virtual std::uint64_t ask_ledger(ledger_question, ledger_answer&) { return 0; }
  virtual void record(const exchange_report& report) = 0;
  // True: reports carry the text that was judged.
  [[nodiscard]] virtual bool keeps_text() { return false; }
  [[nodiscard]] virtual worker_counters& counters() = 0;
  // Paths below /sluice/ are the gateway's own. The body is JSON, as the answer's is.
  struct own_question {
    std::string_view method, path, body;
    const identity& who;
  };
  struct own_answer {
    int status = 404;
    std::string body = R"({"error":{"message":"the gateway has no such path"}})";
    std::string_view allow = {};  // of a 405
  };
  [[nodiscard]] virtual own_answer answer_own(const own_question&) { return {}; }
};

enum class upstream_failure : std::uint8_t { connect, tls, reset, bad_response, connect_timeout, first_byte_timeout, idle_timeout };

// What net must do after a call, in this order: write `client` bytes; start or abort the upstream side; end.
struct effects {
  std::string client;               // bytes for the client, framed; appended, taken by net
  std::uint64_t awaits = 0;         // the exchange waits for this ticket's answer (services::ask_vault, ask_ledger)
  bool send_continue = false;       // write "HTTP/1.1 100 Continue" now
  std::optional<std::size_t> connect;  // index into settings.upstreams: send `upstream_request` there
  std::string upstream_request;     // head and body in one piece
  bool abort_upstream = false;      // close the upstream connection; nobody reads its answer any more
  bool done = false;                // the answer is complete once `client` is written
  bool close_client = false;        // close after writing; otherwise the connection may carry another request
};

class exchange {
 public:
  exchange(const settings& config, services& worker);
  ~exchange();
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;

  void begin(const http::request_head& head, const peer_info& peer, effects& out);
  // A request that never became a head: the guard refused it, or a limit did. Answers in the default dialect and closes.
  void refuse_head(const http::refusal& why, const peer_info& peer, effects& out);
  void request_body(std::string_view bytes, effects& out);
  void request_end(effects& out);
  // The body's framing was broken, or the client closed in the middle.
  void request_broken(std::string_view reason, effects& out);

  void vault_answered(const policy::vault_answer& what, effects& out);
  void ledger_answered(const ledger_answer& what, effects& out);

  void upstream_head(const http::response_head& head, effects& out);
  void upstream_body(std::string_view bytes, effects& out);
  void upstream_end(effects& out);
  void upstream_failed(upstream_failure what, std::string_view detail, effects& out);

  // The client closed or reset. `written`: bytes of this exchange that reached its socket.
  void client_gone(std::uint64_t written, effects& out);
  // The client was too slow with its request, or the whole exchange took too long.
  void expired(effects& out);
  // An answer is judged as it comes: then quiet() is to be called at intervals. It writes a comment where something is held for a rule
  // and nothing has left since the last call.
  [[nodiscard]] bool streaming() const;
  void quiet(effects& out);
  // `gone` has to be let go (policy.snapshot_bytes_max, policy.pin_max). Where this exchange pins it, a stream is cut off, and an
  // answer that is still awaited will not become one. An answer in one piece, and what is only relayed, ends by itself.
  void supersede(const policy::snapshot* gone, effects& out);

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace sluice::proxy
