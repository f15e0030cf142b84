"""Pages of docs/ that end in tables made from the code: what is written by hand stands above a line that says so.

`python -m docs_site.tables` writes the tables anew; a test keeps them current.
"""

from __future__ import annotations

from pathlib import Path

from docs_site import command_line, config_space, configuration

DOCS = Path(__file__).resolve().parent.parent / "docs"
MARK = "<!-- What follows is written by `python -m docs_site.tables`; a test keeps it current. -->\n\n"
TABLES = {
    "command_line.md": command_line.tables,
    "config_space.md": config_space.tables,
    "configuration.md": configuration.tables,
}


def current(name: str) -> str:
    """Return a page as it should be: what stands above the mark, then the tables."""
    by_hand, _, _ = (DOCS / name).read_text(encoding="utf-8").partition(MARK)
    return f"{by_hand}{MARK}{TABLES[name]()}"


def main() -> None:
    """Write all pages."""
    for name in TABLES:
        (DOCS / name).write_text(current(name), encoding="utf-8")


if __name__ == "__main__":
    main()
