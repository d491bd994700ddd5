"""Reports, of a small finished run and of the committed figures, and a browser to open them in."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

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


@dataclass(frozen=True)
class Run:
    """A folder with `report.html`, made by the README's command, and what its config says."""

    folder: Path
    config: dict

    @property
    def figures(self) -> Path:
        return Path("paper_figures") / self.config["name"]

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @classmethod
    def reported(cls, folder: Path, config: Path):
        stylesheet = REPOSITORY / "workflow/report/report.css"
        report = ["--report", "report.html", "--report-stylesheet", stylesheet]
        succeeds(snakemake(folder, "--configfile", config, *report))
        return cls(folder, yaml.safe_load(config.read_text()))


@pytest.fixture(scope="session")
def run(browser, tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    succeeds(snakemake(folder, "--configfile", CONFIG))
    return Run.reported(folder, CONFIG)


@pytest.fixture(scope="session")
def committed(browser, tmp_path_factory) -> Run:
    """A clone that has the default run's figures and tables, and nothing else of it."""
    folder = tmp_path_factory.mktemp("committed")
    figures = "paper_figures/default"
    shutil.copytree(REPOSITORY / figures, folder / figures)
    config = yaml.safe_load((REPOSITORY / "config/config.yaml").read_text())
    # A figure that is new in the config may not have been drawn yet.
    for block, name in {"figures": "{}.png", "theory": "theory_{}.png"}.items():
        drawn = {
            k: v for k, v in config[block].items() if (folder / figures / name.format(k)).is_file()
        }
        config[block] = drawn
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return Run.reported(folder, path)
