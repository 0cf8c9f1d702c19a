"""The site's pages that are not in ``docs/``: those that stand elsewhere, and the reference."""

import posixpath
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
from reference import pages

ROOT = Path(__file__).parents[2]
OUTSIDE = {"CONTRIBUTING.md": "contributing.md", "benchmarks/README.md": "benchmarks.md"}
"""Files of the repository, from its root, and the pages of the site that show them."""

INSTEAD = {"README.md": "index.md", "docs/README.md": "index.md"}
FENCE = re.compile(r"^```(\w+) ([^\s={}]+)$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand elsewhere, and the reference of all parts."""
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for page, text in pages().items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links at the site's pages, and give blocks of code their file as a title."""
    here = page.file.src_uri
    source = next((s for s, p in OUTSIDE.items() if p == here), f"docs/{here}")

    def pointed(link: re.Match[str]) -> str:
        text, address, anchor = link[1], link[2], link[3] or ""
        if "://" in address or address.startswith("mailto:"):
            return link[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), address))
        place = _page_of(target)
        if place is not None and files.get_file_from_path(place) is not None:
            return f"[{text}]({posixpath.relpath(place, posixpath.dirname(here) or '.')}{anchor})"
        # What the repository has and the site does not is named; a wrong link stays, and fails.
        return text if (ROOT / target).exists() else link[0]

    return FENCE.sub(r'```\1 title="\2"', LINK.sub(pointed, markdown))


def _page_of(target: str) -> str | None:
    """Return the site's page for a file of the repository, if it has one."""
    page = OUTSIDE.get(target) or INSTEAD.get(target)
    if page is None and target.startswith("docs/"):
        page = target.removeprefix("docs/")
    return page
