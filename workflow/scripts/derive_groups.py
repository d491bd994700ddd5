"""Rule derive_groups: the groups of permutable units of one architecture."""

from dataclasses import replace

from adapter import execute
from lmc_ot import tables
from lmc_ot.data.table import read_dataset
from lmc_ot.networks.build import build
from lmc_ot.networks.groups.report import of_network, summary
from lmc_ot.networks.groups.table import write_groups


def derive_groups(dataset: str, groups: str, text: str, network: dict, run: dict) -> None:
    """Derive the groups from the module's graph and verify them; `text` describes them."""
    data = read_dataset(dataset)
    built = build(network, data, logits=False)
    found, verification = of_network(built, data.inputs("train")[:8])
    print(f"derived in {found.seconds:.1f} s")
    found = replace(found, seconds=0.0)  # so that files of the same groups are the same
    write_groups(groups, found, run, network=network, error=verification.error)
    tables.write_text(text, summary(network["name"], found, verification))


if "snakemake" in globals():
    execute(derive_groups, snakemake)  # noqa: F821
