"""A version that the process dies of is left alone by the next start but one; what kills from outside says nothing about a version."""
import os
import shutil
import signal
import subprocess
from pathlib import Path

from lab import Gateway, Skip, Upstream, bundle, until
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


def faulty_library(lab):
    compiler = next((c for c in ("cc", "clang-19", "gcc") if shutil.which(c)), None)
    if compiler is None:
        raise Skip("there is no C compiler")
    (lab.dir / "fault.c").write_text(FAULT)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", lab.dir / "fault.so", lab.dir / "fault.c", "-lpthread"], check=True)
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


def die_inside(g, trigger):
    trigger.write_text("")
    g.process.wait(20)
    trigger.unlink()
    assert g.process.returncode == -signal.SIGABRT


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
