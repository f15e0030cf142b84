"""MkDocs calls these while it builds the site."""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # MkDocs loads this file by its path
    sys.path.insert(0, str(ROOT))

from docs_site.notebook_page import NotebookPage  # noqa: E402

NOTEBOOK = "first_study.ipynb"
# Where the site keeps what pages link to outside of docs/: configurations, for example.
OUTSIDE = "repository"
_LINK = re.compile(r"(\]\()([^)#\s]+)")
_PICTURE = re.compile(r"!\[[^\]]*\]\((pictures/[^)#\s]+\.svg)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what does not lie in docs/: the notebook's page with its pictures, and files of the checkout."""
    page = NotebookPage.of(ROOT / config.docs_dir / NOTEBOOK)
    for name, content in page.files.items():
        files.append(File.generated(config, name, content=content))
    texts = [(file.src_uri, file.content_string) for file in files.documentation_pages()]
    for path in sorted({target for name, text in texts for target in outside_targets(name, text)}):
        files.append(File.generated(config, f"{OUTSIDE}/{path}", abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to files of the checkout to their copies, those to the notebook to its page; put pictures in line."""
    name = page.file.src_uri

    def moved(target: str) -> str:
        path = path_of(name, target)
        if path.startswith("../"):
            return relative(f"{OUTSIDE}/{path.removeprefix('../')}", name)
        if path == NOTEBOOK and name != NotebookPage.name_of(NOTEBOOK):
            return relative(NotebookPage.name_of(NOTEBOOK), name)
        return target

    def inlined(picture: re.Match[str]) -> str:
        return (Path(config.docs_dir) / path_of(name, picture[1])).read_text(encoding="utf-8").strip()

    return _PICTURE.sub(inlined, change_links(markdown, moved))


def change_links(markdown: str, moved: Callable[[str], str]) -> str:
    """Return a page with each link's target as `moved` gives it; targets with a scheme stay."""
    return _LINK.sub(lambda link: link[1] + (link[2] if ":" in link[2] else moved(link[2])), markdown)


def outside_targets(name: str, markdown: str) -> Iterable[str]:
    """Give the files of the checkout that a page links to, as paths from its root."""
    for target in _LINK.finditer(markdown):
        path = path_of(name, target[2])
        if path.startswith("../"):
            yield path.removeprefix("../")


def path_of(name: str, target: str) -> str:
    """Return where a link of a page leads, from docs/ on."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))


def relative(path: str, name: str) -> str:
    """Return the way from a page to a path of the site."""
    return posixpath.relpath(path, PurePosixPath(name).parent.as_posix())
