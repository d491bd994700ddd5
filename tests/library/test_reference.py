"""The config's reference page says what the schema and the registries say."""

from lmc import reference
from lmc.config import REGISTRIES


def test_the_page_is_up_to_date():
    page = reference.SCHEMA.parents[2] / "config/README.md"
    assert page.read_text() == reference.markdown(), "write it again: see lmc/reference.py"


def test_the_page_names_every_registered_thing():
    page = reference.markdown()
    for registry in REGISTRIES.values():
        for name in registry.names:
            assert f"| `{name}` |" in page
