"""What a person sees of the report of a run, in a real browser.

Every check is a function of what a visitor saw, and is also made to fail, on a report that is
broken on purpose.
"""

import base64
import re
import struct

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Error

from .visit import LOCAL, Visit, first_page, general, results, visit


@pytest.fixture(scope="session")
def seen(browser, run) -> Visit:
    return visit(browser, run.report)


@pytest.fixture(scope="session")
def seen_committed(browser, committed) -> Visit:
    return visit(browser, committed.report)


# The figure with the LMC errors of each run: the report starts with it.
HEADLINES = {"browser": "figure1", "paper": "figure2", "theory": "figure_t8"}


def category_of(path, run) -> str:
    headline = HEADLINES[run.config["name"]]
    if path.stem == "comparison" or re.fullmatch(f"{headline}[a-z]?", path.stem):
        return "1 Headline"
    if path.suffix in (".csv", ".txt"):
        return "4 Tables"
    return "3 Theory" if path.name.startswith("theory_") else "2 Figures"


def the_first_page_shows_the_result(seen, run):
    """The headline figure, its numbers, and what was run; the graph of the rules comes after."""
    headline = run.folder / run.figures / f"{HEADLINES[run.config['name']]}.png"
    (image,) = seen.headline
    assert image["shown"], "the headline figure is hidden"
    source = base64.b64decode(image["source"].split("base64,")[1])
    assert source == headline.read_bytes(), "the image is not the headline figure"
    (errors,) = [
        table
        for table in map(pd.read_csv, headline.parent.glob(f"{headline.stem}*.csv"))
        if "endpoints" in set(table.get("matcher", []))
    ]
    measured = errors[errors["source"] == "measured"]
    for row in measured.itertuples():
        spread = "" if np.isnan(row.std) else f" ± {row.std:.2g}"
        number = f"{row.mean:.4g}{spread}"
        assert number in seen.text, f"no {number}"
    of_these = errors["matcher"].isin(measured["matcher"])
    for row in errors[(errors["source"] == "published") & of_these].itertuples():
        number = f"(published: {row.mean:.4g})"
        assert number in seen.text, f"no {number}"
    for name in [run.config["name"], *run.config["experiments"], *run.config.get("theory", {})]:
        if name not in run.left_out:
            assert name in seen.text
    (figure,), tables, (graph,) = (seen.heights[part] for part in ("figure", "table", "graph"))
    assert figure < min(tables) and max(tables) < graph, "the graph is too high up"


def all_figures_and_tables_are_there(seen, run):
    """Each in its category, and no others."""
    figures = run.folder / run.figures
    made = [path for kind in ("*.png", "*.csv", "groups/*.txt") for path in figures.glob(kind)]
    expected = {str(path.relative_to(run.folder)): category_of(path, run) for path in made}
    theory = {"3 Theory"} if run.config.get("theory") else set()
    assert set(expected.values()) == {"1 Headline", "2 Figures", "4 Tables", *theory}
    assert {path: result.category for path, result in seen.results.items()} == expected


def figures_are_displayed(seen, run):
    """They decode, are the run's, and nothing of them lies outside the window."""
    images = {path: result.image for path, result in seen.results.items() if result.image}
    assert set(images) == {path for path in seen.results if path.endswith(".png")}
    for path, image in images.items():
        file = (run.folder / path).read_bytes()
        assert (image["width"], image["height"]) == struct.unpack(">II", file[16:24]), path
        assert image["shown"] and image["inside"], path
        assert base64.b64decode(image["source"].split("base64,")[1]) == file, path


def tables_are_downloaded(seen, run):
    downloads = {path: result.download for path, result in seen.results.items() if result.download}
    assert set(downloads) == {path for path in seen.results if path.endswith((".csv", ".txt"))}
    for path, (name, content) in downloads.items():
        assert path.endswith(f"/{name}")
        assert content == (run.folder / path).read_bytes(), path


def captions_are_shown(seen, run):
    """A text for everything, without markup that was not understood."""
    for path, result in seen.results.items():
        caption = re.search(r"DESCRIPTION\n(.*)\nSIZE\n", result.info, re.DOTALL)[1].strip()
        assert len(caption) > 50, path
        assert not re.search(r"``|\{\{|\{%|System Message", caption), caption
        if path.endswith(".png"):
            assert f"Drawn from {path[:-4]}" in caption
            assert f"of the config {run.config['name']}; made by snakemake --cores all" in caption
            figure = run.config["figures"].get(path.split("/")[-1][:-4], {})
            assert figure.get("caption", "") in caption


def every_result_leads_to_its_rule(seen, run):
    for path, result in seen.results.items():
        rule = re.search(r"SNAKEMAKE RULE\n(\w+)\n", result.info)[1]
        assert f"\nRule\n{rule}\n" in result.rule, path
        assert re.search(r"\nOUTPUT\n(.*\n)*CODE\n", result.rule), path


def the_search_finds_every_result(seen, run):
    assert [path for path in seen.results if path not in seen.found[path]] == []


def the_workflow_and_its_statistics_are_drawn(seen, run):
    assert set(seen.drawings) == {"rulegraph", "runtimes", "timeline"}
    for name, (x, y, width, height, colours) in seen.drawings.items():
        assert x >= 0 and y >= 0 and width > 200 and height > 200, name
        assert colours > 10, name
    assert re.search(r"\nRule\n\w+\n(.*\n)*OUTPUT\n", seen.node)


def packages_have_licences(seen, run):
    assert any(package.startswith("snakemake ") for package in seen.licences)
    assert {package for package, text in seen.licences.items() if len(text) < 100} == set()


def nothing_comes_from_the_network(seen, run):
    assert seen.requests
    assert [url for url in seen.requests if not url.startswith(LOCAL)] == []


def the_browser_reports_no_error(seen, run):
    assert seen.errors == []


CHECKS = [
    the_first_page_shows_the_result,
    all_figures_and_tables_are_there,
    figures_are_displayed,
    tables_are_downloaded,
    captions_are_shown,
    every_result_leads_to_its_rule,
    the_search_finds_every_result,
    the_workflow_and_its_statistics_are_drawn,
    packages_have_licences,
    nothing_comes_from_the_network,
    the_browser_reports_no_error,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_of_a_finished_run(check, seen, run):
    check(seen, run)


# Of how the files were made, a clone knows nothing.
OF_A_CLONE = [
    check
    for check in CHECKS
    if check not in (every_result_leads_to_its_rule, the_workflow_and_its_statistics_are_drawn)
]


@pytest.mark.parametrize("check", OF_A_CLONE, ids=lambda check: check.__name__)
def test_of_the_committed_figures(check, seen_committed, committed):
    check(seen_committed, committed)


def script(code: str) -> tuple[str, str]:
    """A script after the report's own data."""
    return r"(?=<script id=\"packages\">)", f"<script>{code}</script>"


FIGURE, OTHER, TABLE = (
    f"paper_figures/browser/figure{end}" for end in ("1.png", "2.png", "1a.csv")
)
# What breaks the report: a pattern and its replacement; where the visitor goes; what finds it: a
# check, also with what it says; or the visitor, who waits for something that does not come.
BROKEN = {
    "the headline figure is not loaded": (
        (r"this\.src = results", "void results"),
        (first_page,),
        (the_first_page_shows_the_result, "the image is not the headline figure"),
    ),
    "the graph of the rules is beside the headline": (
        (r"(?<=\{\\n  )flex-direction: column;", ""),
        (first_page,),
        (the_first_page_shows_the_result, "the graph is too high up"),
    ),
    "a number of the headline is missing": (
        (r"\(published: 0\.0845\)", ""),
        (first_page,),
        (the_first_page_shows_the_result, r"no \(published: 0\.0845\)"),
    ),
    "a figure is missing": (
        script(f"delete results['{OTHER}']; categories['2 Figures'].Other.shift();"),
        (results,),
        all_figures_and_tables_are_there,
    ),
    "a figure is among the tables": (
        script("categories['4 Tables'].Other.push(categories['2 Figures'].Other.shift());"),
        (results,),
        all_figures_and_tables_are_there,
    ),
    "a figure does not decode": (
        script(
            f"results['{FIGURE}'].data_uri = results['{FIGURE}'].data_uri.replace('iVBOR', 'AAAA');"
        ),
        (results,),
        figures_are_displayed,
    ),
    "a figure is another one": (
        script(f"results['{FIGURE}'].data_uri = results['{OTHER}'].data_uri;"),
        (results,),
        figures_are_displayed,
    ),
    "a figure is higher than the window": (
        (r"max-height: calc[^;]*;", ""),
        (results,),
        figures_are_displayed,
    ),
    "a table is cut off": (
        script(f"results['{TABLE}'].data_uri = results['{TABLE}'].data_uri.slice(0, -8);"),
        (results,),
        tables_are_downloaded,
    ),
    "a caption is missing": (
        script(f"results['{FIGURE}'].caption = '';"),
        (results,),
        "Description",
    ),
    "a caption has markup": (
        script(f"results['{FIGURE}'].caption += '``';"),
        (results,),
        captions_are_shown,
    ),
    "a rule is missing": (
        script("delete rules.draw_figure;"),
        (results,),
        every_result_leads_to_its_rule,
    ),
    "a category does not open": (
        (r"this\.setView\(\{ navbarMode: mode, category", "void ({ navbarMode: mode, category"),
        (results,),
        "nav tbody",
    ),
    "the search finds nothing": (
        (r"return text\.includes\(term\);", "return false;"),
        (results,),
        the_search_finds_every_result,
    ),
    "the rules of the workflow's graph have no names": (
        script("rulegraph_spec.marks = rulegraph_spec.marks.slice(0, 1);"),
        (general,),
        the_workflow_and_its_statistics_are_drawn,
    ),
    "a licence is missing": (
        (r"(?=<script id=\"metadata\">)", "<script>packages.react.license = ' ';</script>"),
        (general,),
        packages_have_licences,
    ),
    "an image is on a server": (
        (r"(?=<div id=\"app\">)", '<img src="https://lmc.invalid/logo.png">'),
        (),
        nothing_comes_from_the_network,
    ),
    "a script asks a server": (
        script("fetch('http://lmc.invalid/').catch(() => null);"),
        (),
        nothing_comes_from_the_network,
    ),
    "a socket is opened": (
        script("new WebSocket('ws://lmc.invalid/');"),
        (),
        nothing_comes_from_the_network,
    ),
    "a script fails": (script("undefined.name;"), (), the_browser_reports_no_error),
    "an error is logged": (script("console.error('broken');"), (), the_browser_reports_no_error),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_report_is_found(broken, browser, run, tmp_path):
    (pattern, replacement), parts, found_by = BROKEN[broken]
    page = run.report.read_text()
    changed, count = re.subn(pattern, lambda _: replacement, page)
    assert count == 1
    report = tmp_path / "report.html"
    report.write_text(changed)
    if isinstance(found_by, str):
        with pytest.raises(Error, match=found_by):
            visit(browser, report, parts, patience=8)
    else:
        check, said = found_by if isinstance(found_by, tuple) else (found_by, None)
        seen = visit(browser, report, parts)
        with pytest.raises(AssertionError, match=said):
            check(seen, run)
