"""A page in the browser, and what it does and asks. Reads what the browser tells of it."""

from playwright.sync_api import ConsoleMessage, Page, Request


class Watched:
    """`complaints` are what a careful person would see in the console; `asked` the addresses it asked for.

    A `data:` address is a part of the page.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _see(self, request: Request) -> None:
        if not request.url.startswith("data:"):
            self.asked.append(request.url)


def fits_its_window(page: Page) -> bool:
    """Nothing has to be scrolled to from left to right."""
    return page.locator("html").evaluate("root => root.scrollWidth <= root.clientWidth")
