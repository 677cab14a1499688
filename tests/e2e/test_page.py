"""The search page in a real browser, served by `retrieve serve` over real photos with the shipped models."""

import base64
import io
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import numpy as np
import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from indexer.samples import write_samples
from retrieval.command.main import run
from retrieval.generations.human_caption import set_caption
from retrieval.store.manifest import ModelRecord, UnfinishedRun, commit_manifest, read_manifest
from retrieval.text.text_encoder import load_text_encoder
from tests.e2e.service_process import COMMAND, COMMAND_WITH_WORDS, ServiceProcess
from tests.e2e.watched_page import Watched, fits_its_window
from tests.live_rows import iterate_live_rows

HOSTILE = '<img src=x onerror="window.owned=1">'
TOKEN = "correct horse battery staple"
DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample photos, a near-duplicate of one, and one with a name that would be a tag."""
    folder = tmp_path_factory.mktemp("served") / "photos"
    write_samples(folder)
    Image.open(folder / "chelsea.png").save(folder / "chelsea again.jpg", quality=95)
    Image.radial_gradient("L").save(folder / f"{HOSTILE}.png")
    return folder


@pytest.fixture(scope="module")
def index(photos: Path) -> Path:
    index = photos.parent / "index"
    assert run(["index", str(photos), "--index", str(index)]) == 0
    hostile = next(
        row for _, row in iterate_live_rows(index, read_manifest(index)) if b"onerror" in row.paths[0]
    )
    set_caption(index, hostile.image_id, f"{HOSTILE} on a grey wall", load_text_encoder())
    return index


@pytest.fixture(scope="module")
def service(index: Path) -> Iterator[ServiceProcess]:
    service = ServiceProcess(COMMAND, "--index", str(index))
    yield service
    service.end()


@pytest.fixture
def visit(browser: Browser, service: ServiceProcess) -> Iterator[Callable[..., Page]]:
    """Opens the page; afterwards nothing may have gone wrong in it, and no request have left the machine.

    `complaints` are what the console may say: it calls a refused query an error.
    """
    watched: list[tuple[Watched, BrowserContext, str]] = []

    def open_page(path: str = "/", complaints: str = "", **settings: object) -> Page:
        context = browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **settings})
        context.set_default_timeout(20_000)
        # Chromium forgets a request now and then that is made just when Playwright begins to hold requests.
        context.route("**/nowhere", Route.abort)
        page = context.new_page()
        watched.append((Watched(page), context, complaints))
        page.goto(service.address + path)
        return page

    yield open_page
    for each, context, complaints in watched:
        context.close()
        assert [text for text in each.complaints if not (complaints and complaints in text)] == []
        assert {urlsplit(url)[:2] for url in each.asked} == {("http", f"127.0.0.1:{service.port}")}


def tiles(page: Page) -> list[str]:
    """The captions of the photos that are shown."""
    return [text.strip() for text in page.locator("#results li .words").all_inner_texts()]


def wait(page: Page) -> None:
    """Until the answer to what was asked last is shown."""
    expect(page.locator("#results")).to_have_attribute("aria-busy", "false")


def search(page: Page, text: str) -> None:
    """Type a query, and wait for its answer."""
    page.fill("#query", text)
    wait(page)


def names(page: Page) -> list[str]:
    """The photos that are shown, by the first 12 digits of their ids."""
    return [tile.get_attribute("data-id") for tile in page.locator("#results li").all()]


def open_first(page: Page) -> None:
    with page.expect_response(re.compile("/explain")):
        page.locator("#results a").first.click()
    expect(page.locator("#panel")).to_be_visible()
    expect(page.locator("#channels li").first).to_be_visible()


FIND_VIOLATIONS = """async options => {
  const { violations } = await axe.run({ resultTypes: ["violations"], ...options });
  return { violations };
}"""


def find_violations(page: Page, **options: object) -> AxeResults:
    """What axe finds wrong. Its script goes into a page once, and nothing else comes back: both are long."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return AxeResults(page.evaluate(FIND_VIOLATIONS, options))


def test_all_photos_are_there_before_anything_is_asked(visit):
    page = visit()
    expect(page.locator("#status")).to_have_text("13 photos, newest first")
    expect(page.locator("#results li")).to_have_count(12)  # One is folded under its twin.
    for photo in page.locator("#results img").all():
        photo.scroll_into_view_if_needed()
        expect(photo).to_have_class("here")


def test_results_come_while_one_types(visit, service):
    page = visit()
    page.locator("#query").press_sequentially("a man with a camera", delay=20)
    expect(page.locator("#status")).to_have_text("Best of 13 photos")
    _, _, body = service.get("/api/search?q=a+man+with+a+camera")
    expected = [hit["image_id"] for hit in json.loads(body)["hits"]]
    expect(page.locator("#results li").first).to_have_attribute("data-id", expected[0])
    assert names(page) == expected
    assert page.title() == "a man with a camera – Retrieve"
    page.reload()
    expect(page.locator("#query")).to_have_value("a man with a camera")
    expect(page.locator("#results li").first).to_have_attribute("data-id", expected[0])


def test_rows_are_as_wide_as_the_page_and_photos_keep_their_shape(visit):
    page = visit()
    expect(page.locator("#results li")).to_have_count(12)
    boxes = [tile.bounding_box() for tile in page.locator("#results li").all()]
    rows: dict[int, list[dict[str, float]]] = {}
    for box in boxes:
        rows.setdefault(round(box["y"]), []).append(box)
    *full, _last = rows.values()
    assert len(full) >= 2
    for row in full:
        assert row[0]["x"] == pytest.approx(20, abs=1)
        assert row[-1]["x"] + row[-1]["width"] == pytest.approx(1260, abs=1)
        assert len({round(box["height"]) for box in row}) == 1
    for tile, box in zip(page.locator("#results li").all(), boxes, strict=True):
        ratio = float(tile.get_attribute("data-ratio"))
        assert box["width"] / box["height"] == pytest.approx(ratio, rel=0.01)


# The animation ends in the first frame that begins a millisecond after it.
READ_HEAT = """async heat => {
  const asked = performance.now();
  while (await new Promise(requestAnimationFrame) <= asked + 1);
  return heat.toDataURL();
}"""


def read_heat(page: Page) -> np.ndarray:
    """How dark the photo is made, by place: alpha (H, W) from 0 to 255."""
    address = page.locator("#heat").evaluate(READ_HEAT)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))[:, :, 3].astype(
        int
    )


def test_why_a_photo_came_up(visit, service):
    page = visit()
    search(page, "a man in a red shirt")
    open_first(page)
    image_id = names(page)[0]
    _, _, body = service.get(f"/api/photos/{image_id}/explain?q=a+man+in+a+red+shirt")
    why = json.loads(body)
    bars = page.locator("#channels li").all()
    assert len(bars) == len(why["channels"]) == 3
    shares = [
        float(bar.locator(".fill").evaluate("bar => bar.style.getPropertyValue('--share')")) for bar in bars
    ]
    assert sum(shares) == pytest.approx(1, abs=0.01)
    assert shares == sorted(shares, reverse=True)
    assert page.locator("#sentence > *").all_inner_texts() == [word["word"] for word in why["words"]]
    matched = [word["word"] for word in why["words"] if word["matched"]]
    assert {"man", "red", "shirt"} >= set(matched) > set()
    caption = " ".join(word["word"] for word in why["words"])
    expect(page.get_by_role("dialog", name=caption, exact=True)).to_be_visible()
    assert page.locator("#sentence .matched").all_inner_texts() == matched

    # The first matched word is lit at once; another is where the pointer is.
    expect(page.locator("#heat")).to_have_class("on")
    expect(page.locator("#sentence [aria-pressed=true]")).to_have_text(matched[0])
    drawn = {}
    for number in (1, len(why["words"]) - 1):
        page.locator("#sentence button").nth(number).hover()
        attention_RC = np.array(why["words"][number]["attention"])
        drawn[number] = read_heat(page)
        row, column = np.unravel_index(attention_RC.argmax(), attention_RC.shape)
        rows, columns = (side / 320 for side in attention_RC.shape)
        there = drawn[number][int((row + 0.5) / rows), int((column + 0.5) / columns)]
        row, column = np.unravel_index(attention_RC.argmin(), attention_RC.shape)
        elsewhere = drawn[number][int((row + 0.5) / rows), int((column + 0.5) / columns)]
        assert there < 120 < elsewhere
    assert np.abs(drawn[1] - drawn[len(why["words"]) - 1]).max() > 40

    page.mouse.move(5, 5)
    page.locator("#frame").click()
    expect(page.locator("#heat")).not_to_have_class("on")


def test_why_a_photo_came_up_whose_caption_says_nothing_of_it(visit, service):
    """Photos come up for their tags, too; and one that cannot be looked at again gains the average."""
    about = json.loads(service.get("/api/search?k=30&q=-zebra")[2])["hits"]
    tags = {
        tag: hit["caption"]
        for hit in about
        for tag in json.loads(service.get(f"/api/photos/{hit['image_id']}/explain")[2])["tags"]
    }
    tag = next(tag for tag, caption in tags.items() if not set(tag.split()) & set(caption.split()))
    page = visit()
    search(page, f'"{tag}"')
    open_first(page)
    expect(page.locator("#facts dt", has_text="Also says")).to_be_visible()
    expect(page.locator("#facts dt:text('Also says') + dd")).to_contain_text(tag)
    page.keyboard.press("Escape")

    def lose(route: Route) -> None:
        why = route.fetch().json()
        route.fulfill(json={**why, "unseen": 0.25})

    page.route("**/explain*", lose)
    open_first(page)
    second_look = page.locator("#channels li", has_text="Second look")
    expect(second_look.locator(".figures")).to_have_text("could not be read, gains the average")
    expect(page.locator("#channels li")).to_have_count(4)


def test_what_has_no_scores_is_said_to_be_in_order_of_time(visit):
    page = visit()
    search(page, "-zebra")
    expect(page.locator("#status")).to_have_text("13 photos, newest first")
    search(page, "path:chelsea")
    expect(page.locator("#status")).to_have_text("2 of 13 photos pass, newest first")
    search(page, "cat path:chelsea")
    expect(page.locator("#status")).to_have_text("2 of 13 photos pass")


def test_what_is_said_to_be_half_likely_is(visit):
    page = visit()
    said = page.evaluate(
        'async shares => shares.map((await import("/elements.js")).percent)',
        [0.4999, 0.5, 0.57, 0.29, 1, 0.004],
    )
    assert said == ["49 %", "50 %", "57 %", "29 %", "100 %", "0 %"]


def test_why_is_of_the_search_on_the_screen(visit, service):
    page = visit("/?q=a+cat&where=path%3Achelsea&channel=caption")
    wait(page)
    sure = page.locator("#results .likely").first.inner_text()
    open_first(page)
    expect(page.locator("#channels .name")).to_have_text(["Caption"])
    expect(page.locator("#channels .figures")).to_contain_text(["1st of 2,"])  # So many pass.
    expect(page.locator("#likely-text b")).to_have_text(sure)


def test_nothing_that_is_said_of_a_photo_is_the_former_ones(visit):
    page = visit(complaints="ERR_FAILED")
    search(page, "a cat")
    with page.expect_response(re.compile("/explain")):
        page.locator("li", has=page.locator(".stack:visible")).locator("a").click()
    expect(page.locator("#facts dd").first).to_contain_text("chelsea")
    expect(page.locator("#why")).to_be_visible()
    held = []
    page.route("**/explain*", lambda route: held.append(route))

    def expect_nothing_else() -> None:
        expect(page.locator("#facts dd")).to_have_count(0)
        expect(page.get_by_text("Details")).to_be_hidden()
        expect(page.locator("#why")).to_be_hidden()

    page.locator("#same-strip button").click()  # Of this one nothing is known: it is no hit.
    expect(page.locator("#place")).to_have_text("")
    expect(page.locator("#sentence")).to_have_text("")
    expect(page.locator("#by")).to_have_text("")
    expect_nothing_else()
    held.pop().continue_()
    expect(page.locator("#facts dd").first).to_contain_text("chelsea")
    page.keyboard.press("Escape")
    page.unroute("**/explain*")
    open_first(page)
    page.route("**/explain*", lambda route: route.abort())
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panel-problem")).to_contain_text("The service does not answer.")
    expect_nothing_else()


def test_the_first_photos_are_looked_at_again(visit, service):
    query = "a man in a red shirt"
    address = f"/api/search?k=30&q={query.replace(' ', '+')}"
    plain, again = (
        json.loads(service.get(f"{address}&rerank={rerank}")[2])["hits"] for rerank in ("false", "true")
    )
    page = visit(f"/?{urlencode({'q': query})}")
    wait(page)
    assert names(page) == [hit["image_id"] for hit in plain] != [hit["image_id"] for hit in again]
    page.locator("#filters-button").click()
    page.get_by_label("Look at the first photos again").check()
    expect(page.locator("#filters-count")).to_have_text("1")
    wait(page)
    assert names(page) == [hit["image_id"] for hit in again]
    open_first(page)
    second_look = page.locator("#channels li", has_text="Second look")
    expect(second_look.locator(".figures")).to_contain_text("of those looked at again, score -")
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("photo="))
    page.reload()
    expect(page.locator("[name=again]")).to_be_checked()
    wait(page)
    assert names(page) == [hit["image_id"] for hit in again]
    page.locator("#filters-button").click()
    page.get_by_label("Look at the first photos again").uncheck()
    wait(page)
    assert names(page) == [hit["image_id"] for hit in plain]


def test_from_photo_to_photo(visit):
    page = visit()
    search(page, "a cat")
    ids = names(page)
    open_first(page)
    expect(page.locator("#place")).to_have_text("1 of 12")
    page.locator("#after").click()
    expect(page.locator("#place")).to_have_text("2 of 12")
    assert ids[1] in page.url
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#place")).to_have_text("1 of 12")
    expect(page.locator("#before")).to_be_hidden()
    page.go_back()
    expect(page.locator("#panel")).to_be_hidden()
    page.go_forward()
    expect(page.locator("#panel")).to_be_visible()


def test_who_steps_to_the_first_photo_is_told_and_keeps_the_focus(visit):
    page = visit()
    search(page, "a cat")
    page.locator("#results a").nth(1).click()
    page.locator("#before").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="1 of 12")).to_be_visible()
    expect(page.locator("#before")).to_be_disabled()
    expect(page.locator("#panel")).to_be_focused()


def test_a_photo_without_a_caption_has_a_name(visit):
    page = visit()

    def forget_words(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), "words": []})

    page.route("**/explain?*", forget_words)
    search(page, "a cat")
    open_first(page)
    expect(page.get_by_role("dialog", name="Photo without a caption", exact=True)).to_be_visible()


def test_who_goes_on_asks_no_more_of_the_photo_before(visit):
    page = visit()
    ended = []
    page.on("requestfailed", lambda request: ended.append(urlsplit(request.url).path))
    page.route("**/explain?*", lambda route: None)
    search(page, "a cat")
    asked = [f"/api/photos/{image_id}/explain" for image_id in names(page)[:3]]
    page.locator("#results a").first.focus()
    for key in ("Enter", "ArrowRight", "ArrowRight"):
        with page.expect_request("**/explain?*"):
            page.keyboard.press(key)
    with page.expect_event("requestfailed", lambda request: asked[2] in request.url):
        page.keyboard.press("Escape")
    assert [path for path in ended if path.endswith("/explain")] == asked


def test_a_busy_service_is_asked_again_only_of_the_photo_that_is_shown(visit):
    page = visit(complaints="503")
    asked = []

    def refuse(route: Route) -> None:
        asked.append(urlsplit(route.request.url).path.split("/")[3])
        route.fulfill(status=503)

    page.route("**/explain?*", refuse)
    search(page, "a cat")
    first, second = names(page)[:2]
    with page.expect_response("**/explain?*"):
        page.locator("#results a").first.click()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panel-problem")).to_have_text("The service answered 503")
    assert asked == [first, second, second]


def hold_captions(page: Page) -> list[Route]:
    """The captions that are sent from now on, none of which is answered."""
    held: list[Route] = []
    page.route("**/caption", lambda route: held.append(route))
    return held


def begin_caption(page: Page, text: str) -> None:
    """Write this as the caption of the first photo of cats, and do not save it.

    Routes for what is sent then are to be set before: a browser misses one set just before its request.
    """
    search(page, "a cat")
    open_first(page)
    page.keyboard.press("e")
    page.keyboard.type(text)


def send_caption(page: Page) -> None:
    """Save the caption that is being written; returns once it is on its way."""
    with page.expect_request("**/caption"):
        page.keyboard.press("Enter")


def test_no_key_loses_a_caption_that_is_being_written(visit):
    page = visit()
    begin_caption(page, "a tabby")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Save")).to_be_focused()
    for key in ("ArrowRight", "e", "s"):
        page.keyboard.press(key)
        expect(page.locator("#edit-text")).to_be_visible()
        expect(page.locator("#edit-text")).to_have_value("a tabby")
    expect(page.locator("#place")).to_have_text("1 of 12")


def test_a_photo_stays_light_while_its_caption_is_being_written(visit):
    page = visit()
    search(page, "a man in a red shirt")
    page.locator("#results a").first.focus()
    page.keyboard.press("e")
    expect(page.locator("#edit-text")).to_be_focused()
    expect(page.locator("#facts dd").first).to_be_visible()
    expect(page.locator("#heat")).not_to_have_class("on")


def test_a_caption_that_is_being_written_is_seen_as_a_whole(visit):
    page = visit(viewport=PHONE)
    search(page, "a cat")
    open_first(page)
    page.locator("#edit-button").click()
    text = page.locator("#edit-text")
    page.keyboard.insert_text("two tabbies asleep on a red sofa, one with its paw on the other, " * 3)
    assert text.evaluate("text => text.scrollHeight <= text.clientHeight")
    page.keyboard.insert_text("and so on " * 80)
    expect(page.get_by_role("button", name="Save")).to_be_in_viewport(ratio=1)


def test_no_click_loses_a_caption_that_is_being_written(visit):
    page = visit()
    search(page, "a cat")
    with page.expect_response(re.compile("/explain")):
        page.locator("li", has=page.locator(".stack:visible")).locator("a").click()
    expect(page.locator("#same-strip button")).to_be_visible()
    address = page.url
    page.locator("#edit-button").click()
    page.keyboard.type("a tabby")
    page.mouse.click(5, 5)  # The dark beside the photo.
    for selector in ("#after", "#same-strip button"):
        control = page.locator(selector)
        control.evaluate("control => control.scrollIntoView()")
        box = control.bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(50)
    expect(page.locator("#edit-text")).to_be_visible()
    expect(page.locator("#edit-text")).to_have_value("a tabby")
    assert page.url == address
    page.locator("#edit-cancel").click()
    page.locator("#after").click()
    expect(page).not_to_have_url(address)


@pytest.mark.parametrize(
    "close",
    [lambda page: page.locator("#close").click(), lambda page: page.evaluate("history.back()")],
    ids=["button", "back"],
)
def test_what_closes_a_photo_ends_its_caption_first(visit, close):
    page = visit()
    begin_caption(page, "a tabby")
    address = page.url
    close(page)
    expect(page.locator("#edit")).to_be_hidden()
    expect(page.locator("#panel")).to_be_visible()
    expect(page).to_have_url(address)
    expect(page.locator("#edit-button")).to_be_focused()
    close(page)
    expect(page.locator("#panel")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("photo="))
    expect(page.locator("#query")).to_have_value("a cat")


@pytest.mark.parametrize(
    "close",
    [
        lambda page: page.locator("#close").click(),
        lambda page: page.evaluate("history.back()"),
        lambda page: page.keyboard.press("Escape"),
    ],
    ids=["button", "back", "escape"],
)
def test_a_caption_that_was_begun_is_there_when_its_photo_is_opened_again(visit, close):
    page = visit()
    edit, text = page.locator("#edit-button"), page.locator("#edit-text")

    def close_photo() -> None:
        close(page)
        expect(page.locator("#panel")).to_be_hidden()
        expect(page).not_to_have_url(re.compile("photo="))

    begin_caption(page, "a tabby")
    close(page)
    expect(edit).to_have_text("Finish caption")
    page.locator("#after").click()
    expect(page.locator("#place")).to_have_text("2 of 12")
    expect(edit).to_have_text("Edit caption")
    close_photo()
    open_first(page)
    expect(edit).to_have_text("Finish caption")
    edit.click()
    expect(text).to_have_value("a tabby")
    page.keyboard.type(" asleep")
    expect(text).to_have_value("a tabby asleep")
    page.locator("#edit-cancel").click()
    expect(edit).to_have_text("Edit caption")
    close_photo()
    before = tiles(page)[0]
    open_first(page)
    edit.click()
    expect(text).to_have_value(before)


def test_a_caption_that_was_begun_outlives_a_reload(visit):
    page = visit()
    edit, text = page.locator("#edit-button"), page.locator("#edit-text")
    begin_caption(page, "a tabby")
    page.reload()
    expect(edit).to_have_text("Finish caption")
    edit.click()
    expect(text).to_have_value("a tabby")
    page.locator("#edit-cancel").click()
    page.reload()
    expect(edit).to_have_text("Edit caption")


def test_a_caption_that_is_on_its_way_outlives_a_reload(visit):
    page = visit()
    page.route("**/caption", lambda route: None)
    begin_caption(page, "a tabby")
    send_caption(page)
    page.reload()
    expect(page.locator("#edit-button")).to_have_text("Finish caption")
    page.locator("#edit-button").click()
    expect(page.locator("#edit-text")).to_have_value("a tabby")


def test_where_a_browser_keeps_nothing_a_caption_that_was_begun_is_there_until_the_page_is_left(visit):
    page = visit()
    page.add_init_script(
        """Object.defineProperty(window, "sessionStorage", {
            get() { throw new DOMException("It is blocked.", "SecurityError"); },
        });"""
    )
    page.reload()
    begin_caption(page, "a tabby")
    page.keyboard.press("Escape")
    page.locator("#after").click()
    expect(page.locator("#edit-button")).to_have_text("Edit caption")
    page.locator("#before").click()
    expect(page.locator("#edit-button")).to_have_text("Finish caption")
    page.locator("#edit-button").click()
    expect(page.locator("#edit-text")).to_have_value("a tabby")


def test_a_caption_is_kept_until_it_is_saved(visit):
    page = visit(complaints="507")
    edit, text = page.locator("#edit-button"), page.locator("#edit-text")
    held = hold_captions(page)
    begin_caption(page, "a tabby")
    for status, kept in ((507, True), (204, False)):
        send_caption(page)
        page.keyboard.press("Escape")
        expect(edit).to_have_text("Edit caption")
        with page.expect_response("**/caption"):
            held.pop().fulfill(status=status, body='{"detail": "the disk is full"}' if kept else "")
        expect(edit).to_have_text("Finish caption" if kept else "Edit caption")
        wait(page)
        edit.click()
        expect(text).to_have_value("a tabby" if kept else tiles(page)[0])


def test_no_login_loses_a_caption_that_is_being_written(visit):
    page = visit(complaints="401")
    page.route("**/caption", lambda route: route.fulfill(status=401, body='{"detail": "no token"}'))
    page.route("**/api/session", lambda route: route.fulfill(status=204))
    begin_caption(page, "a tabby")
    page.keyboard.press("Enter")
    expect(page.locator("#login")).to_be_visible()
    expect(page.locator("#panel-problem")).to_have_text("No token")
    page.fill("#token", TOKEN)
    with page.expect_response(re.compile("/search")):
        page.keyboard.press("Enter")
    wait(page)
    expect(page.locator("#login")).to_be_hidden()
    expect(page.locator("#panel-problem")).to_be_hidden()
    expect(page.locator("#edit-text")).to_have_value("a tabby")
    expect(page.locator("#edit-text")).to_be_focused()


@pytest.mark.parametrize("key", ["Enter", "Tab Enter"])
def test_a_caption_stays_as_it_is_until_the_service_has_answered(visit, key):
    page = visit(complaints="507")
    text, save = page.locator("#edit-text"), page.get_by_role("button", name="Save")
    held = hold_captions(page)
    begin_caption(page, "a tabby")
    for status in (507, 204):
        with page.expect_request("**/caption"):
            for each in key.split():
                page.keyboard.press(each)
        expect(save).to_be_disabled()
        page.keyboard.type(" asleep")
        page.keyboard.press("Enter")
        page.wait_for_timeout(50)
        expect(text).to_have_value("a tabby")
        [route] = held
        held.clear()
        route.fulfill(status=status, body='{"detail": "the disk is full"}' if status == 507 else "")
        if status == 507:
            expect(page.locator("#panel-problem")).to_have_text("The disk is full")
            expect(text).to_be_focused()
    expect(page.locator("#edit-button")).to_be_focused()


def test_a_saved_caption_ends_no_later_one(visit):
    page = visit()
    held = hold_captions(page)
    begin_caption(page, "a tabby")
    send_caption(page)
    page.keyboard.press("Escape")
    expect(page.locator("#edit")).to_be_hidden()
    page.keyboard.press("e")
    page.keyboard.type("two tabbies")
    with page.expect_response(re.compile("/search")):
        held[0].fulfill(status=204)
    wait(page)
    page.wait_for_timeout(50)
    expect(page.locator("#edit-text")).to_be_visible()
    expect(page.locator("#edit-text")).to_have_value("two tabbies")


def test_its_place_is_among_the_photos_that_are_shown(visit, service):
    query = urlencode({"q": "a man in a red shirt"})
    plain, again = (
        [
            hit["image_id"]
            for hit in json.loads(service.get(f"/api/search?k=30&{query}&rerank={rerank}")[2])["hits"]
        ]
        for rerank in ("false", "true")
    )
    moved = next(image_id for place, image_id in enumerate(plain) if again.index(image_id) not in (place, 11))
    page = visit(f"/?{query}")
    wait(page)
    held = []
    page.route("**/api/search?*rerank=true*", lambda route: held.append(route))
    page.locator("#filters-button").click()
    with page.expect_request("**/api/search?*rerank=true*"):
        page.locator("[name=again]").check()
    page.locator(f"[data-id='{moved}'] a").click()
    expect(page.locator("#place")).to_have_text(f"{plain.index(moved) + 1} of 12")
    held[0].continue_()
    expect(page.locator("#place")).to_have_text(f"{again.index(moved) + 1} of 12")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#place")).to_have_text(f"{again.index(moved) + 2} of 12")
    assert again[again.index(moved) + 1] in page.url


def rewrite(page: Page, script: str, **numbers: int) -> None:
    """From the next visit on, the page's script has these numbers."""

    def fulfill(route: Route) -> None:
        response = route.fetch()
        body = response.text()
        for name, number in numbers.items():
            body = re.sub(rf"\b{name} = \d+", f"{name} = {number}", body)
        route.fulfill(response=response, body=body)

    page.route(f"**/{script}", fulfill)


@pytest.mark.parametrize("late", ["q=a+cat", "rerank=true"])
def test_no_late_answer_loses_a_caption_that_is_being_written(visit, late):
    page = visit("/?q=a+cat&again=1")
    expect(page.locator("#status")).to_have_text("Best of 13 photos")
    page.route("**/api/search?*rerank=true*", lambda route: None)
    page.fill("#query", "a dog")
    with page.expect_response("**/api/search?*q=a+dog*"):
        page.keyboard.press("Enter")
    held = []
    page.route(f"**/api/search?*{late}*", lambda route: held.append(route))
    with page.expect_request(f"**/api/search?*{late}*"):
        page.go_back()
    page.locator("#results a").first.click()
    expect(page.locator("#facts dd").first).to_be_visible()
    page.keyboard.press("e")
    page.keyboard.type("a tabby")
    with page.expect_response(f"**/api/search?*{late}*"):
        held.pop().fulfill(json=page.request.get(f"{page.url.split('/?')[0]}/api/search?q=a+cat").json())
    page.keyboard.type(" asleep")
    expect(page.locator("#edit-text")).to_have_value("a tabby asleep")
    expect(page.locator("#edit-text")).to_be_focused()


def test_a_second_look_that_fails_leaves_what_is_shown(visit):
    page = visit(complaints="500")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "rerank=true" in request.url else None)
    page.route("**/api/search?*rerank=true*", lambda route: route.fulfill(status=500))
    rewrite(page, "search.js", AGAIN=0)
    page.goto(f"{page.url}?q=a+cat&again=1&where=path:nowhere")
    wait(page)
    expect(page.locator("#empty-title")).to_have_text("No photo passes")
    page.wait_for_timeout(50)
    assert asked == []
    page.goto(f"{page.url.split('/?')[0]}/?q=a+cat&again=1")
    expect(page.locator("#problem")).to_have_text("The service answered 500")
    expect(page.locator("#results li")).to_have_count(12)
    wait(page)


def scrolled(page: Page) -> int:
    """How far down the page is, in pixels."""
    return page.evaluate("() => Math.round(scrollY)")


def test_a_new_answer_is_read_from_its_top(visit):
    page = visit(viewport=PHONE)
    search(page, "a cat")
    last = page.locator("#results a").last
    last.scroll_into_view_if_needed()
    far = scrolled(page)
    assert far > 200
    page.locator("#search").evaluate("form => form.requestSubmit()")
    wait(page)
    assert scrolled(page) == far  # Nothing else was asked.
    search(page, "a man in a red shirt")
    assert scrolled(page) == 0
    with page.expect_response(re.compile("/explain")):
        last.click()
    held = []
    page.route("**/similar?*", lambda route: held.append(route))
    with page.expect_request("**/similar?*"):
        page.locator("#similar").click()
    page.evaluate("() => new Promise(requestAnimationFrame)")  # The panel has said that it closed.
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator("#results")).to_be_focused()
    held[0].continue_()
    expect(page.locator("#like")).to_be_visible()
    wait(page)
    assert scrolled(page) == 0


def test_no_photo_that_is_moved_to_lies_under_the_header(visit):
    page = visit(viewport={"width": 700, "height": 700})
    wait(page)
    page.locator("#filters-button").click()
    header, focused = page.locator(".top"), page.locator("#results a:focus")
    expect(header).to_have_css("position", "sticky")
    page.locator("#results a").last.focus()
    for _ in range(11):
        page.keyboard.press("ArrowLeft")
        assert focused.bounding_box()["y"] >= header.bounding_box()["height"]
    expect(page.locator("#results a").first).to_be_focused()

    page.set_viewport_size({"width": 700, "height": 400})  # There it would leave the photos no room.
    page.keyboard.press("End")
    expect(page.locator("#results a").last).to_be_focused()
    expect(header).not_to_be_in_viewport()


def test_back_returns_to_the_search_before(visit):
    page = visit()
    wait(page)
    found = {"": names(page)}
    for query in ("a cat", "a man in a red shirt"):
        search(page, query)
        page.keyboard.press("Enter")
        wait(page)
        found[query] = names(page)

    def expect_query(query: str) -> None:
        expect(page.locator("#query")).to_have_value(query)
        wait(page)
        assert names(page) == found[query]

    page.go_back()
    expect_query("a cat")
    page.go_back()
    expect_query("")
    page.go_forward()
    expect_query("a cat")

    # To open a photo is as good as Enter: Back leads to its search, and then to the one before.
    search(page, "a cup of coffee")
    found["a cup of coffee"] = names(page)
    open_first(page)
    page.go_back()
    expect(page.locator("#panel")).to_be_hidden()
    expect_query("a cup of coffee")
    page.go_back()
    expect_query("a cat")


@pytest.mark.parametrize(
    "close",
    [
        lambda page: page.locator("#close").click(),
        lambda page: page.keyboard.press("Escape"),
        lambda page: page.mouse.click(5, 5),  # The dark beside the photo.
    ],
    ids=["button", "escape", "beside"],
)
def test_back_leads_from_a_photo_that_was_closed_to_the_search_before(visit, close):
    page = visit()
    wait(page)
    for query in ("a cat", "a man in a red shirt"):
        search(page, query)
        page.keyboard.press("Enter")
        wait(page)
    open_first(page)
    page.locator("#after").click()
    expect(page.locator("#place")).to_have_text("2 of 12")
    close(page)
    expect(page.locator("#panel")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("photo="))
    expect(page.locator("#query")).to_have_value("a man in a red shirt")
    page.go_back()
    expect(page.locator("#query")).to_have_value("a cat")
    expect(page.locator("#panel")).to_be_hidden()


def test_a_photo_that_an_address_led_to_leaves_its_place_to_the_search(visit):
    page = visit()
    search(page, "a cat")
    page.goto(page.locator("#results a").first.get_attribute("href"))
    expect(page.locator("#panel")).to_be_visible()
    entries = page.evaluate("history.length")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("photo="))
    expect(page.locator("#query")).to_have_value("a cat")
    assert page.evaluate("history.length") == entries


def test_enter_asks_for_words_again(visit):
    page = visit()
    search(page, "a cat")
    found = names(page)
    page.locator("#results a").first.focus()
    page.keyboard.press("s")
    expect(page.locator("#like")).to_be_visible()
    wait(page)
    page.keyboard.press("/")
    page.keyboard.press("Enter")
    expect(page.locator("#like")).to_be_hidden()
    wait(page)
    assert names(page) == found
    page.go_back()
    expect(page.locator("#like")).to_be_visible()


def test_back_leads_past_a_photo_that_is_no_longer_indexed(visit):
    page = visit("/?q=a+cat", complaints="404")
    wait(page)
    page.goto(f"{page.url.split('/?')[0]}/?like={'0' * 64}")
    expect(page.locator("#results li")).to_have_count(12)
    expect(page.locator("#like")).to_be_hidden()
    page.go_back()
    expect(page.locator("#query")).to_have_value("a cat")


def test_what_is_typed_before_the_page_is_ready_is_asked(visit):
    page = visit()
    wait(page)
    held = []
    page.route("**/page.js", lambda route: held.append(route))
    with page.expect_request("**/page.js"):
        page.goto(f"{page.url}?where=width:%3E10", wait_until="commit")
    page.locator("#query").press_sequentially("a cat")
    with page.expect_response(lambda answer: "q=a+cat&" in answer.url):
        held[0].continue_()
    wait(page)
    expect(page.locator("#query")).to_have_value("a cat")
    assert parse_qs(urlsplit(page.url).query) == {"q": ["a cat"], "where": ["width:>10"]}


def test_photos_are_shown_though_the_service_says_nothing_of_itself(visit):
    page = visit(complaints="500")
    wait(page)
    page.route("**/api/about", lambda route: route.fulfill(status=500))
    page.reload()
    expect(page.locator("#results li[data-id]")).to_have_count(12)
    expect(page.locator("#problem")).to_be_hidden()


def test_the_channels_are_asked_for_again_where_that_failed(visit):
    page = visit(complaints="500")
    wait(page)
    page.route("**/api/about", lambda route: route.fulfill(status=500))
    page.goto(f"{page.url}?channel=image")
    wait(page)
    choices = page.locator("[name=channel] option")
    expect(choices).to_have_text(["everything"])
    page.unroute("**/api/about")
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "/about" in request.url else None)
    search(page, "a cat")
    expect(choices).to_have_text(["everything", "caption", "picture", "words"])
    expect(page.locator("[name=channel]")).to_have_value("image")
    search(page, "a dog")
    assert len(asked) == 1


def test_enter_asks_again_a_service_that_did_not_answer(visit):
    page = visit(complaints="ERR_FAILED")
    wait(page)
    page.route("**/api/*", lambda route: route.abort())
    page.reload()
    expect(page.locator("#problem")).to_contain_text("The service does not answer.")
    page.unroute("**/api/*")
    page.locator("#query").press("Enter")
    expect(page.locator("#results li[data-id]")).to_have_count(12)
    expect(page.locator("#problem")).to_be_hidden()


def test_an_address_says_all_that_is_asked(visit):
    asked = {"q": "a cat", "where": "width:>10", "channel": "image", "sure": "0.05", "same": "1"}
    page = visit()
    held = []
    page.route("**/api/about", lambda route: held.append(route))
    page.goto(f"{page.url}?{urlencode(asked)}")
    with page.expect_response(lambda answer: "q=a+cat+asleep" in answer.url):
        page.locator("#query").press_sequentially(" asleep")
    wait(page)
    asked["q"] = "a cat asleep"
    assert dict(parse_qsl(urlsplit(page.url).query)) == asked
    with page.expect_response(re.compile("/search")):
        held[0].continue_()
    expect(page.locator("[name=channel]")).to_have_value("image")
    wait(page)
    address = page.locator("#results a").first.get_attribute("href")
    assert dict(parse_qsl(urlsplit(address).query)) == asked | {"photo": names(page)[0]}


def test_what_ends_late_opens_no_photo_again(visit):
    page = visit(complaints="507")
    search(page, "a cat")
    held = hold_captions(page)

    def save_and_close() -> None:
        open_first(page)
        page.keyboard.press("e")
        send_caption(page)
        page.locator("#close").click()  # Ends the edit.
        page.locator("#close").click()
        expect(page).not_to_have_url(re.compile("photo="))

    save_and_close()
    with page.expect_response(re.compile("/search")):
        held.pop().fulfill(status=204)
    wait(page)
    expect(page.locator("#panel")).to_be_hidden()
    save_and_close()
    held.pop().fulfill(status=507, body='{"detail": "the disk is full"}')
    expect(page.locator("#problem")).to_have_text("The disk is full")
    expect(page.locator("#panel")).to_be_hidden()


def test_a_caption_that_was_not_saved_is_told_over_another_photo(visit):
    page = visit(complaints="507")
    held = hold_captions(page)
    begin_caption(page, "a tabby")
    send_caption(page)
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#place")).to_have_text("2 of 12")
    held.pop().fulfill(status=507, body='{"detail": "the disk is full"}')
    problem = "Another photo's caption was not saved: The disk is full"
    expect(page.locator("#panel-problem")).to_have_text(problem)
    expect(page.locator("#panel-problem")).to_be_visible()
    page.locator("#before").click()
    expect(page.locator("#edit-button")).to_have_text("Finish caption")


def test_a_saved_caption_takes_the_focus_from_no_other_photo(visit):
    page = visit()
    page.route("**/caption", lambda route: route.fulfill(status=204))
    search(page, "a cat")
    open_first(page)
    held = []
    page.route("**/explain?*", lambda route: held.append(route))
    page.keyboard.press("e")
    with page.expect_request("**/explain?*"):
        page.keyboard.press("Enter")
    expect(page.locator("#edit-text")).not_to_be_focused()  # Until it is drawn no more, keys are its own.
    with page.expect_request("**/explain?*"):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#place")).to_have_text("2 of 12")
    with page.expect_response(held[-1].request.url):
        held[-1].continue_()
    expect(page.locator("#sentence button").first).to_be_visible()
    expect(page.locator("#edit-button")).not_to_be_focused()


def test_more_photos_take_the_focus_at_once_and_from_nobody_who_types(visit):
    page = visit()
    held = []
    rewrite(page, "results.js", PAGE=5)
    page.route("**/api/search?*rerank=true*", lambda route: None)
    page.goto(f"{page.url}?q=a+cat&again=1")
    more, links = page.locator("#more"), page.locator("#results a")
    more.click()
    expect(links.nth(5)).to_be_focused()
    page.route("**/api/search?*k=15*", lambda route: held.append(route))
    with page.expect_request("**/api/search?*k=15*"):
        more.click()
    page.locator("#query").focus()
    held.pop().continue_()
    expect(links).to_have_count(12)
    expect(page.locator("#query")).to_be_focused()


def test_it_is_said_where_no_more_photos_are_offered(visit):
    page = visit()
    rewrite(page, "results.js", PAGE=5, MOST=10)
    page.goto(f"{page.url}?q=a+cat")
    expect(page.locator("#status")).to_have_text("Best of 13 photos")
    page.locator("#more").click()
    expect(page.locator("#status")).to_have_text("Best of 13 photos, the first 10 are shown")
    expect(page.locator("#more")).to_be_hidden()


def test_near_duplicates_are_one_hit_that_says_so(visit):
    page = visit()
    search(page, "a cat")
    expect(page.locator(".stack:visible")).to_have_text("+1")
    with page.expect_response(re.compile("/explain")):
        page.locator("li", has=page.locator(".stack:visible")).locator("a").click()
    place, same = page.locator("#place"), page.locator("#same-strip button")
    expect(same).to_have_count(1)
    opened, image_id = place.inner_text(), parse_qs(urlsplit(page.url).query)["photo"][0]
    same.click()
    expect(place).to_have_text("")
    expect(page.locator("#facts dd").first).to_contain_text("chelsea")
    page.go_back()
    expect(place).to_have_text(opened)
    same.click()
    expect(place).to_have_text("")
    page.keyboard.press("Escape")
    expect(page.locator(f"[data-id='{image_id}'] a")).to_be_focused()
    page.go_forward()  # Both were closed.
    expect(place).to_have_text(opened)
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    page.locator("#filters-button").click()
    page.locator("[name=same]").check()
    expect(page.locator("#results li")).to_have_count(13)
    expect(page.locator("#filters-count")).to_have_text("1")


def test_similar_photos(visit, service):
    page = visit()
    search(page, "a cat")
    first = names(page)[0]
    open_first(page)
    page.locator("#similar").click()
    expect(page.locator("#like")).to_be_visible()
    expect(page.locator("#panel")).to_be_hidden()
    _, _, body = service.get(f"/api/photos/{first}/similar")
    expect(page.locator("#results li").first).to_have_attribute(
        "data-id", json.loads(body)["hits"][0]["image_id"]
    )
    assert first not in names(page)
    page.locator("#unlike").click()
    expect(page.locator("#results li").first).to_have_attribute("data-id", first)


def test_people_know_better(visit):
    page = visit()
    search(page, "a cup of coffee")
    search(page, "an espresso on a wooden table")
    image_id = names(page)[0]
    before = tiles(page)[0]
    open_first(page)
    page.locator("#edit-button").click()
    expect(page.locator("#edit-text")).to_have_value(before)
    page.locator("#edit-text").fill("zebra wedding")
    with page.expect_response(re.compile("/explain")):
        page.locator("#edit button[type=submit]").click()
    expect(page.locator("#sentence")).to_have_text("zebrawedding")
    expect(page.locator("#by")).to_have_text("Written by a person.")
    page.locator("#close").click()
    expect(page.locator("#panel")).to_be_hidden()
    search(page, '"zebra wedding"')
    assert names(page) == [image_id]
    expect(page.locator("#results li").get_by_label("written by a person")).to_be_visible()
    open_first(page)
    with page.expect_response(re.compile("/explain")):
        page.locator("#undo").click()
    expect(page.locator("#by")).to_have_text("Written by the captioner.")
    expect(page.locator("#edit-button")).to_have_text("Finish caption")
    page.locator("#edit-button").click()
    expect(page.locator("#edit-text")).to_have_value("zebra wedding")
    page.locator("#edit-cancel").click()
    page.locator("#close").click()
    expect(page.locator("#panel")).to_be_hidden()
    search(page, "an espresso on a wooden table")
    assert tiles(page)[0] == before
    expect(page.locator("#results li").first.get_by_label("written by a person")).to_have_count(0)


def test_a_caption_is_read_in_the_direction_of_its_script(visit):
    page = visit()
    search(page, "a cup of coffee")
    open_first(page)
    page.locator("#edit-button").click()
    page.locator("#edit-text").fill("הכלב שלנו בים")
    with page.expect_response(re.compile("/explain")):
        page.locator("#edit button[type=submit]").click()
    words = page.locator("#sentence > *")
    expect(words).to_have_text(["הכלב", "שלנו", "בים"])
    places = [word.bounding_box()["x"] for word in words.all()]
    assert places == sorted(places, reverse=True)
    tile = page.locator("#results li", has_text="הכלב")
    expect(tile.locator(".words > span")).to_have_css("direction", "rtl")
    expect(page.locator("#facts dd").first).to_have_css("unicode-bidi", "plaintext")
    with page.expect_response(re.compile("/explain")):
        page.locator("#undo").click()


def test_photos_that_wait_are_counted(visit):
    page = visit()

    def keep(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), "waiting": 40})

    page.route("**/api/search?*", keep)
    search(page, "a cat")
    said = "Best of 13 photos, 40 more wait for a run of retrieve index to end"
    expect(page.locator("#status")).to_have_text(said)


def test_filters(visit):
    page = visit()
    page.locator("#filters-button").click()
    expect(page.locator("[name=from]")).to_be_focused()
    page.fill("[name=path]", "coffee")
    expect(page.locator("#results li")).to_have_count(1)
    expect(page.locator("#status")).to_have_text("1 of 13 photos pass, newest first")
    page.fill("[name=path]", "")
    page.fill("[name=width]", "600")
    expect(page.locator("#filters-count")).to_have_text("1")
    expect(page.locator("#results li")).not_to_have_count(1)
    page.reload()
    expect(page.locator("[name=width]")).to_have_value("600")
    page.locator("#filters-button").click()
    page.fill("[name=width]", "60000")
    expect(page.locator("#empty-title")).to_have_text("No photo passes")
    expect(page.locator("#results li")).to_have_count(0)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#results li")).to_have_count(12)
    expect(page.locator("#filters-count")).to_be_hidden()
    search(page, "-person path:coffee")
    expect(page.locator("#results li")).to_have_count(1)
    page.fill("[name=path]", "«coffee»")
    wait(page)
    assert where(page) == "path:coffee"


def where(page: Page) -> str:
    return parse_qs(urlsplit(page.url).query).get("where", [""])[0]


def test_filters_that_the_form_cannot_say_stay_as_they_are(visit):
    others = '-camera:canon taken:>1900 width:<80000 height:>9 path:"/" "a" -zebra path:e'
    page = visit(f"/?{urlencode({'where': f'{others} width:>10 path:served'})}")
    wait(page)
    fields = ["from", "to", "camera", "path", "width", "tag"]
    shown = {name: page.locator(f"[name={name}]").input_value() for name in fields}
    assert shown == dict.fromkeys(fields, "") | {"path": "e", "width": "10"}
    page.locator("#filters-button").click()
    page.locator("[name=same]").check()
    wait(page)
    assert where(page) == f"{others} width:>10 path:served"
    page.fill("[name=width]", "20")
    wait(page)
    others = others.removesuffix(" path:e")
    assert " ".join(where(page).split()) == f"path:e width:>20 {others} path:served"
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#filters-count")).to_be_hidden()
    assert where(page) == ""


def test_filters_are_counted_by_their_names_alone(visit):
    asked = 'path:a:b -camera:canon "to: me" «says to:me» −tag:x –tag:y'
    page = visit(f"/?{urlencode({'where': asked})}")
    expect(page.locator("#filters-count")).to_have_text("4")


def test_enter_in_a_filter_is_what_back_returns_to(visit):
    page = visit()
    wait(page)
    page.locator("#results a").first.focus()
    page.keyboard.press("s")
    expect(page.locator("#like")).to_be_visible()
    page.locator("#filters-button").click()
    path = page.locator("[name=path]")
    for text in ("coffee", "moon"):
        path.fill(text)
        wait(page)
        path.press("Enter")
        wait(page)
    expect(page.locator("#like")).to_be_visible()  # The filters are of the photos like this one.
    page.go_back()
    expect(path).to_have_value("coffee")
    expect(page.locator("#like")).to_be_visible()
    page.go_back()
    expect(path).to_have_value("")


def test_what_only_words_are_asked_for_is_not_offered_for_photos_like_one(visit):
    page = visit("/?q=a+cat&sure=0.05&channel=image")
    wait(page)
    expect(page.locator("#filters-count")).to_have_text("2")
    page.locator("#filters-button").click()
    words_alone = [page.locator(f"#filters [name={name}]") for name in ("channel", "sure", "again")]
    for each in words_alone:
        expect(each).to_be_visible()
    page.locator("#results a").first.focus()
    page.keyboard.press("s")
    expect(page.locator("#like")).to_be_visible()
    for each in words_alone:
        expect(each).to_be_hidden()
    expect(page.locator("#filters [name=same]")).to_be_visible()
    expect(page.locator("#filters-count")).to_be_hidden()
    page.locator("#unlike").click()
    for each in words_alone:
        expect(each).to_be_visible()
    expect(page.locator("#filters-count")).to_have_text("2")


def test_nothing_is_offered_for_a_photo_that_is_not_indexed(visit):
    page = visit(f"/?photo={'0' * 64}", complaints="404")
    expect(page.locator("#panel-problem")).to_be_visible()
    for name in ("similar", "edit-button", "original"):
        expect(page.locator(f"#{name}")).to_be_hidden()
    page.keyboard.press("e")
    page.keyboard.press("s")
    expect(page.locator("#edit")).to_be_hidden()
    expect(page.locator("#panel")).to_be_visible()
    page.keyboard.press("Escape")
    wait(page)
    page.locator("#results a").first.click()
    expect(page.locator("#similar")).to_be_visible()


def test_enter_in_a_filter_goes_by_a_button_that_is_drawn_and_not_seen(visit):
    page = visit()
    page.locator("#filters-button").click()
    button = page.locator("#filters [type=submit]")
    assert button.evaluate("button => button.getClientRects().length") == 1  # Safari passes over others.
    expect(page.locator("#filters").get_by_role("button")).to_have_text(["Clear"])
    page.get_by_role("button", name="Clear").focus()
    page.keyboard.press("Tab")
    expect(button).not_to_be_focused()


def test_words_that_matched_are_marked_whatever_is_around_them(visit):
    page = visit()
    wait(page)
    marked = page.evaluate(
        """async hit => {
            const { drawCaption } = await import("/tile.js");
            return [...drawCaption(hit).querySelectorAll("b")].map((word) => word.textContent);
        }""",
        {
            "caption": "A T-shirt, BEACHES, \u2764\ufe0fdogs and नमस्ते!",
            "matched": ["shirt", "BEACHES", "dogs", "नमस्ते"],
            "path": "",
        },
    )
    assert marked == ["shirt", "BEACHES", "dogs", "नमस्ते"]


def test_nothing_is_sure_of_no_words(visit):
    page = visit("/?sure=0.5")
    wait(page)
    expect(page.locator("#problem")).to_be_hidden()
    expect(page.locator("#status")).to_have_text("13 photos, newest first")


def test_what_cannot_be_read_is_pointed_at(visit):
    page = visit(complaints="422")
    search(page, "a cat")
    found = names(page)
    search(page, 'a dog with "red ball')
    expect(page.locator("#problem")).to_contain_text("Found a quote that is not closed")
    expect(page.locator("#problem mark")).to_have_text('"')
    assert page.locator("#problem code").inner_text() == 'a dog with "red ball'
    assert names(page) == found
    search(page, "a dog")
    expect(page.locator("#problem")).to_be_hidden()
    search(page, "path:nowhere")
    expect(page.locator("#empty")).to_be_visible()
    search(page, 'path:nowhere "')
    expect(page.locator("#problem")).to_be_visible()
    expect(page.locator("#empty")).to_be_hidden()


def test_who_types_on_is_not_told_what_was_wrong_before(visit):
    page = visit(complaints="422")
    wait(page)
    held = []
    with page.expect_response(lambda answer: answer.status == 422):
        page.fill("#query", 'a "cat')
    page.route("**/api/search?*", lambda route: held.append(route))
    with page.expect_request("**/api/search?*"):
        page.locator("#query").press_sequentially(" on")
    page.wait_for_timeout(900)
    expect(page.locator("#problem")).to_be_hidden()
    held[-1].continue_()
    expect(page.locator("#problem code")).to_have_text('a "cat on')


def test_what_is_wrong_or_empty_is_said_aloud(visit):
    page = visit(complaints="422")
    said = page.get_by_role("status")
    search(page, "path:nowhere")
    expect(said.filter(has_text="No photo passes")).to_be_visible()
    search(page, "quarterly tax returns of a medieval bishop")
    expect(said.filter(has_text="Nothing here matches well.")).to_be_visible()
    search(page, '"unclosed')
    expect(page.locator("#query")).to_have_attribute("aria-invalid", "true")
    search(page, "a cat")
    page.locator("#filters-button").click()
    page.fill("[name=from]", "2019-99")
    invalid = page.locator("[aria-invalid=true]")
    expect(invalid).to_have_count(1)
    expect(invalid).to_have_attribute("name", "from")
    expect(invalid).not_to_have_attribute("inputmode", "numeric")  # A phone would show no hyphen.
    edges = [
        page.locator(f"[name={name}]").evaluate("field => getComputedStyle(field).borderTopColor")
        for name in ("from", "to")
    ]
    assert edges[0] != edges[1]
    page.fill("[name=from]", "2019-09")
    expect(invalid).to_have_count(0)


def test_every_answer_is_said_aloud(visit):
    page = visit()
    said = page.get_by_role("status").filter(has_text="the first:")
    for query, many in (
        ("a cat", "12 photos"),
        ("a man in a red shirt", "12 photos"),
        ("path:coffee", "1 photo"),
    ):
        search(page, query)
        expect(said).to_have_text(f"{many}, the first: {tiles(page)[0]}")


def test_by_keyboard_alone(visit):
    page = visit()
    page.locator("#home").focus()
    press = page.keyboard.press
    press("/")
    expect(page.locator("#query")).to_be_focused()
    with page.expect_response(lambda answer: "q=a+man+in" in answer.url):
        page.keyboard.type("a man in a red shirt")
    expect(page.locator("#status")).to_have_text("Best of 13 photos")
    links = page.locator("#results a")
    press("ArrowDown")
    expect(links.nth(0)).to_be_focused()
    press("ArrowRight")
    expect(links.nth(1)).to_be_focused()
    press("ArrowDown")
    focused = page.locator("#results a:focus")
    assert focused.bounding_box()["y"] > links.nth(1).bounding_box()["y"]
    press("ArrowUp")
    assert focused.bounding_box()["y"] == links.nth(1).bounding_box()["y"]
    press("Home")
    with page.expect_response(re.compile("/explain")):
        press("Enter")
    expect(page.locator("#panel")).to_be_visible()
    expect(page.locator("#sentence button").first).to_be_visible()
    for _ in range(8):
        press("Tab")
        if page.evaluate("() => Boolean(document.activeElement.closest('#sentence'))"):
            break
    words = page.locator("#sentence button")
    expect(words.first).to_be_focused()
    for number in (0, 1):
        expect(page.locator("#sentence .lit")).to_have_count(1)
        expect(words.nth(number)).to_have_class("lit")
        press("ArrowRight")
    press("e")
    expect(page.locator("#edit-text")).to_be_focused()
    press("Escape")
    expect(page.locator("#edit")).to_be_hidden()
    expect(page.locator("#panel")).to_be_visible()
    press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    expect(links.nth(0)).to_be_focused()
    press("S")  # With Caps Lock on.
    expect(page.locator("#like")).to_be_visible()
    press("?")
    expect(page.locator("#help")).to_be_visible()
    press("Escape")
    expect(page.locator("#help")).to_be_hidden()


def test_down_leads_into_the_photos(visit):
    page = visit()
    wait(page)
    page.locator("#results").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#results a").first).to_be_focused()


@pytest.mark.parametrize("key", ["ArrowDown", "Escape"])
def test_keys_that_compose_a_word_stay_in_the_box(visit, key):
    page = visit("/?q=a+cat")
    wait(page)
    query = page.locator("#query")
    query.focus()
    query.dispatch_event("keydown", {"key": key, "isComposing": True})
    expect(query).to_be_focused()
    expect(query).to_have_value("a cat")


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until it has the focus."""
    for _ in range(30):
        if page.evaluate("selector => Boolean(document.activeElement.matches(selector))", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to {selector}")


def test_captions_and_filters_by_keyboard_alone(visit):
    page = visit(complaints="422")  # A phrase is refused until its second quote is there.
    press, write = page.keyboard.press, page.keyboard.type

    def search_by_keys(text: str) -> None:
        press("/")
        press("Control+a")
        with page.expect_response(lambda answer: parse_qs(urlsplit(answer.url).query).get("q") == [text]):
            write(text)
        wait(page)

    def close() -> None:
        press("Escape")
        expect(page.locator("#panel")).to_be_hidden()
        expect(page).not_to_have_url(re.compile("photo="))
        # The browser tells the page a moment later, and only then does a photo get the focus.
        expect(page.locator("#photo")).to_have_attribute("src", "")

    search_by_keys("a man in a red shirt")
    image_id, before = names(page)[0], tiles(page)[0]
    press("ArrowDown")
    with page.expect_response(re.compile("/explain")):
        press("Enter")
    expect(page.locator("#sentence button").first).to_be_visible()
    press("e")
    expect(page.locator("#edit-text")).to_be_focused()
    press("Control+a")
    write("giraffe parade")
    press("Tab")
    with page.expect_response(re.compile("/explain")):
        press("Enter")
    expect(page.locator("#sentence")).to_have_text("giraffeparade")
    close()
    search_by_keys('"giraffe parade"')
    assert names(page) == [image_id]
    press("ArrowDown")
    with page.expect_response(re.compile("/explain")):
        press("Enter")
    expect(page.locator("#undo")).to_be_visible()
    tab_to(page, "#undo")
    with page.expect_response(re.compile("/explain")):
        press("Enter")
    expect(page.locator("#by")).to_have_text("Written by the captioner.")
    close()
    search_by_keys("a man in a red shirt")
    assert (names(page)[0], tiles(page)[0]) == (image_id, before)

    tab_to(page, "#filters-button")
    press("Enter")
    expect(page.locator("[name=from]")).to_be_focused()
    tab_to(page, "[name=path]")
    write("coffee")
    expect(page.locator("#results li")).to_have_count(1)
    tab_to(page, "[name=same]")
    press("Space")
    expect(page.locator("#filters-count")).to_have_text("2")
    tab_to(page, "[type=reset]")
    press("Enter")
    expect(page.locator("#results li")).to_have_count(12)


def test_by_touch_on_a_phone(visit):
    page = visit(viewport=PHONE, has_touch=True, is_mobile=True)
    page.locator("#help-button").tap()
    expect(page.locator("#help")).to_be_in_viewport()
    page.keyboard.press("Escape")
    search(page, "a man in a red shirt")
    with page.expect_response(re.compile("/explain")):
        page.locator("#results a").first.tap()
    expect(page.locator("#hint")).to_have_text("Tap a word to see where the model looked for it.")
    words = page.locator("#sentence button")
    for word in (words.nth(1), words.nth(2)):
        word.tap()
        expect(word).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#sentence [aria-pressed=true]")).to_have_count(1)
        expect(page.locator("#heat")).to_have_class("on")
    page.locator("#after").tap()
    expect(page.locator("#place")).to_have_text("2 of 12")
    page.locator("#close").tap()
    expect(page.locator("#panel")).to_be_hidden()
    page.locator("#filters-button").tap()
    page.locator("[name=same]").tap()
    expect(page.locator("#results li")).to_have_count(13)
    assert fits_its_window(page)


def test_captions_and_names_of_files_are_never_more_than_text(visit):
    page = visit(complaints="requires 'TrustedHTML'")
    search(page, "grey wall")
    tile = page.locator("#results li", has_text="on a grey wall")
    expect(tile).to_have_count(1)
    assert tile.locator(".words").inner_text().strip() == f"{HOSTILE} on a grey wall ✎"
    with page.expect_response(re.compile("/explain")):
        tile.locator("a").click()
    expect(page.locator("#facts dd").first).to_contain_text(HOSTILE)
    assert page.locator("#sentence").inner_text().startswith("<img")
    search_path = "/?q=" + HOSTILE.replace(" ", "%20").replace('"', "%22") + "&where=path:%3Cscript%3E"
    page.goto(page.url.split("/?")[0] + search_path)
    expect(page.locator("#query")).to_have_value(HOSTILE)
    assert page.evaluate("() => window.owned") is None
    assert page.locator("img[src=x]").count() == 0
    refused = page.evaluate(
        "() => { try { document.body.innerHTML = '<p>'; return ''; } catch (error) { return error.name; } }"
    )
    assert refused == "TypeError"


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everyone_can_use_it(visit, viewport):
    page = visit(viewport=viewport, complaints="422")
    # In the dark nothing but colours is different.
    schemes = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}

    def check() -> None:
        page.wait_for_timeout(50)
        for scheme, options in schemes.items():
            page.emulate_media(color_scheme=scheme)
            found = find_violations(page, **options)
            assert found.violations_count == 0, f"{scheme}: {found.generate_report()}"
        assert fits_its_window(page)

    expect(page.locator("#results li")).to_have_count(12)
    check()
    search(page, "a man in a red shirt")
    page.locator("#filters-button").click()
    check()
    page.locator("#filters-button").click()
    open_first(page)
    check()
    page.locator("#edit-button").click()
    check()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()
    search(page, '"unclosed')
    expect(page.locator("#problem")).to_be_visible()
    check()
    search(page, "quarterly tax returns of a medieval bishop")
    expect(page.locator("#doubt")).to_be_visible()
    check()
    search(page, "a cat path:nowhere")
    expect(page.locator("#empty")).to_be_visible()
    check()
    search(page, "a cat")
    open_first(page)
    page.locator("#similar").click()
    expect(page.locator("#like")).to_be_visible()
    wait(page)
    check()
    page.locator("#home").focus()
    page.keyboard.press("?")
    check()


def test_it_follows_the_readers_colour_scheme(visit):
    shades = [
        visit(color_scheme=scheme).locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert shades == ["rgb(251, 250, 247)", "rgb(20, 21, 23)"]


def test_what_colour_alone_says_is_seen_in_the_readers_own_colours(visit):
    page = visit("/?q=a+man+in+a+red+shirt", forced_colors="active")
    wait(page)
    open_first(page)
    lit = page.locator("#help").evaluate(
        "help => { help.style.background = 'Highlight'; return getComputedStyle(help).backgroundColor; }"
    )
    for selector in ("#channels .fill", "#likely-bar", "#sentence [aria-pressed=true]"):
        expect(page.locator(selector).first).to_have_css("background-color", lit)
    line = page.locator("#loading").evaluate(
        "line => { line.hidden = false; return getComputedStyle(line, '::after').backgroundColor; }"
    )
    assert line == lit


def test_a_photo_that_is_gone_is_said_to_be(visit, photos):
    page = visit(complaints="404")
    search(page, "the surface of the moon")
    away = photos.parent / "away.png"
    moon = photos / "moon.png"
    shutil.move(moon, away)
    try:
        page.goto(page.url)
        tile = page.locator("#results li").first
        expect(tile).to_be_visible()
        index_of_moon = next(
            number
            for number, image_id in enumerate(names(page))
            if "moon.png"
            in json.dumps(
                page.evaluate(f"async () => (await fetch('/api/photos/{image_id}/explain')).json()")
            )
        )
        with page.expect_response(re.compile("/explain")):
            page.locator("#results a").nth(index_of_moon).click()
        expect(page.locator("#gone")).to_have_text("This photo is no longer where it was indexed.")
        expect(page.locator("#gone")).to_be_visible()
    finally:
        shutil.move(away, moon)


def test_a_photo_that_cannot_be_shown_now_is_not_called_gone(visit):
    page = visit(complaints="503")
    busy = re.compile("/thumbnail")
    page.route(busy, lambda route: route.fulfill(status=503))
    search(page, "a cat")
    tile = page.locator("#results li").first
    expect(tile).to_have_class("lost")
    open_first(page)
    expect(page.locator("#gone")).to_have_text("This photo cannot be shown now.")
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("photo="))
    page.unroute(busy)
    found = names(page)
    search(page, "cat")
    assert found[0] in names(page)
    expect(page.locator(f"[data-id='{found[0]}'] img")).to_have_class("here")
    open_first(page)
    page.locator("#photo").evaluate("photo => photo.decode()")
    expect(page.locator("#gone")).to_be_hidden()


def test_the_token_is_asked_for_once(browser, tmp_path, make_index, word_encoder):
    make_index(tmp_path / "index", {b"/a.jpg": "a dog", b"/b.jpg": "a cat"}, word_encoder)
    service = ServiceProcess(COMMAND_WITH_WORDS, "--index", str(tmp_path / "index"), RETRIEVE_TOKEN=TOKEN)
    try:
        context = browser.new_context(viewport=DESKTOP)
        page = context.new_page()
        page.goto(service.address)
        expect(page.locator("#login")).to_be_visible()
        assert find_violations(page).violations_count == 0
        page.fill("#token", "wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#login-problem")).to_contain_text("Found another token")
        page.fill("#token", TOKEN)
        page.keyboard.press("Enter")
        expect(page.locator("#login")).to_be_hidden()
        expect(page.locator("#results li")).to_have_count(2)
        page.reload()
        expect(page.locator("#results li")).to_have_count(2)
        expect(page.locator("#login")).to_be_hidden()
        context.close()
    finally:
        service.end()


def test_what_an_index_without_photos_holds_is_said(browser, tmp_path, make_index, word_encoder):
    """Nothing, or what a first run has kept that was interrupted: the same that `retrieve search` says."""
    index = tmp_path / "index"
    make_index(index, {b"/a.jpg": "a dog", b"/b.jpg": "a cat"}, word_encoder)
    manifest = read_manifest(index)
    empty = replace(manifest, generation=2, photos=0, shards=(), vectors=())
    run = UnfinishedRun(ModelRecord("captioner", "a" * 64), manifest.shards)
    commit_manifest(index, empty)
    service = ServiceProcess(COMMAND_WITH_WORDS, "--index", str(index))
    try:
        page = browser.new_page(viewport=DESKTOP)
        page.goto(service.address)
        expect(page.locator("#empty-title")).to_have_text("No photos yet")
        expect(page.locator("#empty-text")).to_have_text("Index some: retrieve index ~/Pictures")
        commit_manifest(index, replace(empty, generation=3, unfinished=run))
        search(page, "a dog")
        expect(page.locator("#empty-title")).to_have_text("No photos can be found yet")
        kept = "A run that has not ended keeps 2: run retrieve index again."
        expect(page.locator("#empty-text")).to_have_text(kept)
        page.close()
    finally:
        service.end()


def test_pictures_of_it(visit, tmp_path):
    """What the README shows; `make pictures` says where to keep them."""
    folder = Path(os.environ.get("RETRIEVE_PICTURES", tmp_path))
    page = visit("/?where=-path:onerror", viewport={"width": 1280, "height": 720})
    search(page, "a man taking a picture")
    for photo in page.locator("#results img").all()[:6]:
        expect(photo).to_have_class("here")
    page.locator("#status").click()
    page.screenshot(path=folder / "page.jpg", type="jpeg", quality=72)
    open_first(page)
    expect(page.locator("#heat")).to_have_class("on")
    page.locator("#photo").evaluate("photo => photo.decode()")
    page.set_viewport_size({"width": 1280, "height": 590})  # Where the file lies is nobody's business.
    page.screenshot(path=folder / "why.jpg", type="jpeg", quality=72)
    assert all(0 < (folder / name).stat().st_size < 200_000 for name in ("page.jpg", "why.jpg"))


def test_the_browser_would_have_told(browser):
    """The checks above can fail: a page that complains and asks elsewhere is seen doing both."""
    page = browser.new_page()
    watched = Watched(page)
    page.route("http://192.0.2.1/*", lambda route: route.abort())
    page.set_content(
        "<img src='http://192.0.2.1/pixel.png' onerror='nothing()'><p style='color:#ddd'>Faint</p>"
    )
    page.wait_for_timeout(200)
    assert "http://192.0.2.1/pixel.png" in watched.asked
    assert any("nothing is not defined" in complaint for complaint in watched.complaints)
    assert find_violations(page).violations_count > 0
    page.close()
