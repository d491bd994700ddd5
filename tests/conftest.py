"""The layers of the tests: those of the library are quick, all others start programs."""

from pathlib import Path

import pytest

QUICK = Path(__file__).parent / "library"


def pytest_collection_modifyitems(items):
    """Mark as slow whatever is outside tests/library: it runs Snakemake, browsers or clusters.

    The few slow tests in tests/library carry the marker themselves.
    """
    for item in items:
        if QUICK not in item.path.parents:
            item.add_marker(pytest.mark.slow)
