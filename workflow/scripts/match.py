"""Rule match: the permutations of all pairs of one setting, by one matcher."""

from adapter import execute
from lmc_ot import tables
from lmc_ot.matching import REGISTRY, solver, sources
from lmc_ot.matching.table import whole_pairs, write_matches


def match(
    checkpoints: str,
    permutations: str,
    objectives: str,
    label: str,
    matcher: dict,
    pairs: list,
    streamed: dict,
    run: dict,
    dataset: str | None = None,
    activations: str | None = None,
) -> None:
    """Match network B of every pair to network A.

    If there are no recorded `activations`, `streamed` says how to run the networks, see
    `sources.of_networks`. For a matcher that uses only weights, `dataset` is None, too.
    """
    built = REGISTRY.build(matcher)
    networks = tables.read_checkpoints(checkpoints, run)
    moments = sources.of_networks(dataset, networks, activations, streamed, run)
    matches = {}
    for number, (a, b) in whole_pairs(pairs, networks, checkpoints):
        matches[number, a, b] = solver.match(
            built,
            networks[a],
            networks[b],
            moments(a),
            moments(b),
            f"{checkpoints}: networks {a} and {b}",
        )
        print(f"pair {number}: objectives {matches[number, a, b].objectives}")
    device = sources.device(streamed)
    write_matches(permutations, objectives, matches, label, run, device)


if "snakemake" in globals():
    execute(match, snakemake)  # noqa: F821
