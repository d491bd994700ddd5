"""The folder of downloaded data sets."""

import os
from pathlib import Path

ENVIRONMENT = "LMC_DATA_DIR"


def data_folder() -> Path:
    """Return the folder in ``LMC_DATA_DIR``, which the workflow sets from the config, or ``data``.

    A leading ``~`` is expanded.
    """
    return Path(os.environ.get(ENVIRONMENT) or "data").expanduser()
