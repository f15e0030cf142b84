"""docs/vm_to_vm.md: a table for each link, the drivers' table, and why closed forms lie outside where they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from benches.markdown import markdown_table, size_text, with_interval
from benches.sweep_rows import ROOT, THROUGHPUT, Row, config_of, plan_of, read_rows
from benches.vm_to_vm import notes
from benches.vm_to_vm.published import GEN2_X4, GEN2_X8, GEN3_X4, GEN3_X8, SOURCES, published_text

PAGE = ROOT / "docs" / "vm_to_vm.md"
ADAPTER, DRIVERS = "vm_to_vm", "vm_to_vm_drivers"
COLUMNS = (*THROUGHPUT, "totals.mpps", "totals.dropped_frames", *notes.FIGURES)
LINKS = (GEN2_X4, GEN2_X8, GEN3_X4, GEN3_X8)
DRIVER_NAMES = ("kernel", "kernel_busy_poll", "dpdk")
HEAD = ROOT / "benches" / "vm_to_vm" / "head.md"  # what was run, in words


def page() -> str:
    """Return the page, from the CSV files alone."""
    adapter, drivers = read_rows(ADAPTER), read_rows(DRIVERS)
    n_within = sum(map(notes.is_within, [*adapter, *drivers]))
    n_cells = len(adapter) + len(drivers)
    lines = [
        HEAD.read_text(encoding="utf-8").format(
            adapter=ADAPTER, drivers=DRIVERS, n_cells=n_cells, n_within=n_within, n_outside=n_cells - n_within,
            frames=plan_of(ADAPTER).config.run.frames,
        ),
        *(line for link in LINKS for line in _of_link(link, adapter)),
        *_sources(),
        *_of_drivers(drivers),
        *_outside(adapter, drivers),
        *_reproduce(),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def link_of(row: Row) -> tuple[int, int]:
    """Return generation and lanes."""
    return row["pcie.generation"], row["pcie.lanes"]


def n_senders(row: Row) -> int:
    """Return how many VMs send; 1 where one sends to another that does not."""
    return 1 if row["workload.pattern"] == "flows" else int(row["nic.vfs"])


def link_name(link: tuple[int, int]) -> str:
    """Name a link as the page does."""
    return f"Gen{link[0]} x{link[1]}"


def _of_link(link: tuple[int, int], rows: Sequence[Row]) -> Iterator[str]:
    cells = {(row["workload.frame_bytes"], n_senders(row)): row for row in rows if link_of(row) == link}
    sizes, senders = (sorted({key[part] for key in cells}) for part in (0, 1))
    yield from ("", f"## {link_name(link)}", "")
    table = []
    for size in sizes:
        of_size = [cells[size, n] for n in senders]
        simulated = [_simulated(row) + _mark(row) for row in of_size]
        table.append([size_text(size), "simulated", *simulated, published_text(link, size)])
        table.append(["", "closed form", *(f"{row['closed_form.gbps']:.3f}" for row in of_size), ""])
    heads = ["frame", "Gb/s", *(f"{n} VM{'s' * (n > 1)}" for n in senders), "published Gb/s"]
    yield from markdown_table(heads, table, n_left=2)
    at_large = published_text(link, None)
    yield from ("", f"Without a frame size: {at_large}." if at_large else "Nothing is published without a frame size.")
    yield from ("", _what_limits(cells))


def _simulated(row: Row) -> str:
    return with_interval(row["totals.gbps"], row["intervals.totals.gbps.low"], row["intervals.totals.gbps.high"])


def _mark(row: Row) -> str:
    return "" if notes.is_within(row) else " \\*"


def _what_limits(cells: dict[tuple[int, int], Row]) -> str:
    """Say which resource the runs name, and where it is another than that of most; and whether frames dropped."""
    named = Counter(row["bottleneck.resource"] for row in cells.values())
    usual = named.most_common(1)[0][0]
    parts = [f"The runs name `{usual}` as what limits"]
    for resource in sorted(set(named) - {usual}):
        places = [
            f"{size_text(size)} with {n} VM{'s' * (n > 1)}"
            for (size, n), row in sorted(cells.items())
            if row["bottleneck.resource"] == resource
        ]
        parts.append(f"`{resource}` at {', '.join(places)}")
    n_dropped = sum(row["totals.dropped_frames"] for row in cells.values())
    return f"{'; '.join(parts)}. Frames dropped: {n_dropped or 'none'}."


def _sources() -> Iterator[str]:
    yield from ("", "Published figures, none of which is of this table's load; an empty cell has none:", "")
    yield from (f"- ({mark}) {words}." for mark, words in SOURCES.items())


def _of_drivers(rows: Sequence[Row]) -> Iterator[str]:
    yield from ("", "## What drivers make of it", "")
    yield (
        "Eight VMs, a core each, everything that a driver sets as its preset has it: batches, interrupts, the "
        "time of a frame "
        "([drivers](drivers.md)). Simulated, with half the 95 % interval, and the closed form below it; \\* "
        "where that lies outside."
    )
    sizes = sorted({row["workload.frame_bytes"] for row in rows})
    for driver in DRIVER_NAMES:
        cells = {(row["workload.frame_bytes"], link_of(row)): row for row in rows if row["driver.preset"] == driver}
        yield from ("", f"### `{driver}`", "")
        table = []
        for size in sizes:
            of_size = [cells[size, link] for link in LINKS]
            table.append([size_text(size), "simulated", *(_simulated(row) + _mark(row) for row in of_size)])
            table.append(["", "closed form", *(f"{row['closed_form.gbps']:.3f}" for row in of_size)])
            table.append(["", "limited by", *(f"`{row['bottleneck.resource']}`" for row in of_size)])
        yield from markdown_table(["frame", "Gb/s", *map(link_name, LINKS)], table, n_left=2)


def _outside(adapter: Sequence[Row], drivers: Sequence[Row]) -> Iterator[str]:
    yield from ("", "## Where the closed form lies outside", "")
    yield (
        "Of each such cell: what the run counted and the closed form does not assume, and the closed form with "
        "it, which then lies within the "
        "interval. More bytes of write-backs: a timer (`nic.writeback_timeout`) sends them before a batch is "
        "full, where the frames of one VM are far "
        "apart; the closed form counts full ones. Interrupts: it counts none of a driver that masks them and "
        "polls, and under a full load there are some."
    )
    table = []
    for name, rows in ((ADAPTER, adapter), (DRIVERS, drivers)):
        for row in rows:
            if not notes.is_within(row):
                cause = notes.cause_of(row, config_of(name, row.number))
                who = row.axes.get("driver.preset", f"{row.axes.get('nic.vfs')} VMs")
                off = 100 * (row["totals.gbps"] / row["closed_form.gbps"] - 1)
                then = "-" if cause.gbps is None else f"{cause.gbps:.3f}"
                place = [who, link_name(link_of(row)), size_text(row["workload.frame_bytes"])]
                table.append(
                    [*place, cause.words, _simulated(row), f"{row['closed_form.gbps']:.3f}", f"{off:+.2f}", then]
                )
    heads = [
        "who",
        "link",
        "frame",
        "what the run counted",
        "simulated Gb/s",
        "closed form Gb/s",
        "off %",
        "with it Gb/s",
    ]
    yield ""
    yield from markdown_table(heads, table, n_left=4) if table else ["Nowhere."]


def _reproduce() -> Iterator[str]:
    yield from ("", "## Again", "")
    yield (
        "`make bench-report` runs both sweeps and writes this page; `python -m benches.vm_to_vm --check` runs a "
        "sample of cells again"
    )
    yield "and compares every digit. The sweeps, with their configurations, are"
    for name in (ADAPTER, DRIVERS):
        plan = plan_of(name)
        yield (
            f"[`{name}`](../configs/studies/{name}.yaml) ({len(plan.points)} runs of {plan.config.run.frames:,} "
            "frames, "
            f"hash `{plan.sweep_hash}`, figures in [CSV](studies/{name}.csv)){' and' if name == ADAPTER else '.'}"
        )
