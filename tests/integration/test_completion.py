"""Shell completion, asked of the shells themselves."""
import os
import shutil
import subprocess

from lab import SLUICE, Skip, sluice


def offers(shell, script, lab):
    if not shutil.which(shell):
        raise Skip(f"{shell} is not installed")
    path = lab.dir / f"completion.{shell}"
    path.write_text(sluice("completion", shell).stdout)
    env = os.environ | {"PATH": f"{os.path.dirname(SLUICE)}:{os.environ['PATH']}", "HOME": str(lab.dir), "completion": str(path)}
    r = subprocess.run([shell, *(["--norc", "--noprofile"] if shell == "bash" else ["-f"] if shell == "zsh" else ["--no-config"]), "-c", script],
                       capture_output=True, text=True, timeout=30, env=env)
    assert r.returncode == 0, r.stderr
    assert not r.stderr.strip(), r.stderr
    return {line.split("\t")[0].split(":")[0].strip() for line in r.stdout.splitlines()}


def check(of):
    assert {"serve", "push", "audit"} <= of(""), of("")
    assert {"query", "at", "verify", "tail"} <= of("audit"), of("audit")
    assert "serve" not in of("audit")
    assert {"--redis", "--ring", "--wait"} <= of("push", "--"), of("push", "--")
    assert of("explain", "--direction", "") == {"request", "response"}, of("explain", "--direction", "")
    assert {"bash", "zsh", "fish"} <= of("completion"), of("completion")


def test_completion_in_bash(lab):
    def of(*words):
        typed = [w for w in words if w] + ([] if words[-1].startswith("-") else [""])
        return offers("bash", f'. "$completion"; COMP_WORDS=(sluice {" ".join(repr(w) for w in typed)}); COMP_CWORD={len(typed)}; _sluice; printf "%s\\n" "${{COMPREPLY[@]}}"', lab)
    check(of)


def test_completion_in_zsh(lab):
    def of(*words):
        typed = [w for w in words if w] + ([] if words[-1].startswith("-") else [""])
        # What the script would offer, without a terminal: its calls are printed.
        return offers("zsh", 'compdef() { :; }; compadd() { print -l -- "$@"; }; _describe() { local name="${@[-1]}"; print -l -- "${(@P)name}"; }; _files() { :; }; '
                             f'words=(sluice {" ".join(repr(w) for w in typed)}); CURRENT={len(typed) + 1}; . "$completion"; (( ${{+functions[_sluice]}} )) && _sluice', lab)
    check(of)


def test_completion_in_fish(lab):
    def of(*words):
        line = " ".join(["sluice", *[w for w in words if w]]) + ("" if words[-1].startswith("-") else " ")
        return offers("fish", f"source $completion; complete -C '{line}'", lab)
    check(of)


def test_help_groups_the_commands_by_job(lab):
    text = sluice("--help").stdout
    places = [text.index(f"\n{job}:\n") for job in ("Run", "Write", "Prove", "Publish", "Watch", "Account for")]
    assert places == sorted(places) and "Subcommands:" not in text, text
    for job, command in (("Run", "serve"), ("Write", "check"), ("Prove", "test"), ("Publish", "push"), ("Watch", "status"), ("Account for", "audit")):
        assert f"\n  {command} " in text[text.index(f"\n{job}:\n"):].split("\n\n")[0], (job, command, text)
