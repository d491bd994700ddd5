# An extension of the paper, which pairs networks 0 and 1, 2 and 3, and so on: all pairs of a
# setting's networks are matched and evaluated at the midpoint of their paths. These rules run for
# panels that have `midpoints` among their sources.
include: "functions/all_pairs.smk"


use rule match as match_all_pairs with:
    output:
        permutations=f"{RUN}/all_pairs/{{matcher}}/permutations.parquet",
        objectives=f"{RUN}/all_pairs/{{matcher}}/objectives.parquet",
    log:
        log_of("{experiment}/{setting}/all_pairs/{matcher}/match_all_pairs"),
    benchmark:
        benchmark_of("{experiment}/{setting}/all_pairs/{matcher}/match_all_pairs")
    params:
        pairs=all_pairs_of,
    message:
        "match all pairs of {wildcards.experiment} at {wildcards.setting} "
        "by {wildcards.matcher}"


use rule evaluate_path as evaluate_midpoints with:
    input:
        dataset=dataset_of,
        checkpoints=f"{RUN}/checkpoints.parquet",
        permutations=lambda w: [
            f"{RUN}/all_pairs/{label}/permutations.parquet" for label in labels_of(w)
        ],
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
