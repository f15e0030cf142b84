"""What the terminal's summary says of bridges at the other ends of wires, and of several servers on them."""

from __future__ import annotations

from collections.abc import Iterable

from hwmodel.report.bridge_reading import (
    bridge_words,
    flooding_sentence,
    forwarding_sentence,
    learning_sentence,
    limit_cell,
    port_row,
    ports_at,
)
from hwmodel.report.quantities import MISSING, decimals_text, drop_words, printable, three_digits
from hwmodel.report.text_table import MOST_ROWS, Line, table
from hwmodel.results.result import Result
from hwmodel.results.system import AdapterResult, SystemResult


def adapter_lines(result: SystemResult) -> Iterable[Line]:
    """Give a row for each server: what its VMs send and receive, how busy its link, wire and cores are, its fullest."""
    shares = ("PCIe up %", "down %", "wire out %", "in %")
    header = ("server", "tx Gb/s", "rx Gb/s", *shares, "cores", "fullest of its own")
    rows = [_adapter_row(adapter) for adapter in result.adapters[:MOST_ROWS]]
    yield from table(header, rows, left_columns=(0, len(header) - 1))
    if len(result.adapters) > MOST_ROWS:
        yield Line(f"... and {len(result.adapters) - MOST_ROWS} more servers")
    yield Line("(tx, rx: of the server's VMs; %: busy share of the window; cores: kept busy by drivers)")


def _adapter_row(adapter: AdapterResult) -> tuple[str, ...]:
    busy = adapter.utilization
    shares = (
        adapter.pcie.up.utilization,
        adapter.pcie.down.utilization,
        busy.get("wire.tx"),
        busy.get("wire.rx"),
    )
    return (
        printable(adapter.name),
        decimals_text(adapter.tx_gbps, 3),
        decimals_text(adapter.rx_gbps, 3),
        *(_percent(share) for share in shares),
        three_digits(adapter.cpu.cores_busy),
        printable(limit_cell(adapter)),
    )


def bridge_lines(result: Result) -> Iterable[Line]:
    """Give a row for each port of a bridge, then what that bridge learned and flooded; so for each bridge."""
    header = ("bridge port", "in Gb/s", "out Gb/s", "in %", "out %", "queue mean, B", "largest, B", "drops, frames")
    for bridge in result.bridges:
        rows = [port_row(port, _percent) for port in ports_at(bridge)[: MOST_ROWS + 1]]
        yield from table(header, rows, left_columns=(0, len(header) - 1))
        if len(bridge.ports) > MOST_ROWS + 1:
            yield Line(f"... and {len(bridge.ports) - MOST_ROWS - 1} more ports")
        name = bridge_words(bridge)
        whose = "the bridge or extender" if any(port.device != bridge.name for port in bridge.ports) else "the bridge"
        yield Line(f"(in: from the port to {whose}, out: from it; %: busy share of the window)")
        yield Line(f"{name}, whole run: {forwarding_sentence(bridge)}")
        if bridge.kind == "learning":
            yield Line(f"{name}, flooded: {flooding_sentence(bridge)}")
        yield Line(f"{name}, {bridge.kind}: {learning_sentence(bridge)}")
        yield Line(f"{name}, drops, frames, whole run: {drop_words(bridge.drops, none='none')}")


def _percent(share: float | None) -> str:
    return MISSING if share is None else f"{100 * share:.1f}"
