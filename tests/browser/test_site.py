"""The documentation site, opened from disk in a real browser: pages, figures, search, no network.

Every check is also made to fail, on a site that is broken on purpose.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import TimeoutError

from support import REPOSITORY

from .visit import LOCAL, WINDOW

MKDOCS = REPOSITORY / ".venv-docs/bin/mkdocs"
# A word, and a page that the search must offer for it.
SEARCHES = {"participation": "How matching works", "sigma_wm": "Matchers", "scancel": "SLURM"}

FIGURES = """images => images.map(image => ({
    source: image.src, width: image.naturalWidth, shown: image.getBoundingClientRect().width > 50,
}))"""


@dataclass
class Seen:
    """What a visitor saw: of every page its heading and figures, what the search offered."""

    headings: dict[str, str] = field(default_factory=dict)
    figures: dict[str, list[dict]] = field(default_factory=dict)
    found: dict[str, list[str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


MENU = "nav.md-nav--primary a.md-nav__link[href]"


def entry(href: str) -> str:
    """A page by a link to it, or to itself."""
    return href.split("#")[0] or "index.html"


def visit(browser, site: Path, only: tuple[str, ...] | None = None, patience: float = 60) -> Seen:
    """Follow the entries of the menu from page to page, all or only some, and search for words.

    A word for which the search offers nothing within `patience` seconds counts as not found.
    """
    seen = Seen()
    context = browser.new_context(viewport=WINDOW)
    context.set_default_timeout(60_000)
    context.on("request", lambda request: seen.requests.append(request.url))
    context.route(lambda url: not url.startswith(LOCAL), lambda route: route.abort())
    context.on("weberror", lambda error: seen.errors.append(str(error.error)))
    page = context.new_page()
    page.on("console", lambda said: said.type == "error" and seen.errors.append(said.text))
    home = (site / "index.html").as_uri()
    page.goto(home)
    entries = [entry(link.get_attribute("href")) for link in page.locator(MENU).all()]
    for path in dict.fromkeys(entries):
        if only and path not in only:
            continue
        # Waiting for the URL would be too early on the page itself, which is loaded again. The
        # script clicks, since parts of the menu are folded on small windows.
        url = (site / path).as_uri()
        with page.expect_navigation(url=lambda to, url=url: to.split("#")[0] == url):
            page.locator(MENU).evaluate_all(
                "(links, url) => links.find(link => link.href.split('#')[0] === url).click()", url
            )
        seen.headings[path] = "".join(page.locator("article h1").all_inner_texts()[:1])
        images = page.locator("article img")
        for image in images.all():
            image.evaluate("image => image.decode().catch(() => null)")
        seen.figures[path] = images.evaluate_all(FIGURES)
    page.goto(home)
    for word in SEARCHES:
        box = page.locator(".md-search__input")
        found = page.locator(".md-search-result__item", has=page.locator("mark", has_text=word))
        try:
            # The box is hidden until the search has started, which needs a key to be pressed.
            box.fill("", timeout=1000 * patience)
            box.press_sequentially(word)
            found.first.wait_for(timeout=1000 * patience)
        except TimeoutError:
            seen.found[word] = []
            continue
        titles = page.locator(".md-search-result__item h1").all_inner_texts()
        seen.found[word] = [title.strip() for title in titles]
    context.close()
    return seen


@pytest.fixture(scope="session")
def site(browser, tmp_path_factory) -> Path:
    """The site as envs/docs.sh builds it."""
    if not MKDOCS.exists():
        pytest.skip("the site has not been built: envs/docs.sh")
    folder = tmp_path_factory.mktemp("built") / "site"
    command = [MKDOCS, "build", "--strict", "--quiet", "--site-dir", folder]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return folder


@pytest.fixture(scope="session")
def seen(browser, site) -> Seen:
    return visit(browser, site)


def pages() -> list[str]:
    """Every page that mkdocs.yml lists."""
    return re.findall(r": ([\w/-]+)\.md$", (REPOSITORY / "mkdocs.yml").read_text(), re.MULTILINE)


def every_page_opens(seen):
    assert set(seen.headings) == {f"{page}.html" for page in pages()}


def every_visited_page_has_a_heading(seen):
    assert [page for page, heading in seen.headings.items() if not heading] == []


def figures_are_displayed(seen):
    assert sum(map(len, seen.figures.values())) > 2
    for page, images in seen.figures.items():
        for image in images:
            assert image["width"] and image["shown"], (page, image["source"])


def the_search_finds_pages(seen):
    for word, title in SEARCHES.items():
        assert any(title in found for found in seen.found[word]), (word, seen.found[word])


def nothing_comes_from_the_network(seen):
    assert seen.requests
    assert [url for url in seen.requests if not url.startswith(LOCAL)] == []


def the_browser_reports_no_error(seen):
    assert seen.errors == []


CHECKS = [
    every_page_opens,
    every_visited_page_has_a_heading,
    figures_are_displayed,
    the_search_finds_pages,
    nothing_comes_from_the_network,
    the_browser_reports_no_error,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_of_the_site(check, seen):
    check(seen)


def test_nothing_names_a_server_to_load_from(site):
    """Also what a browser would fetch only in some cases: fonts, scripts, styles, images."""
    for page in site.rglob("*.html"):
        for tag in re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", page.read_text()):
            if 'rel="canonical"' not in tag:
                assert not re.search(r'(?:src|href)="?(?:https?:)?//', tag), (page.name, tag)


def _remove_figure(site):
    next((site / "repository/paper_figures/paper").glob("figure2.png")).unlink()


def _empty_page(site):
    page = site / "networks.html"
    page.write_text(re.sub("<article.*</article>", "", page.read_text(), flags=re.DOTALL))


def _remove_frames(site):
    (site / "assets/iframe-worker.js").write_text("")


def _add(tag):
    def change(site):
        page = site / "index.html"
        page.write_text(page.read_text().replace("</body>", f"{tag}</body>"))

    return change


# What breaks the site, the pages that are visited, the check that finds it, and what it names.
BROKEN = {
    "a figure is missing": (
        _remove_figure,
        ("index.html", "matching.html"),
        figures_are_displayed,
        r"index\.html.*figure2\.png",
    ),
    "a page is empty": (
        _empty_page,
        ("networks.html",),
        every_visited_page_has_a_heading,
        r"networks\.html",
    ),
    "the search does not start": (
        _remove_frames,
        ("index.html",),
        the_search_finds_pages,
        "participation",
    ),
    "an image is on a server": (
        _add('<img src="https://lmc.invalid/logo.png">'),
        ("index.html",),
        nothing_comes_from_the_network,
        r"lmc\.invalid",
    ),
    "a script fails": (
        _add("<script>undefined.name;</script>"),
        ("index.html",),
        the_browser_reports_no_error,
        "undefined",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_site_is_found(broken, browser, site, tmp_path):
    change, only, check, named = BROKEN[broken]
    shutil.copytree(site, tmp_path / "site")
    change(tmp_path / "site")
    seen = visit(browser, tmp_path / "site", only, patience=5)
    with pytest.raises(AssertionError, match=named):
        check(seen)
