"""Rule approximate_dimension: the covariance of one matcher, all networks and hidden layers."""

from adapter import execute
from lmc_ot import tables
from lmc_ot.connectivity import dimension
from lmc_ot.matching import REGISTRY, sources
from lmc_ot.matching.matcher import Layer
from lmc_ot.networks.permutation import hidden_layers


def approximate_dimension(
    checkpoints: str,
    dimensions: str,
    label: str,
    matcher: dict,
    streamed: dict,
    run: dict,
    dataset: str | None = None,
    activations: str | None = None,
) -> None:
    """Describe the matcher's covariance, uncentred and centred; arguments as those of `match`."""
    built = REGISTRY.build(matcher)
    networks = tables.read_checkpoints(checkpoints, run)
    moments = sources.of_networks(dataset, networks, activations, streamed, run)
    rows = []
    for number, parameters in networks.items():
        for layer in hidden_layers(parameters):
            for centred in (False, True):
                seen = Layer.of(parameters, layer, moments(number))
                covariance = built.covariance(seen, centred)
                if covariance is None:
                    continue
                row = {"matcher": label, "network": number, "layer": layer, "centred": centred}
                rows.append(row | vars(dimension.describe(covariance)))
    tables.write_rows("dimensions", dimensions, rows, run, sources.device(streamed))


if "snakemake" in globals():
    execute(approximate_dimension, snakemake)  # noqa: F821
