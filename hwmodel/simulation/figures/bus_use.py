"""PCI buses over a window: how busy, with what, for which masters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hwmodel.config import SharedBus
from hwmodel.machine.tlp_kinds import COMPLETIONS, KINDS, READS
from hwmodel.resources import BUS, BY_NAME
from hwmodel.results import Suspect
from hwmodel.results.bottleneck import MATTERS
from hwmodel.results.bottleneck_text import busy_bus
from hwmodel.results.shared_links import BRIDGE, BusResult
from hwmodel.rules.pci_bus import CYCLE_FS, answer_phases, request_clocks, word_bytes, write_phases
from hwmodel.simulation.figures.span import Span

_WRITES = [kind for kind in range(KINDS) if kind not in (*READS, *COMPLETIONS)]


def bus_results(buses: Sequence[SharedBus], names: Sequence[str], spans: Sequence[Span]) -> tuple[BusResult, ...]:
    """Return the figures of each bus over a window; `names`, `spans`: of all adapters."""
    return tuple(_result(bus, names, spans) for bus in buses)


def _result(bus: SharedBus, names: Sequence[str], spans: Sequence[Span]) -> BusResult:
    settings, own = bus.settings, [spans[at] for at in bus.members]
    window = own[0].fs / CYCLE_FS[settings.clock_mhz]
    writes, answers = (sum(_tlps(span, kinds) for span in own) for kinds in (_WRITES, list(COMPLETIONS)))
    requests, retries = sum(_tlps(span, list(READS)) for span in own), sum(span.retries for span in own)
    of_write, of_answer = write_phases(settings), answer_phases(settings)
    a_try = request_clocks(settings)
    clocks = {
        name: writes * getattr(of_write, name) + answers * getattr(of_answer, name)
        for name in ("address", "turnaround", "waits")
    }
    clocks |= {"read_requests": requests * a_try, "retries": retries * a_try}
    masters = {names[at] or "adapter": _own_fs(spans[at], settings) for at in bus.members}
    masters[BRIDGE] = sum(_own_fs(span, settings, of_bridge=True) for span in own)
    busy_fs = max(1, sum(masters.values()))
    # Data phases come last, so a transaction that a window's end cuts has its other phases counted: data are the rest.
    data = max(0, busy_fs // CYCLE_FS[settings.clock_mhz] - sum(clocks.values()))
    clocks = {"data": data, **clocks}
    return BusResult(
        name=bus.name,
        kind=settings.kind,
        width_bits=settings.width_bits,
        clock_mhz=settings.clock_mhz,
        utilization=min(1.0, busy_fs / own[0].fs),
        clocks={name: n / window for name, n in clocks.items()},
        retries=retries,
        masters={name: own_fs / busy_fs for name, own_fs in masters.items()},
    )


def _tlps(span: Span, kinds: list[int]) -> int:
    return sum(int(span.tlps(way)[0][kinds].sum()) for way in ("up", "down"))


def _own_fs(span: Span, settings: Any, *, of_bridge: bool = False) -> int:
    """Return how long an adapter, or the bridge on its behalf, was master; on PCI the adapter also moves read data."""
    cycle_fs, by_kind = CYCLE_FS[settings.clock_mhz], span.tlps("down")[1]
    down_fs = span.counted("down", "busy_fs")
    up_fs = span.counted("up", "busy_fs") + span.retries * request_clocks(settings) * cycle_fs
    bridge_fs = down_fs
    if settings.kind == "pci":
        doorbell_bytes = int(by_kind.sum() - by_kind[list(COMPLETIONS)].sum())
        bridge_fs = min(down_fs, doorbell_bytes // word_bytes(settings) * cycle_fs)
    return bridge_fs if of_bridge else up_fs + down_fs - bridge_fs


def bus_suspects(buses: Sequence[SharedBus], results: Sequence[BusResult]) -> Iterator[Suspect]:
    """Yield the shared buses that may limit the throughput; a lone adapter's bus is among its own resources."""
    for bus, found in zip(buses, results, strict=True):
        share = found.utilization
        if len(bus.members) > 1 and share >= MATTERS:
            why = busy_bus(found.name, share, found.clocks["data"])
            yield Suspect(resource=found.name, share=share, use=share, why=why, keys=BY_NAME[BUS].keys)
