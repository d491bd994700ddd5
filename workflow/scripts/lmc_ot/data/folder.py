"""Where downloaded data sets lie."""

import os
from pathlib import Path

ENVIRONMENT = "LMC_DATA_DIR"


def data_folder() -> Path:
    """The folder in ``LMC_DATA_DIR`` (the workflow sets it from the config), else ``data``."""
    return Path(os.environ.get(ENVIRONMENT) or "data").expanduser()
