"""A small finished run, its report, and a browser to open it in."""

import shutil
from pathlib import Path

import pytest

from support import REPOSITORY, snakemake, succeeds

CONFIG = Path(__file__).parent / "digits.yaml"


def pytest_addoption(parser):
    parser.addoption("--browser", action="store_true", help="open a report in Chromium")


@pytest.fixture(scope="session")
def browser(request):
    """Chromium, until the tests end."""
    if not request.config.getoption("--browser", default=False):
        pytest.skip("a report is opened in Chromium with: pytest tests/browser --browser")
    if (executable := shutil.which("chromium")) is None:
        pytest.skip("no chromium on the path: tests/browser/install.sh installs it")
    from .visit import chromium

    with chromium(executable) as browser:
        yield browser


@pytest.fixture(scope="session")
def run(browser, tmp_path_factory) -> Path:
    """A finished run, with `report.html` made by the README's command."""
    folder = tmp_path_factory.mktemp("run")
    succeeds(snakemake(folder, "--configfile", CONFIG))
    stylesheet = REPOSITORY / "workflow/report/report.css"
    report = ["--report", "report.html", "--report-stylesheet", stylesheet]
    succeeds(snakemake(folder, "--configfile", CONFIG, *report))
    return folder
