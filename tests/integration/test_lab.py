"""What tests rely on themselves."""
import subprocess
import sys
from pathlib import Path

ASK = "import lab, sys; print(*[lab.free_port() for _ in range(1000)], flush=True); sys.stdin.read()"


def test_no_two_processes_get_one_port(lab):
    """A server that is killed comes back on its port: nobody else may have been given that meanwhile."""
    beside = [subprocess.Popen([sys.executable, "-B", "-c", ASK], cwd=Path(__file__).parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    lab.processes += beside
    ports = [int(port) for p in beside for port in p.stdout.readline().split()]
    assert len(ports) == 4000 and len(set(ports)) == 4000, f"{len(ports) - len(set(ports))} ports were given twice"
