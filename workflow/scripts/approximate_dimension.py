"""Rule approximate_dimension: the covariance of one matcher, all networks and hidden layers."""

from adapter import run
from lmc_ot import tables
from lmc_ot.connectivity import dimension
from lmc_ot.matching import REGISTRY, sources
from lmc_ot.matching.solver import layer_of
from lmc_ot.networks.permutation import hidden_layers


def approximate_dimension(
    dataset: str,
    checkpoints: str,
    dimensions: str,
    label: str,
    matcher: dict,
    streamed: dict,
    learning_rate: float,
    provenance: dict,
    activations: str | None = None,
) -> None:
    """Describe the matcher's covariance, uncentred and centred.

    `streamed` says what to run the networks on where no `activations` were recorded.
    """
    chosen = REGISTRY.build(matcher)
    networks = tables.read_checkpoints(checkpoints, provenance)
    of = sources.of_networks(dataset, networks, activations, streamed, provenance)
    rows = []
    for number, parameters in networks.items():
        moments = of(number)
        for layer in hidden_layers(parameters):
            for centred in (False, True):
                covariance = chosen.covariance(layer_of(parameters, layer, moments), centred)
                if covariance is None:
                    continue
                found = dimension.describe(covariance)
                rows.append(
                    {
                        "experiment": provenance["experiment"],
                        "learning_rate": learning_rate,
                        "matcher": label,
                        "network": number,
                        "layer": layer,
                        "centred": centred,
                        **vars(found),
                    }
                )
    where = sources.device(activations, streamed)
    tables.write_rows("dimensions", dimensions, rows, provenance, where)


if "snakemake" in globals():
    run(approximate_dimension, snakemake)  # noqa: F821
