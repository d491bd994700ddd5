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
    def left_out(self) -> set[str]:
        """Experiments that the run's overlay leaves out."""
        return {"cifar10-vgg16"} if self.config["name"] == "paper" else set()

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @classmethod
    def reported(cls, folder: Path, *configs: Path):
        succeeds(snakemake(folder, "--configfile", *configs, "--report", "report.html"))
        return cls(folder, yaml.safe_load(configs[0].read_text()))


@pytest.fixture(scope="session")
def run(browser, tmp_path_factory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    succeeds(snakemake(folder, "--configfile", CONFIG))
    return Run.reported(folder, CONFIG)


COMMITTED = {
    "theory": ["config/theory.yaml"],
    "paper": ["config/paper.yaml", "config/overlays/paper-mnist.yaml"],
}


@pytest.fixture(scope="session", params=COMMITTED)
def committed(request, browser, tmp_path_factory) -> Run:
    """A clone that has a run's figures and tables, and nothing else of it."""
    folder = tmp_path_factory.mktemp("committed")
    figures = f"paper_figures/{request.param}"
    shutil.copytree(REPOSITORY / figures, folder / figures)
    return Run.reported(folder, *(REPOSITORY / config for config in COMMITTED[request.param]))
