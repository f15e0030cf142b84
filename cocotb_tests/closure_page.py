"""Coverage closure on a page: each bin with the run that hit it first, and the lines, branches, toggles beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cocotb_tests.closure_runs import VERILOG, FirstHit, RunRecord, first_hits, folder_of, kept_runs, reachable
from cocotb_tests.dut_file import OWN_CORE, Core, Dut
from cocotb_tests.functional_coverage import CROSSES, Bin, Unreachable, bins_of, unreachable_in
from cocotb_tests.places import REPORTS
from hwmodel.atomic_file import write_atomically
from hwmodel.errors import InputError
from hwmodel.report.html import template_environment
from hwmodel.words.quantities import counted

LOOKED_AT = {
    "mode": "mode", "destination": "destination", "tags": "tags", "reason": "reason", "admit": "admitted",
    "vid_class": "VLAN", "size": "length", "room": "room in the queues", "copies": "copies",
}  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A table of the page: `texts` are the columns that hold words; one row may be marked."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: Sequence[int] = ()
    marked: int | None = None


def page_path(dut: Dut) -> Path:
    """Return where the page of a core is."""
    return REPORTS / ("coverage.html" if dut.path == OWN_CORE else f"coverage-{dut.path.stem}.html")


def write_page(dut: Dut) -> str:
    """Write the page and, beside it, the same as JSON; return what to say of it."""
    runs, core, path = kept_runs(dut), dut.core(), page_path(dut)
    reached = folder_of(dut) / VERILOG
    verilog = json.loads(reached.read_text(encoding="utf-8")) if reached.exists() else None
    hits = first_hits(runs)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path.with_suffix(".json"), json.dumps(as_json(core, runs, verilog), indent=1) + "\n")
    wanted = list(reachable(core))
    n_hit = sum(each in hits for each in wanted)
    said = f"functional coverage of {counted(len(runs), 'run')}: {n_hit} of {len(wanted)} bins"
    try:
        write_atomically(path, render(core, runs, verilog))
    except InputError as error:
        return f"{said}; no page: {error}"
    return f"{said}: {path}"


def as_json(core: Core, runs: Sequence[RunRecord], verilog: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return all of it as JSON values; `verilog`: the report's of lines, branches and toggles, or None."""
    hits, of_cross = first_hits(runs), bins_of(core)
    bins = [
        {"cross": name, "bin": list(each), **_first_as_json(hits.get((name, each)))}
        for name, found in of_cross.items()
        for each, why in found.items()
        if why is None or (name, each) in hits
    ]
    unreachable = [
        {"cross": name, "bins": list(pattern), "reason": why}
        for name, patterns in unreachable_in(core).items()
        for pattern, why in patterns
    ]
    said = [
        {"simulator": run.simulator, "seed": run.seed, "shape": run.shape, "mode": run.mode, "frames": run.n_frames}
        for run in runs
    ]
    return {"core": core.dut.name, "bins": bins, "unreachable": unreachable, "runs": said, "verilog": verilog}


def _first_as_json(hit: FirstHit | None) -> dict[str, Any]:
    if hit is None:
        return {"hits": 0, "first": None}
    run = hit.run
    first = {"simulator": run.simulator, "seed": run.seed, "shape": run.shape, "mode": run.mode, "frame": hit.frame}
    return {"hits": hit.n_times, "first": first}


def render(core: Core, runs: Sequence[RunRecord], verilog: Mapping[str, Any] | None) -> str:
    """Return the page: one file that needs nothing else."""
    hits, of_cross = first_hits(runs), bins_of(core)
    wanted, unreachable = list(reachable(core)), unreachable_in(core)
    n_hit = sum(each in hits for each in wanted)
    answer = f"{n_hit} of {len(wanted)} functional bins"
    if verilog is not None:
        answer += "; " + ", ".join(f"{kind} {_share(verilog['totals'][kind])}" for kind in verilog["totals"])
    sims = sorted({run.simulator for run in runs})
    return template_environment().get_template("coverage.html.j2").render(
        title=f"Coverage of {core.dut.name}",
        about=f"{counted(len(runs), 'run')}, {counted(sum(run.n_frames for run in runs), 'frame')} in all, "
        f"under {' and '.join(sims)}; {counted(len({run.seed for run in runs}), 'seed')}.",
        answer=answer,
        open=[f"Not hit: {name}: {' × '.join(bins)}" for name, bins in wanted if (name, bins) not in hits],
        crosses=_crosses(of_cross, hits),
        details=[_detail(name, bins, hits, unreachable[name]) for name, bins in of_cross.items()],
        modules=None if verilog is None else _modules(verilog),
        waived=None if verilog is None else _waived(verilog),
        runs=_runs(runs, hits),
    )  # fmt: skip


def _crosses(of_cross: Mapping[str, Mapping[tuple[str, ...], str | None]], hits: Mapping[Bin, FirstHit]) -> Table:
    rows = []
    for name, bins in of_cross.items():
        wanted = [each for each, why in bins.items() if why is None]
        n_hit = sum((name, each) in hits for each in wanted)
        looked_at = " × ".join(LOOKED_AT[each] for each in CROSSES[name])
        rows.append([_title(name), looked_at, f"{n_hit} of {len(wanted)}"])
    return Table(["cross", "of", "bins hit"], rows, (1,))


def _title(name: str) -> str:
    return name.removeprefix("core.")


def _detail(
    name: str, bins: Mapping[tuple[str, ...], str | None], hits: Mapping[Bin, FirstHit], unreachable: Unreachable
) -> dict[str, Any]:
    columns = [LOOKED_AT[each] for each in CROSSES[name]]
    texts = tuple(range(len(columns)))
    shown = [each for each, why in bins.items() if why is None or (name, each) in hits]
    hit = [[*each, *_first_as_row(hits.get((name, each)))] for each in shown]
    header = [*columns, "times", "first hit by", "frame"]
    never = [[*(each or "any" for each in pattern), why] for pattern, why in unreachable]
    return {
        "title": f"{_title(name)}: {' × '.join(columns)}",
        "hit": Table(header, hit, (*texts, len(columns) + 1)),
        "unreachable": Table([*columns, "why not"], never, (*texts, len(columns))),
    }


def _first_as_row(hit: FirstHit | None) -> list[str]:
    if hit is None:
        return ["0", "no run", ""]
    run = hit.run
    return [f"{hit.n_times:,}", f"{run.simulator}, {run.seed}, {run.mode}, {run.shape}", f"{hit.frame:,}"]


def _share(counts: Mapping[str, int]) -> str:
    n_done = counts["hit"] + counts.get("waived", 0)
    waived = f" ({counts['waived']:,} of them waived)" if counts.get("waived") else ""
    return f"{100 * n_done / counts['all']:.1f} %{waived}" if counts["all"] else "none"


def _modules(verilog: Mapping[str, Any]) -> Table:
    rows = [
        [name, *(_counted(module[kind]) for kind in verilog["totals"])]
        for name, module in (*verilog["modules"].items(), ("all", verilog["totals"]))
    ]
    return Table(["module", *verilog["totals"]], rows, marked=len(rows) - 1)


def _counted(counts: Mapping[str, int]) -> str:
    if not counts["all"]:
        return "none"
    waived = f" + {counts['waived']:,} waived" if counts.get("waived") else ""
    return f"{counts['hit']:,}{waived} of {counts['all']:,}"


def _waived(verilog: Mapping[str, Any]) -> Table:
    rows = [
        [module["file"], each["what"], each["reason"]]
        for module in verilog["modules"].values()
        for each in module.get("waivers", ())
    ]
    return Table(["file", "what is not reached", "why"], rows, (1, 2))


def _runs(runs: Sequence[RunRecord], hits: Mapping[Bin, FirstHit]) -> Table:
    rows = [
        [
            str(number), run.simulator, run.seed, run.mode, run.shape, f"{run.n_frames:,}",
            str(sum(hit.run is run for hit in hits.values())),
        ]
        for number, run in enumerate(runs, 1)
    ]  # fmt: skip
    return Table(["run", "simulator", "seed", "mode", "shape", "frames", "bins hit first"], rows, (1, 2, 3, 4))
