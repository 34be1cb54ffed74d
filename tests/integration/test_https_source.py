"""A bundle behind a URL: ETag, long poll, TLS, signatures, and what a server that lies can do."""
import gzip
import hashlib
import io
import json
import signal
import ssl
import subprocess
import tarfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lab import Gateway, Upstream, bundle, sluice, until
from redis_lab import metric, traffic
from test_gate import cases, write
from test_trust import keys


def certificate(folder, name="localhost"):
    key, cert = folder / "tls.key", folder / "tls.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"], check=True, capture_output=True)
    return key, cert


class Server:
    """Serves one file over TLS with an ETag, and waits as Prefer asks it to."""

    def __init__(self, lab, token=""):
        self.body, self.etag, self.asked, self.waited, self.status = b"", '"0"', 0, 0, 200
        self.drip = False  # a byte of the answer now and then
        self.changed = threading.Condition()
        key, self.ca = certificate(lab.dir)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                outer.asked += 1
                if token and self.headers["authorization"] != f"Bearer {token}":
                    return self.answer(401)
                if outer.status != 200:
                    return self.answer(outer.status)
                wait = (self.headers["prefer"] or "").removeprefix("wait=")
                with outer.changed:
                    if wait and self.headers["if-none-match"] == outer.etag:
                        outer.waited += 1
                        outer.changed.wait(int(wait))
                    if self.headers["if-none-match"] == outer.etag:
                        return self.answer(304)
                    whole = (outer.body, outer.etag)
                return self.answer(200, *whole)

            def answer(self, status, body=b"", etag=""):
                try:
                    self.send_response(status)
                    if etag:
                        self.send_header("etag", etag)
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    while outer.drip and body:
                        self.wfile.write(body[:1])
                        self.wfile.flush()
                        body = body[1:]
                        time.sleep(0.3)
                    self.wfile.write(body)
                except OSError:
                    pass

        class TlsServer(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = TlsServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, body):
        with self.changed:
            self.body, self.etag = body, f'"{hash(body)}"'
            self.changed.notify_all()


def node(lab, server, more="", trust="", name="gw", up=None):
    source = f'{{https: {{url: "https://localhost:{server.port}/prod.tar.gz", ca_file: {server.ca}, ring: it, poll: 500ms, wait: 20s{more}}}}}'
    return Gateway(lab, name, (up or Upstream()).port, source, trust=trust)


def packed(lab, *words, name="b", more=()):
    out = lab.dir / "prod.tar.gz"
    told = json.loads(sluice("pack", bundle(lab.dir / name, ("Halden Bank", *words)), "--out", out, "--ring", "it", "--json", *more).stdout)
    return out.read_bytes(), told


def redacts(g, word):
    return b"[R]" in g.ask(f"at {word}")[2]


def test_a_bundle_behind_a_url_is_followed_at_once_where_the_server_waits(lab):
    server = Server(lab, token="hush")
    (lab.dir / "token").write_text("hush\n")
    first, told = packed(lab)
    server.serve(first)
    g = node(lab, server, f", token_file: {lab.dir}/token")
    assert g.state()["state"] == "FRESH" and g.state()["activation"] == told["activation"] == "1-1", g.state()
    with traffic(g):
        until("it waits at the server", lambda: server.waited >= 1)
        asked = server.asked
        begin = time.monotonic()
        second, told = packed(lab, "Ostwick Savings", more=["--against", lab.dir / "prod.tar.gz"])
        pack_took = time.monotonic() - begin
        begin = time.monotonic()
        server.serve(second)
        until("it is enforced", lambda: redacts(g, "Ostwick Savings"), 10)
        took = time.monotonic() - begin
        assert told["activation"] == "1-2" == g.state()["activation"] and took < 3, (told, took, pack_took)
        assert server.asked <= asked + 2, "nothing was asked while nothing was new"
        version = g.state()["version"]
        server.serve(gzip.compress(b"no tar at all"))
        until("what is none is refused", lambda: "archive" in json.dumps(g.state()["last_refusal"]))
        server.status = 500
        server.serve(b"x")
        until("an error is told", lambda: not g.state()["connected"])
        assert g.state()["version"] == version and redacts(g, "Ostwick Savings")
        server.status = 200
        server.serve(second)
        until("all is well again", lambda: g.state()["state"] == "FRESH" and g.state()["connected"], 20)
    g.kill()
    server.status = 503
    g.start()
    assert redacts(g, "Ostwick Savings") and g.state()["state"] == "STALE", "a restart takes what is on the disk"


def test_a_server_with_another_certificate_is_not_believed(lab):
    server = Server(lab)
    server.serve(packed(lab)[0])
    other = lab.dir / "other"
    other.mkdir()
    server.ca = certificate(other)[1]
    g = node(lab, server)
    assert g.state()["state"] == "NONE" and g.ask("hi")[0] == 503
    assert "certificate" in (lab.dir / "gw.log").read_text().lower()


def test_a_server_that_drips_holds_up_neither_a_start_nor_the_clock_nor_an_end(lab):
    server = Server(lab)
    server.serve(packed(lab)[0])
    g = node(lab, server)
    g.kill(signal.SIGTERM)
    g.config.write_text(g.config.read_text().replace("  state_directory", "  on_unavailable: fail_closed\n  max_stale: 6s\n  state_directory"))
    g.start()
    until("it is fresh", lambda: g.state()["state"] == "FRESH" and g.ask("hi")[0] == 200)
    server.drip = True
    server.serve(packed(lab, "Merrow Capital", more=["--activation", "1-2"])[0])
    until("what it has grew too old", lambda: g.state()["state"] == "EXPIRED" and g.ask("hi")[0] == 503, 30)
    until("and it says why", lambda: "did not come in time" in (g.state()["source_error"] or ""), 30)
    begin = time.monotonic()
    g.kill(signal.SIGTERM)
    assert g.process.returncode == 0
    g.start()  # waits until it listens
    g.kill(signal.SIGTERM)
    assert g.process.returncode == 0 and time.monotonic() - begin < 30
    g.start()
    server.drip = False
    until("the whole answer is taken", lambda: redacts(g, "Merrow Capital") and g.state()["state"] == "FRESH", 60)


def test_a_server_that_lies_can_only_withhold(lab):
    server = Server(lab)
    key = keys(lab, ci="build,activate", stranger_not="safety")
    signed = ["--key", key["ci"]]
    trust = f"{{keys_file: {lab.dir}/trusted.yaml, require_signature: true, require_gate: true}}"
    old, _ = packed(lab, more=signed)
    new, told = packed(lab, "Ostwick Savings", more=[*signed, "--against", lab.dir / "prod.tar.gz"])
    server.serve(new)
    g = node(lab, server, trust=trust)
    assert g.state()["activation"] == "1-2" and redacts(g, "Ostwick Savings"), g.state()
    refused = lambda what: until(f"refused: {what}", lambda: what in json.dumps(g.state()["last_refusal"]))
    with traffic(g):
        server.serve(old)
        until("the old one again is no news", lambda: "HEAD_REGRESSED" in (lab.dir / "gw.log").read_text())
        server.serve(packed(lab, "Merrow Capital", more=["--activation", "1-3"])[0])
        refused("is not signed")
        server.serve(packed(lab, "Merrow Capital", more=["--activation", "1-3", "--key", key["stranger_not"]])[0])
        refused("has the role safety")
        server.serve(changed(new, "p.yaml", lambda b: b.replace(b"Ostwick Savings", b"Nobody At All__")))
        refused("another version than its files")
        server.serve(changed(new, ".sluice/manifest.json", lambda b: b.replace(b"PASS", b"FAIL")))
        refused("the signature does not fit")
        server.serve(changed(new, ".sluice/activation.json", None))
        refused("holds no .sluice/activation.json")
        server.serve(changed(new, ".sluice/activation.json", lambda b: signed_again(lab, key["stranger_not"], b, kind="abort", gen=3)))
        refused("has the role safety and not activate")  # a server has no log in which to look up what that key may go on with
        fork, _ = packed(lab, "Merrow Capital", more=["--activation", "1-2", *signed])
        server.serve(fork)
        refused("GEN_FORK")
        assert g.state()["activation"] == "1-2" and redacts(g, "Ostwick Savings") and not redacts(g, "Merrow Capital")
        server.serve(packed(lab, "Merrow Capital", more=["--activation", "1-3", *signed])[0])
        until("the true one is taken", lambda: redacts(g, "Merrow Capital"))
    assert g.state()["state"] == "FRESH"


def test_an_archive_of_another_ring_is_called_that(lab):
    key = keys(lab, ci="build,activate")
    signed = ["--key", key["ci"], "--trust", lab.dir / "trusted.yaml"]
    packed(lab, more=signed)
    r = sluice("pack", bundle(lab.dir / "b", ("Halden Bank", "Ostwick Savings")), "--out", lab.dir / "next.tar.gz", "--against", lab.dir / "prod.tar.gz", "--ring", "itt", *signed, check=False)
    assert r.returncode == 1 and "is an archive of ring 'it', and not of 'itt'" in r.stderr and "is --ring the fleet's name?" in r.stderr and "--trust" not in r.stderr, r
    assert not (lab.dir / "next.tar.gz").exists()


def test_the_status_says_that_a_server_went_back(lab):
    server = Server(lab)
    first, _ = packed(lab)
    second, _ = packed(lab, "Ostwick Savings", more=["--against", lab.dir / "prod.tar.gz"])
    server.serve(second)
    g = node(lab, server)
    log = lambda: (lab.dir / "gw.log").read_text()
    server.serve(gzip.compress(b"no tar at all"))
    until("what is none is refused", lambda: (g.state()["last_refusal"] or {}).get("stands"))
    why = "HEAD_REGRESSED: the server is at 1-1, this node has seen 1-2"
    for times in (1, 2):
        server.serve(first)
        until("it says how it is behind", lambda: why in (g.state()["source_error"] or ""))
        for etag in (server.etag, '"again"'):  # unchanged; the same bytes under another name
            until("it waits for news", lambda: server.waited > 0)
            with server.changed:
                server.etag, server.waited = etag, 0
                server.changed.notify_all()
            until("it was answered and asks again", lambda: server.waited > 0)
        state = g.state()
        assert state["connected"] and why in state["source_error"] and not state["last_refusal"]["stands"], state
        assert log().count(why) == times, "told once each time that it happens"
        server.serve(second)
        until("nothing is behind any more", lambda: g.state()["source_error"] is None and g.state()["state"] == "FRESH")


def test_a_weaker_version_needs_a_second_key_in_its_archive(lab):
    server = Server(lab)
    key = keys(lab, one="build,activate", lead="approve", other="approve")
    trust = ["--trust", lab.dir / "trusted.yaml"]
    made = lambda name: lab.dir / f"{name}.tar.gz"

    def pack(name, words, *more):
        folder = write(lab.dir / f"of-{name}", cases(), words=words)
        return json.loads(sluice("pack", folder, "--out", made(name), "--ring", "it", "--key", key["one"], *trust, "--json", *more).stdout)

    def serve(name):
        server.serve(made(name).read_bytes())

    strong, weak = ["needle", "thorn"], ["needle"]
    first = pack("first", strong)
    serve("first")
    g = node(lab, server, trust=f"{{keys_file: {lab.dir}/trusted.yaml, require_signature: true, require_gate: true, require_approval: true}}")
    stops = lambda: g.ask("a thorn")[0] == 400
    refused = lambda number, what: until(f"refused: {what}", lambda: g.state()["last_refusal"] and g.state()["last_refusal"]["activation"] == number and what in g.state()["last_refusal"]["message"])
    assert g.state()["activation"] == "1-1" and stops(), g.state()

    # One person, two packs: nothing is weaker than no archive, nor than itself.
    one = pack("one", weak)
    pack("two", weak, "--against", made("one"), "--activation", "1-50")
    serve("two")
    refused("1-50", f"was held against version {one['version'][:12]}, and follows version {first['version'][:12]}")
    assert g.state()["version"] == first["version"] and stops(), g.state()

    # The honest way: what the gate says, then the second key, at another place.
    assert pack("next", weak, "--against", made("first"), "--approved-by", "Ada Byron")["weaker"] and not one["weaker"]
    serve("next")
    refused("1-2", "whoever may: sluice approve --archive")
    assert stops()
    before = made("next").read_bytes()
    for words, why in ((["--key", key["one"], *trust], "not the role approve"), (["--key", key["one"]], "a second one is wanted"), ([first["version"][:12], "--key", key["lead"], *trust], "and not " + first["version"][:12])):
        r = sluice("approve", *words, "--archive", made("next"), check=False)
        assert r.returncode == 1 and why in r.stderr and made("next").read_bytes() == before, r
    told = json.loads(sluice("approve", one["version"][:12], "--archive", made("next"), "--out", made("approved"), "--key", key["lead"], *trust, "--json").stdout)
    assert told["weaker"] and told["version"] == one["version"] and told["activation"] == "1-2" and told["file"] == str(made("approved")) and made("next").read_bytes() == before, told
    sluice("approve", "--archive", made("next"), "--key", key["lead"], *trust)
    assert made("next").read_bytes() == made("approved").read_bytes(), "in its place"
    serve("approved")
    until("it is taken", lambda: g.state()["activation"] == "1-2" and not stops())
    sluice("approve", "--archive", made("approved"), "--key", key["other"], *trust)
    serve("approved")  # runs already

    # On from there, and back to what ran here.
    pack("third", [*weak, "rose"], "--against", made("approved"))
    serve("third")
    until("the next is taken", lambda: g.state()["activation"] == "1-3")
    pack("back", weak, "--against", made("third"), "--approved-by", "Ada Byron")
    serve("back")
    until("it is back", lambda: g.state()["activation"] == "1-4" and g.state()["version"] == one["version"])

    r = sluice("approve", "--key", key["lead"], check=False)
    assert r.returncode == 2 and "no version is named" in r.stderr, r
    r = sluice("approve", one["version"], "--key", key["lead"], check=False, env={})
    assert r.returncode == 2 and "no ring is named" in r.stderr, r


def signed_again(lab, key, record, **members):
    """An activation with other members, signed with a key in a PEM file."""
    payload = json.dumps(json.loads(json.loads(record)["payload"]) | members)
    (lab.dir / "payload").write_text("sluice activation v1\n" + payload)
    openssl = lambda *words: subprocess.run(["openssl", *map(str, words)], capture_output=True, check=True).stdout
    public = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")[-32:]
    value = openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", lab.dir / "payload")
    return json.dumps({"payload": payload, "signatures": [{"key": hashlib.sha256(public).hexdigest()[:16], "value": value.hex()}]}).encode()


def changed(archive, path, how):
    """The archive with one entry otherwise, or gone."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as old, tarfile.open(fileobj=out, mode="w:gz") as new:
        for entry in old.getmembers():
            data = old.extractfile(entry).read()
            if entry.name == path:
                if how is None:
                    continue
                data = how(data)
            entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def archive_of(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data, kind in entries:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(data) if kind == tarfile.REGTYPE else 0
            info.linkname = "bundle.yaml" if kind != tarfile.REGTYPE else ""
            tar.addfile(info, io.BytesIO(data) if kind == tarfile.REGTYPE else None)
    return out.getvalue()


def test_an_archive_holds_plain_files_and_nothing_else(lab):
    server = Server(lab)
    folder = bundle(lab.dir / "b")
    good = [(n, (folder / n).read_bytes(), tarfile.REGTYPE) for n in ("bundle.yaml", "p.yaml")]
    server.serve(archive_of(*good))
    g = node(lab, server)
    assert g.state()["activation"] == "1-1" and redacts(g, "Halden Bank"), "without an activation the node counts"
    with traffic(g):
        for bad, why in ((("../p2.yaml", b"", tarfile.REGTYPE), "not plain"), (("/etc/p2.yaml", b"", tarfile.REGTYPE), "not relative"), (("p.yaml", b"x", tarfile.REGTYPE), "there twice"),
                         (("l.yaml", b"", tarfile.SYMTYPE), "no regular file"), (("h.yaml", b"", tarfile.LNKTYPE), "no regular file"), (("d.yaml", b"", tarfile.CHRTYPE), "no regular file"),
                         (("a/b/c/d/e/f/g/h/i/j/p.yaml", b"", tarfile.REGTYPE), "too deep"), (("big.yaml", b" " * (9 << 20), tarfile.REGTYPE), "larger than")):
            server.serve(archive_of(*good, bad))
            until(f"refused: {why}", lambda: why in json.dumps(g.state()["last_refusal"]))
        server.serve(archive_of(*good)[:-40])
        until("refused: cut", lambda: "archive" in json.dumps(g.state()["last_refusal"]) and "larger" not in json.dumps(g.state()["last_refusal"]))
        server.serve(archive_of(good[1]))
        until("refused: no bundle", lambda: "no bundle.yaml" in json.dumps(g.state()["last_refusal"]))
        assert redacts(g, "Halden Bank") and g.state()["activation"] == "1-1"


def test_what_is_refused_is_not_built_again_where_the_server_has_no_etags(lab):
    server = Server(lab)
    first, _ = packed(lab)
    server.serve(first)
    g = node(lab, server)
    bad = bundle(lab.dir / "bad")
    policy = bad / "p.yaml"
    policy.write_text(policy.read_text().replace("expect: {rules: []}", "expect: {rules: [rivals]}"))
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        for name in ("bundle.yaml", "p.yaml"):
            tar.add(bad / name, name)
    server.serve(whole.getvalue())
    server.etag = ""
    until("it is refused", lambda: g.state()["last_refusal"])
    refused = metric(g, "sluice_policy_refusals_total")
    asked = server.asked
    until("it was asked for again and again", lambda: server.asked > asked + 4, 30)
    assert metric(g, "sluice_policy_refusals_total") == refused, "the same bytes are refused once"
    assert g.state()["last_refusal"]["stands"] and g.state()["connected"]
    second, _ = packed(lab, "Ostwick Savings", more=["--against", lab.dir / "prod.tar.gz"])
    server.serve(second)
    until("what is right is taken", lambda: redacts(g, "Ostwick Savings"), 15)
