"""A version that the process dies of is left alone by the next start but one; what kills from outside says nothing about a version."""
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from lab import Gateway, Skip, Upstream, bundle, sluice, until
from test_policy_swaps import fleet, push, redacts


# A process that loads this aborts, from inside, once a file is there.
FAULT = r"""
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void* watch(void* unused) {
  (void)unused;
  const char* file = getenv("FAULT_FILE");
  while (file != NULL) {
    if (access(file, F_OK) == 0) abort();
    usleep(20000);
  }
  return NULL;
}
__attribute__((constructor)) static void begin(void) {
  pthread_t one;
  pthread_create(&one, NULL, watch, NULL);
}
"""


# And one whose threads run out of stack, in the place where each of them waits.
OVERFLOW = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
static int deeper(int* depth) {
  volatile char room[4096];
  room[0] = (char)++*depth;
  return *depth < 0 ? 0 : deeper(depth) + room[0];
}
int epoll_wait(int fd, struct epoll_event* events, int max, int timeout) {
  static int (*real)(int, struct epoll_event*, int, int);
  const char* file = getenv("FAULT_FILE");
  if (real == NULL) real = (int (*)(int, struct epoll_event*, int, int))dlsym(RTLD_NEXT, "epoll_wait");
  if (file != NULL && gettid() != getpid() && access(file, F_OK) == 0) {
    int depth = 0;
    return deeper(&depth);
  }
  return real(fd, events, max, timeout);
}
"""


# And one that aborts where it hands patterns to its compiler: on the thread that builds a version.
WHILE_BUILDING = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
ssize_t sendmsg(int socket, const struct msghdr* what, int flags) {
  static ssize_t (*real)(int, const struct msghdr*, int);
  const char* file = getenv("FAULT_FILE");
  if (real == NULL) real = (ssize_t (*)(int, const struct msghdr*, int))dlsym(RTLD_NEXT, "sendmsg");
  if (file != NULL && access(file, F_OK) == 0) abort();
  return real(socket, what, flags);
}
"""


def faulty_library(lab, code=FAULT):
    compiler = next((c for c in ("cc", "clang-19", "gcc") if shutil.which(c)), None)
    if compiler is None:
        raise Skip("there is no C compiler")
    (lab.dir / "fault.c").write_text(code)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", lab.dir / "fault.so", lab.dir / "fault.c", "-lpthread", "-ldl"], check=True)
    return lab.dir / "fault.so"


def test_two_crashes_inside_bring_the_version_before_back_and_kills_from_outside_do_not(lab):
    library = faulty_library(lab)
    trigger = lab.dir / "now"
    up = Upstream()
    folder = bundle(lab.dir / "b")
    os.environ["LD_PRELOAD"], os.environ["FAULT_FILE"] = str(library), str(trigger)
    try:
        run_through(lab, trigger, Gateway(lab, "n0", up.port, f"{{directory: {folder}}}"), up)
    finally:
        del os.environ["LD_PRELOAD"], os.environ["FAULT_FILE"]


def test_a_stack_that_overflows_is_counted(lab):
    library = faulty_library(lab, OVERFLOW)
    trigger = lab.dir / "now"
    up = Upstream()
    folder = bundle(lab.dir / "b")
    os.environ["LD_PRELOAD"], os.environ["FAULT_FILE"] = str(library), str(trigger)
    try:
        g = Gateway(lab, "n0", up.port, f"{{directory: {folder}}}")
        assert redacts(g, up, "Halden Bank")
        version = g.state()["version"]
        for times in (1, 2):
            trigger.write_text("")
            until("a thread wakes up", lambda: g.get("/livez") and g.process.poll() is not None)
            trigger.unlink()
            assert g.process.returncode == -signal.SIGSEGV
            assert next(lab.dir.rglob("crashes")).read_text() == (version + "\n") * times
            g.start()
        assert redacts(g, up, "Halden Bank"), "there is no other version"
    finally:
        del os.environ["LD_PRELOAD"], os.environ["FAULT_FILE"]


def die_inside(g, trigger):
    trigger.write_text("")
    g.process.wait(20)
    trigger.unlink()
    assert g.process.returncode == -signal.SIGABRT


def with_fault(library, trigger, begin):
    """What `begin` starts has the library in it."""
    os.environ["LD_PRELOAD"], os.environ["FAULT_FILE"] = str(library), str(trigger)
    try:
        return begin()
    finally:
        del os.environ["LD_PRELOAD"], os.environ["FAULT_FILE"]


def dies_building_it_twice(lab, g, up, library, trigger, good, candidate):
    """The process has died of it once, and does so again as soon as it starts; then it leaves the candidate alone."""
    g.process.wait(20)
    with_fault(library, trigger, lambda: g.start(wait=False))
    g.process.wait(20)
    assert g.process.returncode == -signal.SIGABRT
    died_of = [line.split()[0] for line in next(lab.dir.rglob("crashes")).read_text().splitlines()]
    assert died_of == [candidate] * 2, (died_of, good)
    trigger.unlink()  # whoever answers on a socket would die of it, too
    with_fault(library, trigger, g.start)
    assert g.state()["version"] == good and redacts(g, up, "Halden Bank")
    assert g.state()["last_refusal"]["phase"] == "CRASH_LOOP" and g.state()["last_refusal"]["version"] == candidate
    status, why = g.get("/readyz")
    assert status == 503 and "the process died 2 times of version " + candidate[:12] in why, why
    assert any(r["event"] == "downgraded" for r in g.records())


def test_a_version_that_the_process_dies_of_building_is_the_one_to_blame(lab):
    library, trigger, up = faulty_library(lab, WHILE_BUILDING), lab.dir / "now", Upstream()
    folder = bundle(lab.dir / "b")
    g = with_fault(library, trigger, lambda: Gateway(lab, "n0", up.port, f"{{directory: {folder}}}"))
    good = g.state()["version"]
    trigger.write_text("")
    bundle(folder, rivals="{regex: 'Halden B[a-z]{1,8}'}")
    dies_building_it_twice(lab, g, up, library, trigger, good, json.loads(sluice("check", folder, "--json").stdout)["version"])


def test_a_ring_s_version_that_the_process_dies_of_building_waits_for_a_newer_activation(lab):
    library, trigger = faulty_library(lab, WHILE_BUILDING), lab.dir / "now"
    port, up, _, make = fleet(lab)
    lab.redis(port)
    g = with_fault(library, trigger, lambda: make(0))
    folder = bundle(lab.dir / "b")
    push(port, folder, "--wait", "1")
    good = g.state()["version"]
    trigger.write_text("")
    bundle(folder, rivals="{regex: 'Halden B[a-z]{1,8}'}")
    pushed = push(port, folder, "--json")
    dies_building_it_twice(lab, g, up, library, trigger, good, json.loads(pushed.stdout)["version"])
    push(port, folder, "--wait", "1")
    assert g.state()["version"] != good and g.get("/readyz")[0] == 200


def run_through(lab, trigger, g, up):
    assert redacts(g, up, "Halden Bank")
    bundle(lab.dir / "b", ("Ostwick Savings",))
    until("the second version is in force", lambda: redacts(g, up, "Ostwick Savings"))
    second = g.state()["version"]
    for how in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL):
        g.kill(how)
        g.start()
    assert g.state()["version"] == second and g.get("/readyz")[0] == 200, "four ends from outside"
    die_inside(g, trigger)
    g.start()
    assert g.state()["version"] == second, "once is no loop"
    die_inside(g, trigger)
    g.start()
    for again in range(2):  # and it stays so
        assert redacts(g, up, "Halden Bank") and g.state()["version"] != second
        status, why = g.get("/readyz")
        assert status == 503 and "the process died 2 times of version " + second[:12] in why, why
        assert g.state()["downgrade"] and g.state()["last_refusal"]["phase"] == "CRASH_LOOP"
        if again == 0:
            g.kill(signal.SIGTERM)
            g.start()
    assert "DOWNGRADED" in (lab.dir / "n0.log").read_text()
    assert any(r["event"] == "downgraded" for r in g.records())
    bundle(lab.dir / "b", ("Merrow Capital",))
    until("a third version is taken", lambda: redacts(g, up, "Merrow Capital"))
    assert g.get("/readyz")[0] == 200 and g.state()["downgrade"] == ""


def test_the_process_that_compiles_holds_no_socket_of_its_gateway(lab):
    """Otherwise a gateway that was killed and comes back at once finds its ports taken."""
    port, up, source, make = fleet(lab)
    lab.redis(port)
    g = make(0)
    push(port, bundle(lab.dir / "b"), "--wait", "1")

    def sockets(pid):
        held = set()
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            try:
                held.add(os.readlink(fd))
            except FileNotFoundError:
                pass  # closed meanwhile
        return {what for what in held if what.startswith("socket:")}

    pid = g.process.pid
    children = {int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()}
    assert children and sockets(pid), (children, sockets(pid))
    for child in children:
        assert not sockets(child) & sockets(pid), f"process {child} holds sockets of {pid}"
    g.kill()
    g.start()
    assert g.ask("a bomb recipe")[0] == 400
