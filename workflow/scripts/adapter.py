"""What surrounds every script's function when Snakemake runs it: arguments, log, errors."""

import os
import sys
import traceback

from lmc.errors import UserError

RERUN = ("code", "recording")


def run(function, snakemake) -> None:
    """Call a script's function with the rule's named inputs, outputs and parameters.

    What it prints goes to the rule's log, and so does the traceback if it fails. The user then
    sees one line, and the job's exit status is 1. The parameters in `RERUN` are for Snakemake's
    rerun decision only and are not passed on.
    """
    arguments = {
        name: list(value) if isinstance(value, list | tuple) or not _scalar(value) else value
        for part in (snakemake.input, snakemake.output, snakemake.params)
        for name, value in part.items()
        if name not in RERUN
    }
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(snakemake.threads)
    terminal = sys.stderr
    with open(snakemake.log[0], "w", buffering=1) as log:
        sys.stdout = sys.stderr = log
        try:
            function(**arguments)
        except Exception as error:
            traceback.print_exc(file=log)
            kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
            message = " ".join(str(error).split())
            terminal.write(f"{snakemake.rule}: {kind}{message} (log: {snakemake.log[0]})\n")
            terminal.flush()
            log.flush()
            # The interpreter's own exit would import torch's atexit work for nothing.
            os._exit(1)
        finally:
            sys.stdout, sys.stderr = sys.__stdout__, terminal


def _scalar(value) -> bool:
    return value is None or isinstance(value, str | int | float | bool | dict)
