# An extension of the paper, which pairs networks 0 and 1, 2 and 3, and so on: all pairs of a
# setting's networks are matched and evaluated at the midpoint of their paths. These rules run for
# panels that have `midpoints` among their sources.
include: "functions/all_pairs.smk"


use rule match as match_all_pairs with:
    output:
        permutations=f"{RUN}/all_pairs/permutations.parquet",
        objectives=f"{RUN}/all_pairs/objectives.parquet",
    log:
        log_of("{experiment}/{setting}/all_pairs/match_all_pairs"),
    benchmark:
        benchmark_of("{experiment}/{setting}/all_pairs/match_all_pairs")
    params:
        pairs=all_pairs_of,
    message:
        "match all pairs of {wildcards.experiment} at {wildcards.setting}"


use rule evaluate_path as evaluate_midpoints with:
    input:
        dataset=dataset_of,
        checkpoints=f"{RUN}/checkpoints.parquet",
        groups=groups_of,
        permutations=f"{RUN}/all_pairs/permutations.parquet",
    output:
        path=f"{RUN}/all_pairs/midpoints.parquet",
    log:
        log_of("{experiment}/{setting}/all_pairs/evaluate_midpoints"),
    benchmark:
        benchmark_of("{experiment}/{setting}/all_pairs/evaluate_midpoints")
    params:
        pairs=all_pairs_of,
        points=3,
    message:
        "evaluate all pairs of {wildcards.experiment} at {wildcards.setting}"
