# Functions of the config for `rules/merge.smk`.
MERGING = [name for name, block in EXPERIMENTS.items() if block["merge"]]
MERGED_CSV = [f"{FIGURE_FOLDER}/merged.csv"] if MERGING else []
