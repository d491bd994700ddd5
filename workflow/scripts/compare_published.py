"""Rule compare_published: comparison of measured with published numbers."""

from adapter import execute
from lmc_ot import tables
from lmc_ot.reporting import comparison
from lmc_ot.tables.csv import write_csv


def compare_published(
    results: str,
    dimensions: list,
    csv: str,
    markdown: str,
    published: dict[str, list],
) -> None:
    """Write the comparison; `published` maps our experiments to rows of published numbers."""
    frame = comparison.compare(
        tables.read("results", results).to_pandas(),
        tables.read_all("dimensions", dimensions),
        published,
    )
    write_csv(csv, frame)
    tables.write_text(markdown, comparison.markdown(frame))


if "snakemake" in globals():
    execute(compare_published, snakemake)  # noqa: F821
