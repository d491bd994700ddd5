# The record of a finished run. If this workflow is a module of another one, the outer workflow
# requests the record with `onsuccess: <module>.onsuccess()`; Snakemake itself passes the log.
from lmc_ot.environment import unknown_commit
from lmc_ot.provenance import record, usage

# A workflow that is used as a module may have a prefix.
BENCHMARKS, LOGS, RUN_RESULTS = (
    workflow.modifier.path_modifier.replace_prefix(f"{folder}/{NAME}", None)
    for folder in ("benchmark", "logs", "results")
)


def keep_record():
    """Write the record and the cost of the finished run next to its benchmark files."""
    try:
        rows = usage.roll_up(
            Path(BENCHMARKS), Path(LOGS), lambda path: labels.belongs(config, path)
        )
        if rows:
            usage.write(f"{BENCHMARKS}.csv", rows)
            run = record.of_run(config, CONFIG_FILES, RUN_RESULTS, rows)
            record.write(f"{BENCHMARKS}.json", run)
            print(usage.text(rows), file=sys.stderr)
            if unknown_commit():
                print(f"record of the run: {unknown_commit()}", file=sys.stderr)
    except UserError as error:
        print(f"no record of the run: {error}", file=sys.stderr)
