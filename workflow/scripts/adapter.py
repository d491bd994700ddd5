"""The adapter between Snakemake and the scripts' functions: arguments, log and errors.

Scripts import it first, so that failing imports are reported, too.
"""

import contextlib
import inspect
import sys
import traceback
from pathlib import Path

# Snakemake appends this folder to the path, so that an installed copy of the library would take
# precedence.
sys.path.insert(0, str(Path(__file__).resolve().parent))

RERUN = ("code", "order")


def execute(function, snakemake) -> None:
    """Call a script's function with the rule's named inputs, outputs and parameters.

    Output is redirected to the rule's log. Parameters in `RERUN` exist for Snakemake's decision to
    rerun a job; they are passed only to functions that have an argument of that name.
    """
    named = inspect.signature(function).parameters
    arguments = {
        name: value if _scalar(value) else list(value)
        for part in (snakemake.input, snakemake.output, snakemake.params)
        for name, value in part.items()
        if name not in RERUN or name in named
    }
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        torch.set_num_threads(snakemake.threads)
        torch.set_num_interop_threads(snakemake.threads)
    with (
        open(snakemake.log[0], "w", buffering=1, encoding="utf-8") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        function(**arguments)
        _say_gpu_memory()


def _say_gpu_memory() -> None:
    """Log the peak GPU memory for `provenance/usage.py`, since Snakemake does not measure it."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        peak, name = torch.cuda.max_memory_allocated(), torch.cuda.get_device_name()
        print(f"gpu memory: {-(-peak // 2**20)} MiB of {name}")


def _scalar(value) -> bool:
    return value is None or isinstance(value, str | int | float | bool | dict)


def _report(kind, error, trace) -> None:
    """Report an error in one line that names the rule's log.

    The log contains the same line, or the traceback if the error is not a `UserError`. Snakemake
    shows the log of a failed job.
    """
    snakemake = sys.modules["__main__"].snakemake
    known = any(parent.__name__ == "UserError" for parent in kind.__mro__)
    text = " ".join(str(error).split())
    with open(snakemake.log[0], "a", encoding="utf-8") as log:
        if known:
            print(text, file=log)
        else:
            traceback.print_exception(kind, error, trace, file=log)
    prefix = "" if known else f"{kind.__name__}: "
    # A single write; `print` writes the newline separately, so lines of several jobs could mix.
    sys.stderr.write(f"{snakemake.rule}: {prefix}{text} (log: {snakemake.log[0]})\n")


if hasattr(sys.modules["__main__"], "snakemake"):
    sys.excepthook = _report
