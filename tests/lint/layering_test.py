#!/usr/bin/env python3
"""Holds the source tree against the module table (modules.py) and the list of what code here does not do.

    layering_test.py [--root DIR]     check; exit 1 and "file:line: rule: what" for each finding
    layering_test.py --table          print the module table as Markdown
    layering_test.py --self-test      a deliberate violation of each rule must be found
"""
import argparse
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import modules  # noqa: E402

LINES_MAX = 400
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]')

# rule, pattern on code without comments and strings, modules it holds for (None: all), what to do instead.
BANNED = [
    ("exceptions", re.compile(r"\b(try|throw|catch)\b"), modules.DATA_PLANE, "return a result<T>"),
    ("regex", re.compile(r"\bstd::w?(regex|smatch|cmatch)\b"), None, "std::regex recurses on its input; use match::regex"),
    ("clock", re.compile(r"_clock::now|\b(clock_gettime|gettimeofday|std::time|localtime|gmtime)\s*\("), None,
     "take the time as an argument, or sluice::now() at the edge"),
    ("lock", re.compile(r"std::(recursive_|shared_)?mutex\b|std::condition_variable|std::atomic<std::shared_ptr"),
     modules.LOCK_FREE, "workers share nothing; post to them"),
    ("detached", re.compile(r"\bdetached\b|\.detach\(\)"), None, "somebody has to own it and see how it ends"),
    ("ownership", re.compile(r"\bdelete\b(?!\s*;)|\bdelete\s+\w|\b(malloc|free|realloc)\s*\("), None, "use a container or a smart pointer"),
    ("console", re.compile(r"std::c(out|err)\b|\bf?printf\s*\(|\bputs\s*\("), set(modules.MODULES) - {"app"},
     "return it; only commands talk to people"),
    ("json", re.compile(r"json::(parse|accept|sax_parse)\b|(\.|->)value\(\s*[^)\s]"), None,
     "read it within bounds and its members by type: parse_bounded and the readers of sluice/base/foreign_json.hpp"),
    ("thread", re.compile(r"\bstd::thread\s*[({]|\bthreads?_?\.emplace_back\(|\bthread_\(\[this\] *\{"), set(modules.MODULES) - {"base"},
     "start_thread(): a stack that overflows is counted, too"),
    ("name", re.compile(r"\b(class|struct|namespace)\s+\w*(manager|helper|util)\w*", re.IGNORECASE), None, "say what it is"),
]
# `new` is right where a constructor is private and the pointer is owned on the spot.
RAW_NEW = re.compile(r"\bnew\s+[A-Za-z_:]")
OWNED_NEW = re.compile(r"(unique|shared)_ptr<[^;]*\(\s*new\b|::operator new")


class Findings:
    def __init__(self, root):
        self.root, self.found = root, []
        self.exceptions = {}
        listed = root / "tests/lint/exceptions.txt"
        for number, line in enumerate(listed.read_text().splitlines() if listed.is_file() else [], 1):
            words = line.split(None, 2)
            if not words or words[0].startswith("#"):
                continue
            if len(words) < 3:
                self.found.append(f"{listed}:{number}: exceptions.txt: an entry needs a rule, a file and a reason")
                continue
            self.exceptions[(words[0], words[1])] = False

    def add(self, path, line, rule, what):
        name = str(path.relative_to(self.root))
        if (rule, name) in self.exceptions:
            self.exceptions[(rule, name)] = True
        else:
            self.found.append(f"{name}:{line}: {rule}: {what}")

    def finish(self):
        for (rule, name), used in self.exceptions.items():
            if not used:
                self.found.append(f"tests/lint/exceptions.txt: '{rule} {name}' is needed no more: remove it")
        return sorted(self.found)


def without_comments_and_strings(text):
    """Blanks both, keeping every newline so that line numbers stay."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^(\s]*)\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
    return pattern.sub(lambda m: '""' + re.sub(r"[^\n]", "", m.group(0)), text)


def check_third_party(found, path, line, module, name, is_header):
    if name.startswith("nlohmann/"):
        if is_header:
            found.add(path, line, "owner", "nlohmann/json may stand in no header: include it in the .cpp")
        elif module not in modules.JSON_USERS:
            found.add(path, line, "owner", f"nlohmann/json is not for {module}; the request path splices bytes")
        return
    if name.startswith(modules.SOCKET_HEADERS) and module not in modules.SOCKET_USERS:
        found.add(path, line, "sockets", f"<{name}>: {module} knows no socket")
        return
    owners = [m for m, (_, _, owned) in modules.MODULES.items() if name.startswith(tuple(owned))]
    if owners:
        if module not in owners:
            found.add(path, line, "owner", f"<{name}> belongs to {' and '.join(owners)}, not to {module}")
        return
    standard = "/" not in name and "." not in name
    if not standard and name not in modules.POSIX_HEADERS and not name.startswith(modules.POSIX_FOLDERS):
        found.add(path, line, "owner", f"<{name}> has no owner: give it one in tests/lint/modules.py")


def check_include(found, path, line, module, quote, name):
    is_header = path.suffix == ".hpp"
    if name.startswith("sluice/"):
        parts = name.split("/")
        target = parts[1]
        if target not in modules.MODULES:
            found.add(path, line, "arrow", f'"{name}": there is no module {target}')
        elif target != module and target not in modules.MODULES[module][1]:
            found.add(path, line, "arrow", f"{module} must not include {target} ({name})")
        elif (only := modules.ONLY_HEADERS.get((module, target))) and parts[-1] not in only:
            found.add(path, line, "arrow", f"{module} may include of {target} only {', '.join(sorted(only))}, not {parts[-1]}")
        elif not (found.root / "include" / name).is_file():
            found.add(path, line, "arrow", f'"{name}" does not exist')
    elif quote == '"':
        if "include" in path.relative_to(found.root).parts:
            found.add(path, line, "private", f'a public header includes the private "{name}"')
        elif "/" in name or not (path.parent / name).is_file():
            found.add(path, line, "private", f'"{name}" is not a private header of {module}; public ones are "sluice/…", other libraries stand in <>')
    else:
        check_third_party(found, path, line, module, name, is_header)


def check_source(found, path, module):
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if len(lines) > LINES_MAX:
        found.add(path, len(lines), "length", f"{len(lines)} lines; {LINES_MAX} is the most: split it by concept")
    if not text.startswith("//"):
        found.add(path, 1, "preamble", "the file does not open by saying what it is")
    if path.suffix == ".hpp" and "#pragma once" not in text:
        found.add(path, 1, "preamble", "no #pragma once")
    if re.search(r"manager|helper|util", path.name):
        found.add(path, 1, "name", "say what it is")
    for number, line in enumerate(lines, 1):
        if match := INCLUDE.match(line):
            check_include(found, path, number, module, *match.groups())
    for number, code in enumerate(without_comments_and_strings(text).splitlines(), 1):
        if code.lstrip().startswith("#"):
            continue
        for rule, pattern, where, advice in BANNED:
            if (where is None or module in where) and not (rule == "clock" and module == "base" and path.name == "clock.cpp"):
                if rule == "ownership" and "= delete" in code:
                    continue
                if hit := pattern.search(code):
                    found.add(path, number, rule, f"'{hit.group(0)}': {advice}")
        if RAW_NEW.search(code) and not OWNED_NEW.search(code) and not re.search(r"\bout\(new\b", code):
            found.add(path, number, "ownership", "'new' outside the constructor of a smart pointer")


def cmake_words(text):
    return re.sub(r"#[^\n]*", "", text).replace("(", " ( ").replace(")", " ) ").split()


def check_cmake(found, module):
    path = found.root / "src" / module / "CMakeLists.txt"
    if not path.is_file():
        return
    words = cmake_words(path.read_text())
    try:
        start = words.index("sluice_module")
    except ValueError:
        found.add(path, 1, "cmake", f"no sluice_module({module} …)")
        return
    call = words[start + 2:words.index(")", start)]
    groups, current = {}, None
    for word in call[1:]:
        if word in ("SOURCES", "DEPS", "PRIVATE_LIBS", "PCH"):
            current = groups.setdefault(word, [])
        elif current is not None:
            current.append(word)
    if call[0] != module:
        found.add(path, 1, "cmake", f"src/{module} builds a module that is named {call[0]}")
    if sorted(groups.get("DEPS", [])) != sorted(modules.MODULES[module][1]):
        found.add(path, 1, "cmake", f"DEPS {' '.join(groups.get('DEPS', []))} are not the table's: {' '.join(modules.MODULES[module][1])}")
    for source in sorted(path.parent.glob("*.cpp")):
        if source.name not in words:
            found.add(source, 1, "cmake", "CMakeLists.txt does not name it, so nobody builds it")


def check_tests(found):
    for source in sorted((found.root / "tests/unit").rglob("*.cpp")):
        listed = source.parent / "CMakeLists.txt"
        if not listed.is_file() or source.name not in cmake_words(listed.read_text()):
            found.add(source, 1, "cmake", "CMakeLists.txt does not name it, so nobody runs it")


def check_document(found):
    """docs/architecture.md shows the table between two marks; it must be this one."""
    path = found.root / "docs/architecture.md"
    shown = re.search(r"<!-- modules -->\n(.*?)<!-- end of modules -->", path.read_text(encoding="utf-8") if path.is_file() else "", re.DOTALL)
    if shown is None:
        found.add(path, 1, "document", "no module table stands between <!-- modules --> and <!-- end of modules -->")
    elif shown.group(1).strip() != modules.markdown().strip():
        found.add(path, 1, "document", "its module table is not the checked one: paste `tests/lint/layering_test.py --table`")


def check(root):
    found = Findings(root)
    for top in ("src", "include/sluice"):
        for folder in sorted((root / top).iterdir()):
            if not folder.is_dir():
                continue
            if folder.name not in modules.MODULES:
                found.add(folder, 1, "arrow", f"{folder.name} is not in the module table")
                continue
            for path in sorted(folder.rglob("*")):
                if path.suffix in (".cpp", ".hpp"):
                    check_source(found, path, folder.name)
    for module in modules.MODULES:
        check_cmake(found, module)
    check_tests(found)
    check_document(found)
    return found.finish()


# A file of a tree that breaks one rule, and the rule that must say so.
VIOLATIONS = [
    ("src/http/a.cpp", '// x\n#include "sluice/policy/snapshot.hpp"\n', "arrow"),
    ("src/proxy/a.cpp", '// x\n#include "sluice/policy/source.hpp"\n', "arrow"),
    ("src/policy/a.cpp", '// x\n#include "sluice/base/nothing.hpp"\n', "arrow"),
    ("src/wire/a.cpp", "// x\n#include <boost/asio.hpp>\n", "owner"),
    ("src/wire/a.cpp", "// x\n#include <nlohmann/json.hpp>\n", "owner"),
    ("src/app/a.hpp", "// x\n#pragma once\n#include <nlohmann/json.hpp>\n", "owner"),
    ("src/app/a.cpp", "// x\n#include <curl/curl.h>\n", "owner"),
    ("src/proxy/a.cpp", "// x\n#include <sys/socket.h>\n", "sockets"),
    ("src/app/a.cpp", '// x\n#include "../policy/a.hpp"\n', "private"),
    ("include/sluice/base/a.hpp", '// x\n#pragma once\n#include "b.hpp"\n', "private"),
    ("src/match/a.cpp", "// x\nint f() { try { return 1; } catch (...) { return 2; } }\n", "exceptions"),
    ("src/app/a.cpp", "// x\nstd::regex r;\n", "regex"),
    ("src/net/a.cpp", "// x\nauto t = std::chrono::steady_clock::now();\n", "clock"),
    ("src/net/a.cpp", "// x\nstd::mutex m;\n", "lock"),
    ("src/app/a.cpp", "// x\nvoid f() { std::thread(g).detach(); }\n", "detached"),
    ("src/app/a.cpp", "// x\nint* p = new int(1);\n", "ownership"),
    ("src/app/a.cpp", "// x\nvoid f(int* p) { delete p; }\n", "ownership"),
    ("src/store/a.cpp", "// x\nvoid f() { std::cerr << 1; }\n", "console"),
    ("src/app/a.cpp", "// x\nclass policy_manager {};\n", "name"),
    ("src/app/utils.cpp", "// x\n", "name"),
    ("src/store/a.cpp", "// x\nauto j = nlohmann::json::parse(text, nullptr, false);\n", "json"),
    ("src/app/a.cpp", '// x\nauto n = j.value("n", 0);\n', "json"),
    ("src/app/a.cpp", "// x\nauto n = at->value(name, json());\n", "json"),
    ("src/net/a.cpp", "// x\nauto t = std::thread([] {});\n", "thread"),
    ("src/net/a.cpp", "// x\nvoid f() { threads.emplace_back([] {}); }\n", "thread"),
    ("src/app/a.cpp", "int x;\n", "preamble"),
    ("src/app/a.hpp", "// x\n", "preamble"),
    ("src/app/a.cpp", "// x\n" + "\n" * LINES_MAX, "length"),
    ("src/secret/a.cpp", "// x\n", "arrow"),
    ("src/base/unlisted.cpp", "// x\n", "cmake"),
    ("src/text/CMakeLists.txt", "sluice_module(text SOURCES a.cpp DEPS base policy)\n", "cmake"),
    ("tests/unit/text/a_test.cpp", "// x\n", "cmake"),
    ("docs/architecture.md", "<!-- modules -->\n| module |\n<!-- end of modules -->\n", "document"),
    ("docs/architecture.md", modules.markdown(), "document"),
    ("src/app/a.hpp", "// x\n#pragma once\nstd::mutex m;\n", "lock"),
    ("src/transport/a.cpp", "// x\nstd::condition_variable c;\n", "lock"),
    ("tests/lint/exceptions.txt", "lock src/net/gone.cpp it was needed once\n", "exceptions.txt"),
    ("tests/lint/exceptions.txt", "lock src/net/gone.cpp\n", "exceptions.txt"),
]

# What must not be taken for a violation.
CLEAN = """// It may throw, try or delete in a comment, and std::mutex too.
#include <string>
#include <sys/types.h>
#include "sluice/base/b.hpp"
struct once { once(const once&) = delete; };
const char* words = "throw new std::mutex; delete it";
const char* raw = R"(try { throw 1; } // std::regex)";
const long long million = 1'000'000;  // catch the separator
auto made = std::unique_ptr<once>(new once(1));
auto value = perhaps.value();
auto cores = std::thread::hardware_concurrency();
"""


def self_test():
    failures = []
    for name, content, rule in VIOLATIONS:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            plant(root)
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            if not any(f": {rule}" in line or line.startswith(f"tests/lint/{rule}") for line in check(root)):
                failures.append(f"{name} breaks '{rule}' and nobody said so")
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        plant(root)
        (root / "src/proxy/clean.cpp").write_text(CLEAN)
        (root / "src/proxy/CMakeLists.txt").write_text("sluice_module(proxy SOURCES clean.cpp DEPS base text http wire policy)\n")
        failures += ["a false alarm: " + line for line in check(root)]
    return failures


def plant(root):
    """The smallest tree that is right."""
    for folder in ("src/proxy", "include/sluice/base", "include/sluice/policy"):
        (root / folder).mkdir(parents=True)
    (root / "include/sluice/base/b.hpp").write_text("// x\n#pragma once\n")
    for name in ("snapshot", "source"):
        (root / f"include/sluice/policy/{name}.hpp").write_text("// x\n#pragma once\n")
    (root / "docs").mkdir()
    (root / "docs/architecture.md").write_text("<!-- modules -->\n" + modules.markdown() + "<!-- end of modules -->\n")
    (root / "src/base").mkdir()
    (root / "src/base/CMakeLists.txt").write_text("sluice_module(base SOURCES result.cpp)\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    asked = parser.parse_args()
    if asked.table:
        print(modules.markdown(), end="")
        return
    findings = self_test() if asked.self_test else check(asked.root.resolve())
    for line in findings:
        print(line)
    if not asked.self_test:
        print(f"{len(findings)} findings" if findings else "The tree fits the module table.")
    sys.exit(1 if findings else 0)


main()
