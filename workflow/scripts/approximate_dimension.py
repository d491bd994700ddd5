"""Rule approximate_dimension: dimensions of the units for each matcher, network and layer."""

from adapter import execute
from lmc_ot import tables
from lmc_ot.connectivity import dimension
from lmc_ot.environment import digest, versions
from lmc_ot.matching import REGISTRY, sources
from lmc_ot.matching.matcher import Layer
from lmc_ot.networks.permutation import hidden_layers


def approximate_dimension(
    checkpoints: str,
    dimensions: str,
    matchers: dict,
    streamed: dict,
    recording: list,
    run: dict,
    code: dict,
    dataset: str | None = None,
    activations: str | None = None,
) -> None:
    """Compute the dimensions of every matcher's Gram matrices, uncentred and centred.

    `matchers` maps labels to blocks of the config; the other arguments are those of `match`. Rows
    of a matcher in an existing table `dimensions` are kept if they were computed with the same
    code from the same networks and data, with activations recorded in the same way.
    """
    networks = tables.read_checkpoints(checkpoints, run)
    settings = [run, streamed, recording, versions(), tables.digest("checkpoints", checkpoints)]
    device = sources.device(streamed)
    settings += [device, tables.digest("dataset", dataset) if dataset else None]
    made_from = {
        label: digest([*settings, block, code[label]]) for label, block in matchers.items()
    }
    kept = tables.kept_rows("dimensions", dimensions, run, made_from)
    moments = sources.of_networks(dataset, networks, activations, streamed, run)
    rows = []
    for label, block in matchers.items():
        if label in kept:
            print(f"{label}: kept")
            rows += kept[label]
            continue
        matcher = REGISTRY.build(block)
        for number, parameters in networks.items():
            for layer in hidden_layers(parameters):
                seen = Layer.of(parameters, layer, moments(number))
                for centred in (False, True):
                    gram = matcher.gram(seen, centred)
                    if gram is None:
                        continue
                    row = {"matcher": label, "network": number, "layer": layer, "centred": centred}
                    rows.append(row | vars(dimension.describe(gram)))
    tables.write_rows("dimensions", dimensions, rows, run, device, made_from=made_from)
    tables.keep(dimensions)


if "snakemake" in globals():
    execute(approximate_dimension, snakemake)  # noqa: F821
