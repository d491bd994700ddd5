"""The config's reference page says what the schema and the registries say."""

import pytest
import yaml

from lmc_ot.config import reference
from lmc_ot.registries import REGISTRIES


@pytest.fixture
def page(schema):
    return reference.markdown(yaml.safe_load(schema.read_text()), REGISTRIES)


def test_the_page_is_up_to_date(page, repository):
    assert (repository / "config/README.md").read_text() == page, (
        "write it again: .venv/bin/lmc-ot reference > config/README.md"
    )


def test_the_page_names_every_registered_thing(page):
    for registry in REGISTRIES.values():
        for name in registry.names:
            assert f"| `{name}` |" in page


def test_the_page_explains_how_a_sweep_is_written(page):
    rows = {row.split("|")[1].strip(): row for row in page.splitlines() if row.startswith("| `")}
    sweep = "experiments.<name>.sweep"
    assert "one key" in rows[f"`{sweep}`"]
    assert "[64, 64] and [128, 128]" in rows[f"`{sweep}.<name>`"]
    for key in ("minimum", "maximum", "number"):
        assert "required" in rows[f"`{sweep}.<name>.{key}`"]
