"""Beside rendering docs/: pages whose source is elsewhere, links out of docs/, the API.

Pages are written so that their links work in the repository. On the site, a link to a file outside
docs/ leads to a copy of the file, made when the site is built; a link to a folder becomes its text.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "workflow/scripts/lmc_ot"

# Page of the site -> its source in the repository, which has no second copy in docs/.
ELSEWHERE = {
    "index.md": "README.md",
    "configuration.md": "config/README.md",
    "benchmarks.md": "benchmarks/README.md",
    "profiles.md": "profiles/README.md",
    "slurm.md": "profiles/slurm/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "comparison.md": "paper_figures/paper/comparison.md",
}
# Where copies of linked files are on the site.
COPIES = "repository"
FENCE = re.compile(r"^( *)(```+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\]\([^()]*\))*)\]\(([^()\s]+)\)")


def source(page: str) -> str:
    """The path in the repository of a page's source."""
    return ELSEWHERE.get(page, f"docs/{page}")


def place(path: str) -> str:
    """Where a file of the repository is on the site: the page it is the source of, or a copy."""
    for page, file in ELSEWHERE.items():
        if path == file:
            return page
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"{COPIES}/{path}"


def resolve(page: str, target: str) -> str:
    """The path in the repository that a page's link leads to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source(page)), target))


def _outside_of_code(change, markdown: str) -> str:
    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [change(markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, change(markdown[end:])])


def rewritten(page: str, markdown: str, linked=None) -> str:
    """A page with links that work on the site; `linked`, if given, collects paths to copy."""
    here = posixpath.dirname(page)

    def link(match):
        image, text, target = match.groups()
        text = LINK.sub(link, text)
        if re.match(r"\w+:|#", target):
            return f"{image}[{text}]({target})"
        target, _, anchor = target.partition("#")
        path = resolve(page, target)
        if (ROOT / path).is_dir():
            return text
        if linked is not None:
            linked.add(path)
        there = posixpath.relpath(place(path), here or ".")
        return f"{image}[{text}]({there}{'#' + anchor if anchor else ''})"

    return _outside_of_code(lambda text: LINK.sub(link, text), markdown)


def modules(room: str) -> str:
    """The reference of all modules of a room of the library, as directives of mkdocstrings."""
    parts = []
    for file in sorted((LIBRARY / room).rglob("*.py")):
        name = ".".join(file.relative_to(LIBRARY).with_suffix("").parts)
        name = name.removesuffix(".__init__")
        parts.append(f"\n## {name}\n\n::: lmc_ot.{name}\n")
        parts.append("    options: {show_root_heading: false, show_root_toc_entry: false}\n")
    return "".join(parts)


def on_files(files, config):
    """Add the pages from elsewhere, and copies of the files that pages link to."""
    for page, path in ELSEWHERE.items():
        if (ROOT / path).exists():
            files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
    linked = set()
    for file in files.documentation_pages():
        rewritten(file.src_uri, file.content_string, linked)
    for path in sorted(linked):
        if place(path).startswith(f"{COPIES}/") and (ROOT / path).is_file():
            file = File.generated(config, place(path), abs_src_path=str(ROOT / path))
            files.append(file)
    return files


def on_page_markdown(markdown, page, **_):
    """Make the links of a page work on the site, and complete a page of the API."""
    path = page.file.src_uri
    markdown = rewritten(path, markdown)
    if path.startswith("api/"):
        markdown += modules(Path(path).stem)
    return markdown
