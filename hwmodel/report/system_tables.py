"""The tables of the page on bridges at the other ends of wires, and on several servers."""

from __future__ import annotations

from hwmodel.report.tables import Table
from hwmodel.results.bridge import BridgeResult
from hwmodel.results.result import Result
from hwmodel.words.bridge_reading import (
    NO_NAME,
    bridge_words,
    core_share,
    flooding_sentence,
    forwarding_sentence,
    learning_sentence,
    limit_cell,
    port_row,
    ports_of,
)
from hwmodel.words.quantities import (
    MISSING,
    count_text,
    decimals_text,
    drop_words,
    percent_text,
    printable,
    three_digits,
)
from hwmodel.words.reading import QUEUE_UNITS, STALL_WORDS, shares_of_stalls

MOST_SERVER_ROWS = 64


def adapter_table(result: Result) -> Table:
    """Return a row for each server: rates of its VMs, busy shares of its link, wire and cores, its fullest resource."""
    header = ("server", "tx Gb/s", "rx Gb/s", "PCIe up", "PCIe down", "wire out", "wire in", "busiest core", "fullest")
    rows = []
    for adapter in result.servers[:MOST_SERVER_ROWS]:
        busy = adapter.utilization
        up, down = adapter.pcie.up.utilization, adapter.pcie.down.utilization
        shares = (up, down, busy.get("wire.tx"), busy.get("wire.rx"), core_share(busy))
        rates = (decimals_text(adapter.tx_gbps, 3), decimals_text(adapter.rx_gbps, 3))
        rows.append([printable(adapter.name), *rates, *map(_percent, shares), printable(limit_cell(adapter))])
    return Table(header, rows, texts=(0, 8))


def port_table(result: Result) -> Table:
    """Return a row for each port of all bridges and extenders."""
    rates = ("in, Gb/s", "out, Gb/s", "in, busy", "out, busy")
    header = ("port", *rates, "queue, mean, B", "queue, largest, B", "drops, frames")
    rows = [port_row(port, percent_text) for port in ports_of(result)[: MOST_SERVER_ROWS + 1]]
    return Table(header, rows, texts=(0, 7))


def bridge_sentences(result: Result) -> list[str]:
    """Return what each bridge forwarded, flooded, learned and dropped."""
    return [_bridge_words(bridge) for bridge in result.bridges]


def _bridge_words(bridge: BridgeResult) -> str:
    flooded = f" Flooded: {flooding_sentence(bridge)}." if bridge.kind == "learning" else ""
    learned = f"Of kind {printable(bridge.kind)}: {learning_sentence(bridge)}."
    dropped = drop_words(bridge.drops, none="nothing")
    begin = "Whole run" if bridge.name == NO_NAME else f"{bridge_words(bridge)}, whole run"
    return f"{begin}: {forwarding_sentence(bridge)}.{flooded} {learned} Dropped: {dropped}."


def server_queue_table(result: Result) -> Table:
    """Return the depth of each kind of queue, a column for each server."""
    adapters = result.servers[:4]
    names = sorted({name for adapter in adapters for name in adapter.queues})
    rows = []
    for name in names:
        depths = [adapter.queues.get(name) for adapter in adapters]
        cells = [MISSING if one is None else f"{three_digits(one.mean)} / {count_text(one.max)}" for one in depths]
        rows.append([printable(name), *cells, QUEUE_UNITS.get(name, "")])
    header = ("queue, mean / largest", *(printable(adapter.name) for adapter in adapters), "unit")
    return Table(header, rows, texts=(0, len(header) - 1))


def server_wait_table(result: Result) -> Table:
    """Return for how much of the window something stood waiting, a column for each server."""
    adapters = result.servers[:4]
    shares = [shares_of_stalls(adapter.stalls_ns, result.window.duration_ns) for adapter in adapters]
    rows = [
        [STALL_WORDS[name], *(_percent(one.get(name)) for one in shares)]
        for name in STALL_WORDS
        if any(one.get(name) for one in shares)
    ]
    return Table(("something stood waiting for", *(printable(adapter.name) for adapter in adapters)), rows)


def _percent(share: float | None) -> str:
    return MISSING if share is None else percent_text(share)
