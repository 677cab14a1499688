"""How fast `retrieve serve` is over 10,000 photos, as a table. Indexes samples; needs wrk and Chromium.

`python -m tests.e2e.measure_service`; a few minutes. Questions are asked anew, of sentences that the service
has encoded, unless a row says otherwise.
"""

import itertools
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

from indexer.samples import write_samples
from retrieval.command.main import run
from retrieval.command.progress_bar import show_progress
from retrieval.markdown_table import render_markdown_table
from tests.e2e.large_index import write_large_index
from tests.e2e.load import ask_at_rate, ask_in_turn
from tests.e2e.service_process import COMMAND, ServiceProcess

Row = tuple[str, str, str]
"""What was measured, what came out, and what is asked of it, if anything is."""

_PHOTOS = 10_000
_WHO = ("a dog", "two children", "a man in a red shirt", "a woman", "a cat", "three people", "a boy")
_WHERE = ("on the beach", "in the snow", "beside a log", "in front of a house", "on a street", "in the grass")
_SENTENCES = [f"{who} plays {where}" for who in _WHO for where in _WHERE]
# When the first photos are on the screen after what was typed last.
_WATCH = """() => {
  window.keyed = 0;
  window.shown = new Promise((resolve) => {
    document.querySelector("#query").addEventListener("input", () => { window.keyed = performance.now(); });
    new MutationObserver((_, observer) => {
      if (!window.keyed) return;
      const photo = document.querySelector("#results img");
      if (!photo) return;
      observer.disconnect();
      const done = () => requestAnimationFrame(() => resolve(performance.now() - window.keyed));
      if (photo.complete) done(); else photo.onload = photo.onerror = done;
    }).observe(document.querySelector("#results"), { childList: true });
  });
}"""


def main() -> None:
    """Measure, and print the table."""
    for program in ("wrk", "chromium"):
        if shutil.which(program) is None:
            sys.exit(
                f"found no {program}, which this measures with; install it (Debian: apt install {program})"
            )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        large = make_index(folder)
        service = ServiceProcess(COMMAND, "--index", str(large))
        try:
            rows = measure_all(service, folder)
        finally:
            service.end()
    print(render_markdown_table(("", "measured", "asked"), rows))  # noqa: T201


def make_index(folder: Path) -> Path:
    """Of 10,000 photos, from the samples; what the command says of these is no part of the table."""
    write_samples(folder / "samples")
    with redirect_stdout(sys.stderr):
        assert run(["index", str(folder / "samples"), "--index", str(folder / "small")]) == 0
    return write_large_index(folder / "small", folder / "large", _PHOTOS)


def measure_all(service: ServiceProcess, folder: Path) -> list[Row]:
    """One kind after another, each when the one before it is done."""
    kinds = (
        measure_searches(service),
        measure_rates(service, folder),
        measure_overload(service),
        measure_page(service),
        measure_edits(service),
    )
    rows = list[Row]()
    with show_progress() as progress:
        for done, kind in enumerate(kinds):
            progress("Measuring the service", done, len(kinds))
            rows += kind
    return rows


def make_questions(start: int = 0) -> Iterator[str]:
    """Paths of searches that nobody asked before, in few words: a least probability that all photos have."""
    for number in itertools.count(start):
        for sentence in _SENTENCES:
            yield f"/api/search?q={quote(sentence)}&k=30&min_probability={number / 1e9:.9f}"


def measure_searches(service: ServiceProcess) -> Iterator[Row]:
    """One client, all channels."""
    new = (
        f"/api/search?q={quote(f'{each} with {number} trees')}&k=30"
        for number in range(100)
        for each in _SENTENCES
    )
    ask_in_turn(service.port, 1, 2, make_questions())
    known = make_questions(10**4)
    for what, paths, asked in (
        ("its sentence encoded (median)", new, "30 ms"),
        ("of a known sentence (median)", known, "5 ms"),
    ):
        answers = ask_in_turn(service.port, 1, 3, paths)
        assert {answer.status for answer in answers} == {200}
        seconds = [answer.seconds for answer in answers]
        yield f"a search, {what}", f"{1e3 * statistics.median(seconds):.1f} ms", asked


def measure_rates(service: ServiceProcess, folder: Path) -> Iterator[Row]:
    """Four clients of wrk: what does nothing, what is remembered, what is searched anew."""
    remembered = f"/api/search?q={quote(_SENTENCES[0])}&k=30"
    service.get(remembered)
    script = folder / "anew.lua"
    paths = ",".join(f'"{path}"' for path in itertools.islice(make_questions(10**5), 20_000))
    script.write_text(
        f"local paths, n = {{{paths}}}, 0\n"
        'request = function() n = n % #paths + 1; return wrk.format("GET", paths[n]) end\n'
    )
    nothing = run_wrk(service, "/health")
    yield "requests that do nothing, 4 clients", f"{nothing:.0f} /s", ""
    for name, rate in (
        ("answers that are remembered", run_wrk(service, remembered)),
        ("searches", run_wrk(service, "/", "--script", str(script))),
    ):
        yield f"{name}, 4 clients", f"{rate:.0f} /s, {rate / nothing:.2f} of those that do nothing", "0.4"


def run_wrk(service: ServiceProcess, path: str, *arguments: str) -> float:
    """Requests a second."""
    options = ["--threads", "1", "--connections", "4", "--duration", "4s", *arguments]
    done = subprocess.run(
        ["wrk", *options, service.address + path], capture_output=True, text=True, check=True
    )
    assert "Non-2xx" not in done.stdout
    return float(re.search(r"Requests/sec: +([0-9.]+)", done.stdout)[1])


def measure_overload(service: ServiceProcess) -> Iterator[Row]:
    """Ten times what four clients are answered."""
    paths = make_questions(10**6)
    sustained = ask_in_turn(service.port, 4, 4, paths)
    assert {answer.status for answer in sustained} == {200}
    rate = len(sustained) / 4
    answers = ask_at_rate(service.port, 10 * rate, 6, paths)
    assert {answer.status for answer in answers} == {200, 503}
    accepted = sorted(answer.seconds for answer in answers if answer.status == 200)
    slowest = accepted[int(0.99 * (len(accepted) - 1))]
    what = f"p99 of those accepted at 10 x {rate:.0f}/s ({len(accepted) / 6:.0f}/s, the rest 503)"
    yield what, f"{1e3 * slowest:.0f} ms", "250 ms"


def measure_page(service: ServiceProcess) -> Iterator[Row]:
    """In a browser, sentences that are new to the service."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(service.address)
        times = [time_typing(page, f"{sentence} at night") for sentence in _SENTENCES[:20]]
        browser.close()
    what = "from a key to the first photos on the page (median)"
    yield what, f"{statistics.median(times):.0f} ms", "300 ms"


def time_typing(page: Page, sentence: str) -> float:
    """Milliseconds."""
    page.fill("#query", "")
    page.wait_for_timeout(600)
    page.evaluate(_WATCH)
    page.keyboard.insert_text(sentence)
    return float(page.evaluate("window.shown"))


def measure_edits(service: ServiceProcess) -> Iterator[Row]:
    """A person's captions of twenty photos, one after another."""
    hits = json.loads(service.get(f"/api/search?q={quote(_SENTENCES[0])}&k=20")[2])["hits"]
    seconds = []
    for number, hit in enumerate(hits):
        start = time.perf_counter()
        status, _, _ = service.put(f"/api/photos/{hit['image_id']}/caption", {"text": f"our dog {number}"})
        seconds.append(time.perf_counter() - start)
        assert status == 200
    what = "a caption that a person sets, until the next search knows it (median)"
    yield what, f"{1e3 * statistics.median(seconds):.0f} ms", ""


if __name__ == "__main__":
    main()
