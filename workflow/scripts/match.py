"""Rules match and match_all_pairs: permutations and dimensions of one setting, by every matcher."""

from adapter import execute
from lmc_ot import tables
from lmc_ot.connectivity.dimension import dimensions_of
from lmc_ot.environment import digest, versions
from lmc_ot.matching import REGISTRY, sources
from lmc_ot.matching.matcher import match as match_pair
from lmc_ot.matching.table import rows_of, whole_pairs
from lmc_ot.networks.groups.table import read_groups
from lmc_ot.rng import generator


def match(
    checkpoints: str,
    groups: str,
    permutations: str,
    objectives: str,
    matchers: dict,
    freeze: list,
    pairs: list,
    streamed: dict,
    recording: list,
    run: dict,
    code: dict,
    dimensions: str | None = None,
    dataset: str | None = None,
    activations: str | None = None,
) -> None:
    """Match network B of every pair to network A; describe the neurons of every network.

    `matchers` maps labels to blocks of the config, `code` to digests of their code. If there are
    no recorded `activations`, `streamed` says how to run the networks, see `sources.of_networks`;
    if all matchers use only weights, `dataset` is None, too. Rows of a matcher in existing tables
    are kept if they were computed with the same code from the same networks and data, with
    activations recorded in the same way.
    """
    networks = tables.read_checkpoints(checkpoints, run)
    found = read_groups(groups)
    permuted = found.without(freeze, "freeze")
    device = sources.device(streamed)
    settings = [run, freeze, pairs, streamed, recording, versions(), device]
    settings += [tables.digest("checkpoints", checkpoints), tables.digest("groups", groups)]
    settings += [tables.digest("dataset", dataset) if dataset else None]
    made_from = {
        label: digest([*settings, block, code[label]]) for label, block in matchers.items()
    }
    outputs = {"permutations": permutations, "objectives": objectives, "dimensions": dimensions}
    outputs = {kind: path for kind, path in outputs.items() if path}
    kept = {k: tables.kept_rows(k, path, run, made_from) for k, path in outputs.items()}
    moments = sources.of_networks(dataset, networks, found, activations, streamed, run)
    rows = {kind: [] for kind in outputs}
    for label, block in matchers.items():
        if all(label in before for before in kept.values()):
            print(f"{label}: kept")
            for kind in outputs:
                rows[kind] += kept[kind][label]
            continue
        matcher = REGISTRY.build(block)
        given = moments if REGISTRY.entry(block["name"]).activations else sources.none
        for number, (a, b) in whole_pairs(pairs, networks, checkpoints):
            what = f"{checkpoints}: networks {a} and {b}"
            stream = generator(run["seed"], "matching", label, float(run["value"]), a, b)
            both = networks[a], networks[b], permuted, given(a), given(b)
            result = match_pair(matcher, *both, stream, what)
            print(f"{label}, pair {number}: objectives {result.objectives}")
            units, of_groups = rows_of(result, found, label, number, (a, b))
            rows["permutations"] += units
            rows["objectives"] += of_groups
        if dimensions:
            rows["dimensions"] += dimensions_of(matcher, label, networks, found, given)
    for kind, path in outputs.items():
        tables.write_rows(kind, path, rows[kind], run, device, made_from=made_from)
        tables.keep(path)


if "snakemake" in globals():
    execute(match, snakemake)  # noqa: F821
