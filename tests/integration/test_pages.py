"""The reports that are pages, in a real browser: nothing is wider than a telephone, all of it can be read in light and dark, and the console stays
empty. Skipped where there is no chromium."""
import json
import re
import shutil
import subprocess
from http.server import BaseHTTPRequestHandler

from lab import ROOT, Skip, bundle, serve, sluice, until
from test_policy_swaps import fleet, push
from test_shadow import HEADERS, LIVE, NEXT, traffic


# The page stands in a frame of the wanted width, for the browser's own window has a least one. WCAG 2.1: contrast of 4.5, of large text 3.
LOOK = """<!doctype html><meta charset="utf-8"><body style="margin:0"><iframe id="f" src="/page" width="WIDTH" height="3000" style="border:0"></iframe><pre id="out"></pre>
<script>
function light(c) { return c.map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0) }
function rgb(text) { const n = text.match(/[\\d.]+/g).map(Number); return n.length > 3 && n[3] === 0 ? null : n.slice(0, 3) }
document.getElementById('f').onload = e => {
  const w = e.target.contentWindow, d = w.document, root = d.documentElement, page = rgb(w.getComputedStyle(d.body).backgroundColor), pale = [], wide = [], hidden = []
  for (const each of d.body.querySelectorAll('*')) {
    const style = w.getComputedStyle(each), box = each.getBoundingClientRect()
    if (style.overflowX === 'auto' && each.scrollWidth > each.clientWidth + 1) hidden.push(each.textContent.slice(0, 40))
    if (each.tagName === 'text' && (box.right > each.closest('svg').getBoundingClientRect().right + 1)) wide.push(each.textContent)
    if (box.right > WIDTH + 1 && !each.closest('.scroll')) wide.push(each.tagName + ' ' + each.textContent.slice(0, 40))
    if (![...each.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || each.tagName.toLowerCase() === 'title') continue
    const ink = rgb(each.closest('svg') ? style.fill : style.color), a = light(ink), b = light(page), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05)
    if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) pale.push(each.tagName + ' ' + ratio.toFixed(1) + ' ' + each.textContent.slice(0, 40))
  }
  document.getElementById('out').textContent = JSON.stringify({width: root.clientWidth, needs: root.scrollWidth, dark: w.matchMedia('(prefers-color-scheme: dark)').matches, page: page, wide: wide.slice(0, 5), hidden: hidden, pale: pale.slice(0, 5), seen: d.body.innerText.length})
}
</script>"""


def look_at(lab, page, width, dark):
    """What the browser measured of the page, and what it said on its console."""
    wrapper = LOOK.replace("WIDTH", str(width)).encode()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            body = {"/": wrapper, "/page": page}.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(body or b"")

    words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr", f"--user-data-dir={lab.dir}/browser", f"--window-size={max(width, 500)},1000", "--dump-dom"]
    r = subprocess.run([*words, *(["--force-dark-mode"] if dark else []), f"http://127.0.0.1:{serve(Handler)}/"], capture_output=True, text=True, timeout=60)
    told = re.search(r'<pre id="out">(.*?)</pre>', r.stdout, re.DOTALL)
    assert told and told[1], f"the browser measured nothing: {r.stderr[-2000:]}"
    # The icon that browsers ask every server for is no affair of the page.
    console = [line for line in r.stderr.splitlines() if ":CONSOLE" in line and "favicon" not in line]
    return json.loads(told[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")), console


def check(lab, page, words):
    for word in words:
        assert word.encode() in page, word
    for width in (390, 1000, 1280):
        for dark in (False, True):
            told, console = look_at(lab, page, width, dark)
            what = (width, dark, told)
            assert told["dark"] == dark and told["width"] == width and told["seen"] > 300, what
            assert (sum(told["page"]) < 200) == dark, what
            assert told["needs"] <= told["width"] and not told["wide"], f"it scrolls sideways: {what}"
            assert width < 1000 or not told["hidden"], f"a part of it is to be seen only by scrolling: {what}"
            assert not told["pale"], f"too little contrast: {what}"
            assert not console, console


def need_browser():
    if not shutil.which("chromium"):
        raise Skip("chromium is not installed (apt-get install chromium): the pages of the gate and of shadow are not looked at")


def test_the_page_of_the_gate_in_a_browser(lab):
    need_browser()
    shutil.copytree(ROOT / "policies", lab.dir / "policies")
    # A rule that is too wide, so that each section has something to show.
    (lab.dir / "policies/wide.yaml").write_text("""apiVersion: sluice/v1
kind: Policy
metadata: {name: wide, title: Too wide, owner: it}
rules:
  - id: brand-a-rule-with-quite-a-long-name-that-is-too-wide
    title: Too wide
    severity: low
    direction: request
    match: {keywords: [chess]}
    action: {type: block, message: "No."}
    tests: [{name: a, request: chess, expect: {rules: [brand-a-rule-with-quite-a-long-name-that-is-too-wide]}}, {name: b, request: nothing, expect: {rules: []}}]
""")
    manifest = lab.dir / "policies/bundle.yaml"
    manifest.write_text(manifest.read_text() + "  - {use: wide, bind: {scope: global}}\n")
    page = lab.dir / "gate.html"
    r = sluice("test", lab.dir / "policies", "--against", ROOT / "policies", "--html", page, check=False)
    assert r.returncode == 1, r.stdout + r.stderr
    check(lab, page.read_bytes(), ["Why not", "False positives by rule", "Recall", "Cost by rule", "Decisions that change", "quite-a-long-name"])


def test_the_page_of_a_shadow_in_a_browser(lab):
    need_browser()
    port, up, source, make = fleet(lab, HEADERS)
    lab.redis(port)
    g = make(0)
    push(port, bundle(lab.dir / "live", extra=LIVE), "--wait", "1")
    trial = bundle(lab.dir / "next", ("Halden Bank", "Ostwick Savings"), extra=NEXT)
    push(port, trial, "--shadow", "--wait", "1")
    traffic(g, 120)
    until("all was judged", lambda: "sluice_shadow_judged_total 120\n" in g.get("/metrics")[1], 30)
    g.records()
    page = lab.dir / "shadow.html"
    sluice("shadow", "report", "--from", g.audit, "--bundle", trial, "--html", page)
    check(lab, page.read_bytes(), ["Newly blocked, by rule", "By tenant", "examples, masked"])
