#!/usr/bin/env python3
"""Architecture as a test: who may include whom, who owns which library, how long a file may be, and what may not be written.

  layering_test.py             checks the tree, then itself with a deliberate violation
  layering_test.py --table     prints the module table (docs/architecture.md shows it)

Only Python's standard library. Exit code 1 with file:line and the rule for each finding.
"""
import pathlib
import re
import sys
import tempfile

# module -> modules it may include. `all` for the two that wire everything together.
MODULES = {
    "base": [],
    "crypto": ["base"],
    "transport": ["base", "crypto"],
    "text": ["base"],
    "match": ["base", "text"],
    "policy": ["base", "crypto", "text", "match"],
    "http": ["base"],
    "wire": ["base", "text", "http"],
    "proxy": ["base", "text", "http", "wire", "policy"],
    "audit": ["base", "crypto", "policy"],
    "store": ["base", "crypto", "transport", "policy"],
    "rollout": ["base", "crypto", "policy", "audit", "store"],
    "telemetry": ["base"],
    "net": ["base", "transport", "http", "proxy", "telemetry"],
    "admin": ["base", "crypto", "http", "wire", "policy", "proxy", "audit", "store", "telemetry", "net"],
    "app": ["base", "crypto", "transport", "text", "match", "policy", "http", "wire", "proxy", "audit", "store", "rollout", "telemetry",
            "net", "admin"],
}
# What the data plane may see of policy (and what it needs to name it).
NARROW = {("proxy", "policy"): {"snapshot.hpp", "evaluate.hpp", "types.hpp"},
          ("admin", "net"): {"control_server.hpp"}}

# include prefix -> the modules that own it.
OWNERS = {
    "simdjson": {"text"}, "unicode/": {"text"},
    "hs": {"match"}, "pcre2": {"match"}, "fasttext": {"match"}, "phonenumbers/": {"match"},
    "yaml-cpp/": {"policy"},
    "openssl/ssl": {"transport"}, "openssl/bio": {"transport"}, "openssl/x509": {"transport", "crypto"}, "openssl/err": {"transport", "crypto"}, "openssl/": {"crypto"},
    "boost/asio": {"transport", "net"}, "boost/beast": {"net"}, "boost/math": {"rollout"},
    "hiredis": {"store"}, "archive": {"store"},
    "zlib": {"http"}, "brotli/": {"http"}, "zstd": {"http"},
    "spdlog/": {"telemetry"}, "CLI/": {"app"},
    "nlohmann/": {"admin", "audit", "store", "rollout", "app"},
}
SOURCE_ONLY = ("nlohmann/",)  # never in a header

DATA_PLANE = {"http", "text", "match", "policy", "wire", "proxy", "net"}
EVERYWHERE = set(MODULES)
# (name, modules, pattern, advice). Comments and strings are blanked before the search.
BANS = [
    ("exceptions", DATA_PLANE, r"\b(try\s*\{|throw\b|catch\s*\()", "return a result<T>"),
    ("std::regex", EVERYWHERE, r"\bstd::regex\b|#include <regex>", "it recurses on input; write a scanner or use match"),
    ("clock", EVERYWHERE, r"\b(system_clock|steady_clock|high_resolution_clock)::now\b|\bgettimeofday\s*\(|\bclock_gettime\s*\(",
     "time is handed in; base/clock.cpp reads it"),
    ("locks", {"net", "proxy", "policy"}, r"\bstd::(mutex|shared_mutex|recursive_mutex)\b|std::atomic<std::shared_ptr",
     "a worker shares nothing that needs a lock"),
    ("detached", EVERYWHERE, r"\basio::detached\b|\.detach\s*\(", "somebody must own what runs"),
    ("bare new", EVERYWHERE, r"(?<![\w.>])new\s+[A-Za-z_:]|(?<![\w=] )(?<!= )\bdelete\s+[A-Za-z_(*]|\bdelete\[\]", "use make_unique"),
    ("vague names", EVERYWHERE, r"\b(class|struct)\s+\w*([Mm]anager|[Hh]elper|[Uu]tils)\w*", "name what it does"),
]
# (file, ban): why it may. Each line is a decision; keep the list short.
ALLOWED = {
    ("src/base/clock.cpp", "clock"): "the one place that reads clocks",
    ("src/policy/document.cpp", "exceptions"): "yaml-cpp reports by throwing; it ends in this file",
    ("src/transport/tls_pipe.cpp", "bare new"): "a BIO of OpenSSL owns its data through a C pointer, and frees it in a callback",
    ("src/policy/shard_cache.cpp", "locks"): "control plane: compiling threads share the cache; evaluate never sees it",
}
# Reasons that hold for a whole file name pattern.
ALLOWED_PATTERNS = [
    (r"(unique|shared)_ptr<[\w: ]+>( \w+)?\(new ", "bare new", "a private constructor behind a factory"),
    (r"operator delete|operator new", "bare new", "an allocator's own definition"),
]
LINES_MAX = 400
LONG_FILES = {}  # file: reason

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def blank(text):
    """Comments and strings replaced by spaces, so that a word in prose is no finding. Lines stay where they are."""
    pattern = re.compile(r'R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/', re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def module_of(path, root):
    parts = path.relative_to(root).parts
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if parts[:2] == ("include", "sluice") and len(parts) > 3:
        return parts[2]
    return None


def owner_of(include):
    best = max((p for p in OWNERS if include.startswith(p)), key=len, default=None)
    if best == "hs" and include not in ("hs.h", "hs/hs.h") and not re.match(r"hs(_\w+)?\.h$|hs/", include):
        return None, None
    return (best, OWNERS[best]) if best else (None, None)


def check_include(name, module, where, include, findings):
    match = re.match(r"sluice/(\w+)/(.+)", include)
    if match:
        target, header = match.groups()
        if target == module:
            return
        if target not in MODULES:
            findings.append(f"{where}: there is no module '{target}'")
        elif target not in MODULES[module]:
            findings.append(f"{where}: {module} may not include {target} (it may: {', '.join(MODULES[module]) or 'nothing'})")
        elif (module, target) in NARROW and header not in NARROW[(module, target)]:
            findings.append(f"{where}: of {target}, {module} may see {', '.join(sorted(NARROW[(module, target)]))} only")
        return
    prefix, owners = owner_of(include)
    if owners and module not in owners:
        findings.append(f"{where}: <{include}> belongs to {', '.join(sorted(owners))}")
    elif prefix in SOURCE_ONLY and name.endswith(".hpp"):
        findings.append(f"{where}: <{include}> may not stand in a header")


def check_bans(name, module, text, findings):
    lines = text.splitlines()
    for ban, modules, pattern, advice in BANS:
        if module not in modules or (name, ban) in ALLOWED:
            continue
        for number, line in enumerate(lines, 1):
            if not re.search(pattern, line):
                continue
            if any(kind == ban and re.search(p, line) for p, kind, _ in ALLOWED_PATTERNS):
                continue
            findings.append(f"{name}:{number}: {ban} is banned here: {advice}")


def check_file(path, root, findings):
    module, name = module_of(path, root), str(path.relative_to(root))
    if module is None:
        return
    if module not in MODULES:
        findings.append(f"{name}:1: '{module}' is no module of the table")
        return
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if len(lines) > LINES_MAX and name not in LONG_FILES:
        findings.append(f"{name}:{LINES_MAX + 1}: {len(lines)} lines; split it by concept (at most {LINES_MAX})")
    if not lines or not lines[0].startswith("//"):
        findings.append(f"{name}:1: a file opens with what it is, in one to four comment lines")
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            check_include(name, module, f"{name}:{number}", match.group(2), findings)
    check_bans(name, module, blank(text), findings)


def check_cmake(root, findings):
    """The DEPS of each sluice_module must be what the table says, so that linking agrees with including."""
    for path in sorted(root.glob("src/*/CMakeLists.txt")):
        module, text = path.parent.name, path.read_text(encoding="utf-8")
        call = re.search(r"sluice_module\(\s*(\w+)(.*?)\n?\)", text, re.S)
        if not call or module not in MODULES:
            continue
        deps = re.search(r"\bDEPS\b(.*?)(?:\bPRIVATE_LIBS\b|\bPCH\b|\bSOURCES\b|$)", call.group(2), re.S)
        have = set(deps.group(1).split()) if deps else set()
        extra = have - set(MODULES[module])
        missing = {d for d in MODULES[module] if (root / "src" / d).is_dir()} - have
        name = str(path.relative_to(root))
        if call.group(1) != module:
            findings.append(f"{name}:1: declares the module '{call.group(1)}'")
        if extra:
            findings.append(f"{name}:1: links {', '.join(sorted(extra))}, which the table does not allow")
        if missing:
            findings.append(f"{name}:1: the table allows {', '.join(sorted(missing))}, DEPS does not name it")


def check_cycles(findings):
    done = set()
    while len(done) < len(MODULES):
        ready = {m for m, deps in MODULES.items() if m not in done and set(deps) <= done}
        if not ready:
            findings.append(f"the table has a cycle among {', '.join(sorted(set(MODULES) - done))}")
            return
        done |= ready


def check_tree(root):
    findings = []
    check_cycles(findings)
    for folder in ("include/sluice", "src"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".hpp", ".cpp"):
                check_file(path, root, findings)
    check_cmake(root, findings)
    return findings


def self_test():
    """A tree with one violation of each kind must give one finding of each kind, and a clean one none."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name in ("src/proxy", "src/base", "include/sluice/proxy"):
            (root / name).mkdir(parents=True)
        clean = root / "src/base/a.cpp"
        clean.write_text('// Fine; "throw" in prose and std::regex in a comment are no findings.\n#include <string>\nchar q = \'"\';\n')
        (root / "src/base/CMakeLists.txt").write_text("sluice_module(base SOURCES a.cpp)\n")
        if check_tree(root):
            sys.exit("self-test: a clean tree has findings: " + "; ".join(check_tree(root)))
        (root / "src/proxy/b.cpp").write_text(
            '#include "sluice/net/server.hpp"\n#include "sluice/policy/build.hpp"\n#include <hiredis/hiredis.h>\n#include <hs/hs.h>\n'
            'void f() { throw 1; }\nstd::mutex m;\nauto t = std::chrono::steady_clock::now();\nint* p = new int;\n' + "\n" * 400)
        (root / "include/sluice/proxy/c.hpp").write_text("// A header.\n#include <nlohmann/json.hpp>\n")
        (root / "src/proxy/CMakeLists.txt").write_text("sluice_module(proxy SOURCES b.cpp DEPS base net)\n")
        found = "\n".join(check_tree(root))
        for wanted in ("b.cpp:1: proxy may not include net", "b.cpp:2: of policy, proxy may see", "<hiredis/hiredis.h> belongs to store",
                       "<hs/hs.h> belongs to match", "exceptions is banned", "locks is banned", "clock is banned", "bare new is banned",
                       "408 lines", "opens with what it is", "<nlohmann/json.hpp> belongs to", "links net"):
            if wanted not in found:
                sys.exit(f"self-test: a violation was not found: {wanted}\n{found}")


def table():
    owned = {}
    for prefix, owners in OWNERS.items():
        for owner in owners:
            owned.setdefault(owner, []).append(prefix.rstrip("/"))
    rows = ["| module | may include | owns |", "|---|---|---|"]
    for module, deps in MODULES.items():
        rows.append(f"| {module} | {', '.join(deps) or '–'} | {', '.join(sorted(owned.get(module, []))) or '–'} |")
    return "\n".join(rows)


def main():
    if "--table" in sys.argv:
        print(table())
        return 0
    self_test()
    root = pathlib.Path(__file__).resolve().parents[2]
    findings = check_tree(root)
    for finding in findings:
        print(finding)
    print(f"layering: {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
