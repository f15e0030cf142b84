"""All studies by name, and the page that lists them with what each found."""

from __future__ import annotations

from pathlib import Path

from benches.markdown import markdown_table
from benches.studies import fairness, latency, link, loss, throughput
from benches.studies.study import Study
from benches.sweep_rows import ROOT, read_rows

STUDIES = {
    study.name: study
    for study in (*throughput.ALL, *latency.ALL, *link.ALL, *loss.ALL, *fairness.ALL)
}  # fmt: skip
PAGES = ROOT / "docs" / "studies"
INDEX = PAGES / "index.md"


def page_path(study: Study) -> Path:
    """Return where a study's page is."""
    return PAGES / f"{study.name}.md"


def index_page() -> str:
    """Return the page of all studies."""
    table = [[f"[{study.title}]({name}.md)", study.found(read_rows(name))] for name, study in STUDIES.items()]
    lines = [
        "# Studies",
        "",
        "<!-- Written by `python -m benches.studies`; a test keeps it current. -->",
        "",
        "Questions that come up with every adapter, each a sweep that comes with hwmodel: `hwmodel sweep lanes "
        "--out out/lanes` runs one anywhere, "
        "`hwmodel configs` lists them. The sentences are computed from the figures beside them.",
        "",
        *markdown_table(["study", "what it found"], table, n_left=2),
        "",
        "[The VM-to-VM table](../vm_to_vm.md) is made in the same way.",
    ]
    return "\n".join(lines) + "\n"
