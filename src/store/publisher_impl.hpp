// What a publisher holds, for publisher.cpp (stage, activate) and publisher_ring.cpp (what else is read and written).
#pragma once

#include <functional>
#include <thread>
#include <utility>

#include "ring_layout.hpp"
#include "sluice/store/publisher.hpp"

namespace sluice::store {

// What was seen when an activation was prepared.
struct activate_context {
  bool from_nothing = false;
  bool lost = false;  // what nodes have seen
  std::size_t replicas = 0;
  std::string doubt;        // about the head that was there
  policy::activation head;  // its number, as publisher::head() gives it
  std::string epoch, generation;  // its fields as they stand in Redis
};

struct publisher::impl {
  redis_endpoint to;
  milliseconds timeout;
  redis_client redis;
  std::string ring;
  ring_keys keys;
  std::optional<crypto::signing_key> build_key, activate_key;
  std::optional<std::vector<trusted_key>> trusted;
  impl(redis_endpoint where, milliseconds t, redis_client r, const std::string& name) : to(std::move(where)), timeout(t), redis(std::move(r)), ring(name), keys(name) {}

  // Whether a call that failed so may do better on another connection: this one is of no use any more, or Sentinels may have elected another server.
  [[nodiscard]] bool failed_over(const error& why) const;
  [[nodiscard]] result<void> reconnect();
  // Does `work`, and once more on another connection. Only for what may be done twice.
  template <class F>
  auto through_failover(F work) -> decltype(work()) {
    auto done = work();
    if (done || !failed_over(done.error())) return done;
    if (auto again = reconnect(); !again) return std::unexpected(again.error());
    return work();
  }
  // An activation that was written to a server which is the master no more is lost with it.
  [[nodiscard]] bool still_master();

  struct replication {
    std::string id;
    std::size_t replicas = 0;
  };
  [[nodiscard]] result<replication> replicates();
  // How many of them have what was written, after up to a second.
  [[nodiscard]] std::size_t wait_for(std::size_t replicas);
  // Whoever has sent a heartbeat, the newest first, with its time in milliseconds since 1970: no more than that, however many names are in there.
  static constexpr std::size_t nodes_max = 10'000;
  [[nodiscard]] result<std::vector<std::pair<std::string, std::int64_t>>> heartbeats();
  // Gives the entries of a stream, the newest first, in pages: one reply holds no long one. `limit` 0: all.
  [[nodiscard]] result<void> newest(const std::string& stream, std::size_t limit, const std::function<void(const std::string& id, const redis_reply& fields)>& take);
  // Each living node's highest and active activation, its version, what its version in shadow blocked, the digest of its record, and
  // what it knows as revoked and does not find in Redis.
  // Advice: none where Redis has something else in its place, or does not let it be read.
  struct report {
    std::string node;
    redis_reply fields;
  };
  [[nodiscard]] result<std::vector<report>> reports();
  // What nodes remember as revoked and Redis has lost, but for what somebody has taken back there since, and who remembers it: what most do first, and no
  // more than a node keeps. Nobody signs a heartbeat: whoever writes one in a node's name can name anything, and `unrevoke` ends it for good.
  struct remembered {
    std::string version, who;
    std::size_t nodes = 0;
  };
  [[nodiscard]] result<std::vector<remembered>> revoked_before();
  // Revokes that again, also what is live; the names go into `done`.
  [[nodiscard]] result<void> revoke_again(const std::string& actor, std::vector<std::string>& done);
  [[nodiscard]] result<std::vector<ring_stop>> stops_of(std::size_t limit);
  // The more that is known of it: by the nodes, or by the last activation.
  [[nodiscard]] static shown_blocks shown_of(const std::string& version, const std::vector<report>& reports, const std::optional<activation_record>& last);
  [[nodiscard]] result<std::string> stage(const policy::bundle_source& source, const provenance& how);
  // Whether `text` is the manifest of what is live, counts, and passed no lesser gate than a new one: then it stays.
  [[nodiscard]] bool is_live(const std::string& text, const std::string& version, const provenance& how);
  [[nodiscard]] bool says_more(const std::string& text, const std::string& version, const provenance& how) const;
  // Whose words count; nothing when nobody asks for a signature.
  [[nodiscard]] std::optional<trust> whom() const;
  // What stands at the top, and why nothing of it may be gone on with, whoever signed it in whatever role; "" when it may.
  struct vouched_top {
    ring_top top;
    std::string doubt = {};
    bool jumps = false;  // see safety_step
    // What may be gone on with.
    [[nodiscard]] const activation_record* vouched() const { return doubt.empty() && top.record ? &*top.record : nullptr; }
  };
  [[nodiscard]] result<vouched_top> look_at_top();
  [[nodiscard]] std::string doubt_about(const activation_record& record) const;
  // What a record of the role safety comes to, as nodes see it: it may only go on with what a key of the role activate made live last. In one that does, the
  // demotions are marked that are no person's: who goes on with it makes none of them his own.
  struct safety_step {
    std::string doubt;   // why it does not count; "" when it does, or was signed by whoever may activate
    bool jumps = false;  // it has a number that nobody comes to from what it goes on with
  };
  [[nodiscard]] result<safety_step> follow_safety(activation_record& record);
  // The same of the entries of a log, the newest first, as far as they were read: the doubts of those that go beyond.
  [[nodiscard]] result<void> doubt_safety(std::vector<head_record>& told, const std::vector<std::optional<activation_record>>& records);
  // Why the word of whoever signs would not count, of a record that is to be written; "" when it would.
  [[nodiscard]] std::string own_doubt(const activation_record& unwritten) const;
  // What follows the highest activation that anybody has seen.
  [[nodiscard]] result<activation_record> next(const activate_request& what, activate_context& context);
  // How it came to be. Where its manifest cannot be read: what the `last` activation says of it, or nothing, of what takes harm away or is not there at
  // all, which the script that activates says; otherwise why.
  [[nodiscard]] result<provenance> made(const activate_request& what, const placing& as, const std::string& manifest, const std::optional<activation_record>& last);
  // Keeps the manifest under its own digest, which the record names: what is staged later changes nothing of what is live. "": there is none.
  [[nodiscard]] result<std::string> pin(const std::string& version);
  // Where a version is by an activation: live, or else beside what is, or what would follow that.
  [[nodiscard]] placing placing_in(const activation_record& r, const std::string& version) const {
    return r.version == version ? placing{.ring = ring, .over = r.previous, .back = r.back, .weaker = r.weaker} : placing{.ring = ring, .over = r.version};
  }
  // The same of what is live alone.
  [[nodiscard]] std::optional<placing> live_in(const activation_record& r, const std::string& version) const {
    return r.version == version ? std::optional(placing_in(r, version)) : std::nullopt;
  }
  // `as`: see live_in().
  [[nodiscard]] bool stays_pinned(const std::string& version, const std::string& digest, const std::optional<placing>& as);
  // Whether the second key of the one would be owed by the other, which comes in its place.
  [[nodiscard]] bool loses_second_key(const manifest& is, const manifest& next, const std::optional<placing>& as) const;
  // Whether `next` has passed more than `is`, and counts.
  [[nodiscard]] bool outranks(const manifest& next, const manifest& is) const;
  // One field of a version's hash: its newest manifest, or one that it was activated with.
  [[nodiscard]] result<provenance> approve_field(const std::string& version, const std::string& field, const approval_place& place, const crypto::signing_key& key);
  [[nodiscard]] result<placing> place_now(const std::string& version);
  [[nodiscard]] result<void> pin_manifests(activation_record& r, const activate_request& what, const std::optional<activation_record>& last);
  // Of a version that is live or beside it: the digest of the manifest that it was activated with; "" of all others.
  [[nodiscard]] std::string pinned(const std::string& version);
  // Of the version that is live alone: what runs beside it goes by the newest manifest when it becomes live for everybody by a new activation.
  [[nodiscard]] std::string pinned_live(const std::string& version);
  [[nodiscard]] result<void> write(const activation_record& r, const activate_request& what, const activate_context& seen);
  // Makes of answers that a node's own heartbeat does not bear out ones that are still to come: state PENDING, phase UNCONFIRMED; of a node without one: GONE.
  [[nodiscard]] result<void> only_own_words(std::vector<std::vector<acknowledgement>>& answers, const std::vector<head_record>& of);
  // For what stands at the top and has no successor: `why`, and how exactly that is taken away.
  [[nodiscard]] error nothing_follows(const ring_top& top, const std::string& why);
  // errc::integrity: an entry of the log cannot be read, or the newest are missing; `head`: the two numbers of the head's own fields.
  [[nodiscard]] result<void> log_is_whole(const std::vector<head_record>& log, const std::vector<std::string>& head);
  // Whether the log has this very record.
  [[nodiscard]] result<bool> in_log(const activation_record& r);
  // The same after a call that failed with `why`, on a new connection; errc::unavailable where nobody can tell.
  [[nodiscard]] result<bool> was_written(const activation_record& r, const error& why);
};

[[nodiscard]] head_record to_head(const activation_record& r);
[[nodiscard]] error cannot_go_on(const std::string& ring, const std::string& doubt);
// What a node says that it has seen is nobody's signed word. What is out of all proportion to what stands at the top would use up the numbers
// for ever, and is nothing.
[[nodiscard]] policy::activation believed(std::string_view heartbeat, policy::activation top);

}  // namespace sluice::store
