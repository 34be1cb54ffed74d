"""The module table: who may include whom, and who owns which third-party headers. docs/architecture.md shows it."""

# name: (what it is, modules it may include, third-party headers it owns)
MODULES = {
    "base": ("results, error codes, clock, counters, small text functions, files that survive a crash", [], ["emmintrin.h"]),
    "crypto": ("digests, HMAC, key derivation, Ed25519 signatures, sealing over libcrypto", ["base"], ["openssl/"]),
    "transport": ("TCP and TLS streams, readiness of sockets, timer wheel, resolver (Asio)", ["base", "crypto"], ["boost/asio", "openssl/"]),
    "text": ("UTF-8, normalised views with a way back, JSON tape and splicing, time zones", ["base"], ["simdjson.h", "unicode/"]),
    "match": ("word filter, Hyperscan filter, PCRE2 confirm and partial matching, keyword table, validators, classifiers (fastText)", ["base", "crypto", "text"],
              ["hs.h", "pcre2.h", "phonenumbers/", "fasttext/"]),
    "policy": ("source → parse → check → compile → snapshot → evaluate", ["base", "crypto", "text", "match"], ["yaml-cpp/"]),
    "http": ("heads, framing guard, which fields travel, bodies and their codings (Zstandard of packed decision logs, too), SSE and JSON streams: bytes, no sockets", ["base"],
             ["zlib.h", "brotli/", "zstd.h"]),
    "wire": ("one dialect each: parts, splices, errors, cut-offs", ["base", "text", "http"], []),
    "proxy": ("the exchange: a state machine without sockets", ["base", "text", "http", "wire", "policy"], []),
    "audit": ("decision records, the hash-chained log and its retention, query, replay", ["base", "crypto", "policy"], []),
    "store": ("policy sources, publisher, whose signatures count, last known good", ["base", "crypto", "transport", "policy"],
              ["hiredis/", "archive.h", "archive_entry.h"]),
    "rollout": ("what a version must show before it goes live and on live traffic: the golden gate, shadow, breaker, statistics", ["base", "crypto", "text", "policy", "audit", "store"],
                ["boost/math"]),
    "telemetry": ("metrics, structured log", ["base"], ["spdlog/"]),
    "net": ("listeners, sessions, upstream pools, control server", ["base", "transport", "http", "proxy", "telemetry"],
            ["boost/asio", "boost/beast"]),
    "admin": ("the admin API",
              ["base", "crypto", "http", "wire", "policy", "proxy", "audit", "store", "rollout", "telemetry", "net"], []),
    "app": ("configuration, wiring, commands",
            ["base", "crypto", "transport", "text", "match", "policy", "http", "wire", "proxy", "audit", "store", "rollout",
             "telemetry", "net", "admin"], ["CLI/"]),
}

# Narrower than the table: of these modules only these headers. Of policy, proxy knows what evaluates: tokens are made by evaluate()
# for an exchange, and restoring is the stage behind it; neither reads, checks or compiles anything.
ONLY_HEADERS = {("proxy", "policy"): {"snapshot.hpp", "evaluate.hpp", "types.hpp", "tokens.hpp", "restore.hpp"}}

# nlohmann/json may stand in any control-plane .cpp and in no header.
JSON_USERS = {"admin", "audit", "store", "rollout", "app"}

# Bytes in, bytes out: no exceptions, no locks, no clock.
DATA_PLANE = {"http", "text", "match", "policy", "wire", "proxy", "net"}
# Where no lock may stand: there, and wherever else a request passes. Each that is the control plane's is in exceptions.txt.
LOCK_FREE = DATA_PLANE | {"base", "crypto", "transport", "telemetry", "app"}
SOCKET_HEADERS = ("sys/socket.h", "sys/epoll.h", "netinet/", "netdb.h")
SOCKET_USERS = {"transport", "net", "app"}

# Headers of the system that a C++ standard name does not cover.
POSIX_HEADERS = {
    "arpa/inet.h", "dirent.h", "fcntl.h", "limits.h", "netdb.h", "poll.h", "pthread.h", "pwd.h", "sched.h", "signal.h", "spawn.h", "termios.h",
    "unistd.h", "malloc.h",
}
POSIX_FOLDERS = ("sys/", "netinet/", "linux/")


def markdown():
    rows = ["| module | what it is | may include | owns |", "|---|---|---|---|"]
    for name, (what, deps, owned) in MODULES.items():
        rows.append(f"| {name} | {what} | {', '.join(deps) or '–'} | {', '.join(f'`{o}`' for o in owned) or '–'} |")
    return "\n".join(rows) + "\n"
