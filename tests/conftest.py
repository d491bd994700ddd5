"""The layers of the tests: those of the library are quick, most others start programs."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# Folders and files; in all others tests run Snakemake, browsers or clusters.
QUICK = (
    TESTS / "library",
    TESTS / "fuzz/test_no_pickle.py",
    TESTS / "workflow/test_environments.py",
)


def pytest_collection_modifyitems(items):
    """Mark all tests as slow that are not in QUICK, whose few slow tests carry the marker."""
    for item in items:
        if not any(item.path.is_relative_to(path) for path in QUICK):
            item.add_marker(pytest.mark.slow)
