"""Rule approximate_dimension: the covariance of one matcher, all networks and hidden layers."""

from adapter import run
from lmc import dimension, measurements, tables
from lmc.matching import REGISTRY
from lmc.matching.solver import layer_of
from lmc.permutation import hidden_layers


def approximate_dimension(
    dataset: str,
    checkpoints: str,
    activations: str,
    dimensions: str,
    label: str,
    matcher: dict,
    learning_rate: float,
    provenance: dict,
) -> None:
    """Describe the matcher's covariance, uncentred and centred."""
    options = dict(matcher)
    chosen = REGISTRY.get(options.pop("matcher"))(**options)
    statistics = measurements.Statistics(dataset, activations)
    rows = []
    for number, parameters in tables.read_checkpoints(checkpoints).items():
        moments = statistics.moments(number)
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
    tables.write_rows("dimensions", dimensions, rows, provenance)


if "snakemake" in globals():
    run(approximate_dimension, snakemake)  # noqa: F821
