"""The notebook as a page: run from its first cell to its last, each cell with what it shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

# What a cell may take; a first run compiles the kernels.
LONGEST_S = 300
# The kernel is spoken to by sockets of files, which nobody else on the machine or the network can open.
_PRIVATE = Config({"KernelManager": {"transport": "ipc"}})


@dataclass(frozen=True)
class NotebookPage:
    """Hold the page and its pictures: name of each file in the site, and what is in it."""

    files: dict[str, str | bytes] = field(default_factory=dict)

    @staticmethod
    def name_of(notebook: str) -> str:
        """Return the page's name for the notebook's."""
        return notebook.removesuffix(".ipynb") + ".md"

    @classmethod
    def of(cls, path: Path) -> NotebookPage:
        """Run the notebook at `path`, in the checkout's root, and lay it out; raises what a cell raises."""
        notebook = nbformat.read(path, as_version=4)
        where = {"metadata": {"path": str(path.parent.parent)}}
        NotebookClient(notebook, timeout=LONGEST_S, resources=where, config=_PRIVATE).execute()
        page, parts = cls(), [f"*This page is [a notebook]({path.name}), run when the site was built.*"]
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                parts.append(cell.source)
            else:
                parts.append(f"```python\n{cell.source}\n```")
                parts += [page.shown(output, path.stem) for output in with_streams_joined(cell.outputs)]
        title, rest = parts[1], parts[2:]
        page.files[cls.name_of(path.name)] = "\n\n".join([title, parts[0], *rest]) + "\n"
        return page

    def shown(self, output: Any, stem: str) -> str:
        """Return what a cell shows as Markdown; a picture becomes a file of its own."""
        if output.output_type == "stream":
            return fenced(output.text)
        data = output.data
        if "image/svg+xml" in data:
            name = f"{stem}_{sum(file.endswith('.svg') for file in self.files) + 1}.svg"
            self.files[name] = data["image/svg+xml"]
            return f"![What the cell draws]({name})"
        if "text/html" in data:
            return f'<div class="cell" markdown="0">{data["text/html"]}</div>'
        return fenced(data["text/plain"])


def with_streams_joined(outputs: Sequence[Any]) -> list[Any]:
    """Return what a cell shows with all that it prints in one piece, where the first of it stands."""
    joined: list[Any] = []
    for output in outputs:
        before = [one for one in joined if one.output_type == output.output_type == "stream"]
        if before:
            before[0].text += output.text
        else:
            joined.append(output)
    return joined


def fenced(text: str) -> str:
    """Return a text as it is, without the colours of a terminal."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip("\n")
    return f"```text\n{plain}\n```"
