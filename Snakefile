# lmc-ot: linear mode connectivity through optimal transport, from the data to the figures.
# A table of contents; the stages are in rules/, their scripts in workflow/scripts/.
from snakemake.utils import min_version

min_version("9.27")


report: "workflow/report/workflow.rst"


# Another config replaces the default; Snakemake would merge the two.
if "experiments" not in config:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/train.smk"
include: "rules/measure.smk"
include: "rules/all_pairs.smk"
include: "rules/figures.smk"
include: "rules/theory.smk"


onsuccess:
    if usage := benchmark.roll_up(Path(f"benchmark/{NAME}"), Path(f"logs/{NAME}")):
        benchmark.write(f"benchmark/{NAME}.csv", usage)
        run = record.of_run(config, workflow.configfiles, RESULTS, usage)
        record.write(f"benchmark/{NAME}.json", run)
        print(benchmark.text(usage), file=sys.stderr)


rule all:
    default_target: True
    input:
        RESULTS_TABLE,
        FIGURES,
        COMPARISON,
        THEORY,
