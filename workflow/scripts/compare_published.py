"""Rule compare_published: our numbers beside the published ones."""

from adapter import run
from lmc import comparison, frames, tables


def compare_published(
    results: str,
    dimensions: list,
    csv: str,
    markdown: str,
    published: dict[str, list],
) -> None:
    """Compare; `published` maps our experiments to the published rows."""
    frame = comparison.compare(
        tables.read("results", results).to_pandas(),
        tables.read_all("dimensions", dimensions),
        published,
    )
    frames.write_csv(csv, frame)
    tables.write_text(markdown, comparison.markdown(frame))


if "snakemake" in globals():
    run(compare_published, snakemake)  # noqa: F821
