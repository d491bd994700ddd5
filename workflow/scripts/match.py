"""Rule match: the permutations of all pairs of one learning rate, by one matcher."""

from adapter import run
from lmc import measurements, tables
from lmc.matching import REGISTRY, solver


def match(
    dataset: str,
    checkpoints: str,
    activations: str,
    permutations: str,
    objectives: str,
    label: str,
    matcher: dict,
    pairs: list,
    learning_rate: float,
    provenance: dict,
) -> None:
    """Match network B of every pair to network A."""
    options = dict(matcher)
    chosen = REGISTRY.get(options.pop("matcher"))(**options)
    networks = tables.read_checkpoints(checkpoints)
    statistics = measurements.Statistics(dataset, activations)
    found = {}
    for number, (a, b) in measurements.whole_pairs(pairs, networks):
        found[number, a, b] = solver.match(
            chosen,
            networks[a],
            networks[b],
            statistics.moments(a),
            statistics.activations(b),
            f"{checkpoints}: networks {a} and {b}",
        )
        print(f"pair {number}: objectives {found[number, a, b].objectives}")
    run_columns = {
        "experiment": provenance["experiment"],
        "learning_rate": learning_rate,
        "matcher": label,
    }
    measurements.write_matches(permutations, objectives, found, run_columns, provenance)


if "snakemake" in globals():
    run(match, snakemake)  # noqa: F821
