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
