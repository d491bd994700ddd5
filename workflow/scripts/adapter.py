"""What surrounds every script's function when Snakemake runs it: arguments, log, errors.

Scripts import it first, so that also an import that fails is reported.
"""

import contextlib
import inspect
import sys
import traceback

RERUN = ("code", "recording")


def run(function, snakemake) -> None:
    """Call a script's function with the rule's named inputs, outputs and parameters.

    What it prints goes to the rule's log. The parameters in `RERUN` are for Snakemake's rerun
    decision: they are passed on only to a function that names them.
    """
    named = inspect.signature(function).parameters
    arguments = {
        name: value if _scalar(value) else list(value)
        for part in (snakemake.input, snakemake.output, snakemake.params)
        for name, value in part.items()
        if name not in RERUN or name in named
    }
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(snakemake.threads)
    with (
        open(snakemake.log[0], "w", buffering=1) as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        function(**arguments)


def _scalar(value) -> bool:
    return value is None or isinstance(value, str | int | float | bool | dict)


def _report(kind, error, trace) -> None:
    """The traceback into the rule's log; one line, naming it, for the user."""
    snakemake = sys.modules["__main__"].snakemake
    with open(snakemake.log[0], "a") as log:
        traceback.print_exception(kind, error, trace, file=log)
    known = any(parent.__name__ == "UserError" for parent in kind.__mro__)
    text = " ".join(str(error).split())
    prefix = "" if known else f"{kind.__name__}: "
    print(f"{snakemake.rule}: {prefix}{text} (log: {snakemake.log[0]})", file=sys.stderr)


if hasattr(sys.modules["__main__"], "snakemake"):
    sys.excepthook = _report
