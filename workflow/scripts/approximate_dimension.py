"""Rule approximate_dimension: the units as each matcher sees them, all networks and layers."""

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
    """Describe the Gram matrix of every matcher, uncentred and centred.

    `matchers` are their blocks by label; other arguments are as those of `match`. What
    `dimensions` holds already of a matcher is kept if it was made in the same way: with the same
    code, of the same networks and data, and of activations that were recorded alike.
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
