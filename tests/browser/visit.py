"""A visitor of a report: whatever can be clicked on is clicked on, and what it shows is kept.

Nothing is known here of what a report should hold: that is for the tests.
"""

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, sync_playwright

# Smaller than most screens: what fits here fits there.
WINDOW = {"width": 1280, "height": 720}
LOCAL = ("file:", "data:", "blob:")

# Of a rule that ran, and of one that did not.
RULE = re.compile("^(Output|No metadata available for rule .*)$")

# Of the image on show: its source and size, and whether it lies inside the window.
IMAGE = """image => {
    const box = image.getBoundingClientRect();
    return {
        source: image.src, width: image.naturalWidth, height: image.naturalHeight,
        shown: image.checkVisibility() && box.width > 50 && box.height > 50,
        inside: Math.min(box.left, box.top) >= 0
            && box.right <= innerWidth && box.bottom <= innerHeight,
    };
}"""
# Number of colours of a drawing.
COLOURS = """canvas => {
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
}"""


@dataclass
class Result:
    """What the report shows of one file."""

    category: str
    image: dict | None = None
    download: tuple[str, bytes] | None = None
    info: str = ""
    rule: str = ""


@dataclass
class Visit:
    """What was seen of a report, and what the browser did."""

    text: str = ""
    headline: list[dict] = field(default_factory=list)
    heights: dict[str, list[float]] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    drawings: dict[str, list[int]] = field(default_factory=dict)
    node: str = ""
    licences: dict[str, str] = field(default_factory=dict)
    found: dict[str, list[str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def chromium(executable: str):
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, chromium_sandbox=os.geteuid() != 0
        )
        yield browser
        browser.close()


def _follow(link: Locator) -> None:
    """Click on a link that a mouse would hit, by its key: the style sheet is made as the page is
    shown, so that a mouse may miss what has just moved."""
    link.click(trial=True)
    link.press("Enter")


def _home(page: Page) -> None:
    _follow(page.locator("nav nav a").first)
    page.get_by_text("General", exact=True).wait_for()


def _open(page: Page, entry: str) -> None:
    _home(page)
    _follow(page.locator("nav ul").get_by_role("link", name=entry, exact=True))


def _entries(page: Page, heading: str) -> list[str]:
    """The menu's entries under a heading."""
    _home(page)
    lines = page.locator("nav ul").inner_text().splitlines()
    lines = [line.strip() for line in lines if line.strip()]
    return lines[[line.lower() for line in lines].index(heading.lower()) + 1 :]


def first_page(page: Page, seen: Visit) -> None:
    """What is shown when the report is opened: its text, figures, and the order of its parts."""
    seen.text = page.locator(".prose").inner_text()
    for image in page.locator(".prose img:not([hidden])").all():
        image.evaluate("image => image.decode().catch(() => null)")
        seen.headline.append(image.evaluate(IMAGE))
    parts = {"figure": ".prose figure img", "table": ".prose table", "graph": "div#rulegraph"}
    for name, selector in parts.items():
        boxes = [part.bounding_box() for part in page.locator(selector).all()]
        seen.heights[name] = [box["y"] for box in boxes]


def general(page: Page, seen: Visit) -> None:
    """The workflow's graph, whose nodes lead to the rules; statistics; licences."""
    for entry, drawings in {
        "Workflow": ["rulegraph"],
        "Statistics": ["runtimes", "timeline"],
    }.items():
        _open(page, entry)
        for drawing in drawings:
            canvas = page.locator(f"#{drawing} canvas")
            canvas.wait_for()
            seen.drawings[drawing] = [*canvas.bounding_box().values(), canvas.evaluate(COLOURS)]
    _open(page, "Workflow")
    page.locator("#rulegraph canvas").wait_for()
    page.locator("div#rulegraph").evaluate("graph => graph.scrollIntoView()")
    # The uppermost node stands somewhere to the right of its name.
    box = page.locator("#rulegraph canvas").bounding_box()
    for x in range(int(box["x"]), int(box["x"] + box["width"]), 4):
        page.mouse.click(x, box["y"] + 14)
        if page.locator("nav nav").get_by_text("Rule", exact=True).count():
            seen.node = page.locator("nav").first.inner_text()
            break
    _open(page, "About")
    for package in page.locator("nav ul a").all():
        _follow(package)
        seen.licences[package.inner_text().strip()] = page.locator("pre").inner_text()


def _rows(page: Page) -> list[tuple[str, Locator]]:
    page.locator("nav tbody").wait_for(state="attached")
    rows = page.locator("nav tbody tr").all()
    return [(row.locator("td").first.inner_text().strip(), row) for row in rows]


def results(page: Page, seen: Visit) -> None:
    """All that the categories list; every one is also searched for."""
    for category in _entries(page, "Results"):
        _category(page, seen, category)
    for path in seen.results:
        seen.found[path] = _search(page, path)


def _category(page: Page, seen: Visit, category: str) -> None:
    _open(page, category)
    for path, row in _rows(page):
        view, about = row.locator("a").all()
        result = seen.results[path] = Result(category)
        if view.get_attribute("download") is None:
            _follow(view)
            image = page.locator("div.h-screen > div > img")
            image.wait_for()
            image.evaluate("image => image.decode().catch(() => null)")
            result.image = image.evaluate(IMAGE)
        else:
            with page.expect_download() as download:
                _follow(view)
            file = download.value
            result.download = file.suggested_filename, Path(file.path()).read_bytes()
        _follow(about)
        page.get_by_text("Description", exact=True).wait_for()
        result.info = page.locator("nav ul").inner_text()
        _follow(page.locator("nav ul a").last)
        page.get_by_text(RULE).first.wait_for()
        result.rule = page.locator("nav").first.inner_text()
        _follow(page.locator("nav nav").get_by_role("link", name=category, exact=True))


def _search(page: Page, term: str) -> list[str]:
    _home(page)
    page.get_by_placeholder("Search...").fill(term)
    page.keyboard.press("Enter")
    return [path for path, _ in _rows(page)]


PARTS = (first_page, general, results)


def visit(browser: Browser, report: Path, parts: tuple = PARTS, patience: float = 20) -> Visit:
    """Open a report, and click through these parts of it.

    Raises playwright's error if something that should come does not within `patience` seconds.
    """
    seen = Visit()
    context = browser.new_context(viewport=WINDOW, accept_downloads=True)
    context.set_default_timeout(1000 * patience)
    context.on("request", lambda request: seen.requests.append(request.url))
    # Seen, and not sent.
    context.route(lambda url: not url.startswith(LOCAL), lambda route: route.abort())
    context.on("weberror", lambda error: seen.errors.append(str(error.error)))
    page = context.new_page()
    page.on("websocket", lambda socket: seen.requests.append(socket.url))
    page.on("console", lambda said: said.type == "error" and seen.errors.append(said.text))
    page.goto(report.as_uri())
    page.locator("#rulegraph canvas").wait_for(state="attached")
    for part in parts:
        part(page, seen)
    context.close()
    return seen
