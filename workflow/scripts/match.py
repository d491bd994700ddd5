"""Rule match: the permutations of all pairs of one learning rate, by one matcher."""

from adapter import run
from lmc_ot import tables
from lmc_ot.matching import REGISTRY, solver, sources
from lmc_ot.matching.table import whole_pairs, write_matches


def match(
    dataset: str,
    checkpoints: str,
    permutations: str,
    objectives: str,
    label: str,
    matcher: dict,
    pairs: list,
    streamed: dict,
    learning_rate: float,
    provenance: dict,
    activations: str | None = None,
) -> None:
    """Match network B of every pair to network A.

    `streamed` says what to run the networks on where no `activations` were recorded.
    """
    chosen = REGISTRY.build(matcher)
    networks = tables.read_checkpoints(checkpoints, provenance)
    moments = sources.of_networks(dataset, networks, activations, streamed, provenance)
    found = {}
    for number, (a, b) in whole_pairs(pairs, networks, checkpoints):
        found[number, a, b] = solver.match(
            chosen,
            networks[a],
            networks[b],
            moments(a),
            moments(b),
            f"{checkpoints}: networks {a} and {b}",
        )
        print(f"pair {number}: objectives {found[number, a, b].objectives}")
    run_columns = {
        "experiment": provenance["experiment"],
        "learning_rate": learning_rate,
        "matcher": label,
    }
    where = sources.device(activations, streamed)
    write_matches(permutations, objectives, found, run_columns, provenance, where)


if "snakemake" in globals():
    run(match, snakemake)  # noqa: F821
