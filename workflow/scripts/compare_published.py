"""Rule compare_published: our numbers beside the published ones."""

from adapter import run
from lmc import comparison, tables


def compare_published(
    results: str,
    dimensions: list,
    published_file: str,
    csv: str,
    markdown: str,
    published: dict,
) -> None:
    """Compare; `published` maps our experiments to those of `published_file`."""
    frame = comparison.compare(
        tables.read("results", results).to_pandas(),
        tables.read_all("dimensions", dimensions),
        {ours: comparison.read_published(published_file, name) for ours, name in published.items()},
    )
    tables.write_csv(csv, frame)
    tables.write_text(markdown, comparison.markdown(frame))


if "snakemake" in globals():
    run(compare_published, snakemake)  # noqa: F821
