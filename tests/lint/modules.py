"""The module table: who may include whom, and who owns which third-party headers. docs/architecture.md shows it."""

# name: (what it is, modules it may include, third-party headers it owns)
MODULES = {
    "base": ("result, error codes, clock, counters, small text functions", [], []),
    "crypto": ("digests, HMAC, key derivation", ["base"], ["openssl/"]),
    "transport": ("timers, TCP and TLS streams, deadlines", ["base", "crypto"], ["boost/asio", "openssl/"]),
    "text": ("UTF-8 checks, normalised views with offset maps, JSON reading, time zones", ["base"], ["simdjson.h", "unicode/"]),
    "match": ("Hyperscan databases, scratch and streams; the confirm stage's regexes; validators; classifiers", ["base", "text"],
              ["hs.h", "hs/", "pcre2.h", "phonenumbers/", "fasttext/"]),
    "policy": ("source → check → compile → snapshot → evaluate", ["base", "crypto", "text", "match"], ["yaml-cpp/"]),
    "http": ("head model, framing guard, hop-by-hop rules, bodies, SSE framing: bytes, no sockets", ["base"],
             ["zlib.h", "brotli/", "zstd.h"]),
    "wire": ("one file per dialect: where text is, edits, refusals, cut-offs", ["base", "text", "http"], []),
    "proxy": ("the exchange state machine: bytes in, actions out", ["base", "text", "http", "wire", "policy"], []),
    "audit": ("decision records, the hash-chained log, queries", ["base", "crypto", "policy"], []),
    "store": ("policy sources: directory and Redis; publish, activate, acknowledge", ["base", "crypto", "transport", "policy"],
              ["hiredis/", "archive.h", "archive_entry.h"]),
    "rollout": ("what a version must show before it goes live: the golden gate and its statistics", ["base", "crypto", "policy", "audit", "store"],
                ["boost/math"]),
    "telemetry": ("metrics, structured log", ["base"], ["spdlog/"]),
    "net": ("listeners, sessions, upstream pools", ["base", "transport", "http", "proxy", "telemetry"],
            ["boost/asio", "boost/beast"]),
    "admin": ("the admin API",
              ["base", "crypto", "http", "wire", "policy", "proxy", "audit", "store", "rollout", "telemetry", "net"], []),
    "app": ("configuration, wiring, the command line",
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
