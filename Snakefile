# lmc-ot: linear mode connectivity through optimal transport, from the data to the figures.
# This file is a table of contents: the stages are in rules/ and their scripts in workflow/scripts/.
from snakemake.utils import min_version

min_version("9.27")


report: "workflow/report/workflow.rst"


# A config with experiments replaces the default config instead of being merged with it. A config
# without experiments is an overlay: it changes the default, although the default is loaded after it.
CONFIG_FILES = list(workflow.configfiles)
if "experiments" not in config:

    configfile: f"{workflow.current_basedir}/config/config.yaml"

    CONFIG_FILES.insert(0, workflow.configfiles[-1])


include: "rules/common.smk"
include: "rules/functions/code.smk"
include: "rules/functions/resources.smk"
include: "rules/data.smk"
include: "rules/groups.smk"
include: "rules/train.smk"
include: "rules/measure.smk"
include: "rules/all_pairs.smk"
include: "rules/merge.smk"
include: "rules/figures.smk"
include: "rules/theory.smk"
include: "rules/functions/record.smk"


onsuccess:
    keep_record()


rule all:
    default_target: True
    input:
        RESULTS_TABLE,
        FIGURES,
        MERGED_CSV,
        COMPARISON,
        THEORY,
