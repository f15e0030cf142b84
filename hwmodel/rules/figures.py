"""The figures that are sums of counters: a row for each, which all their readers read.

A row has the name that results print (docs/results.md, docs/counters.md), whose figure it is, its unit, the words of
a server's record that are added up for it, and what is said of it. From the rows come the counters that a ledger has
of them, fields of results (`results/figure_fields.py`) and what they hold (`simulation/figures/by_row.py`), intervals,
columns and the balance of frames in summaries, and what a condition of a scenario may wait for: its check, the
machine's watches (`machine/adapter/watches.py`) and sentences have no kinds beside these.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import NamedTuple

from hwmodel.resources import BUSY_SHARES

from .drop_kinds import ALL_DROPS
from .headroom import PRIORITIES

FUNCTION, PORT, ADAPTER = "a VM's function", "an Ethernet port", "an adapter"  # whose a figure is
MOST_RINGS = 16  # of a function, each way


class Step(Enum):
    """Say which of a record's entries a path goes on with, where the row does not say it by a number or a name."""

    OWN = "the function's"
    RINGS = "those of the function's rings"
    PORTS = "the port's or, of an adapter, those of all ports"
    CORES = "those of all cores"
    EACH = "all"


class Ring(NamedTuple):
    """Be the step to one of the function's rings, by the number that it has there."""

    number: int


OWN, RINGS, PORTS, CORES, EACH = Step
Path = tuple["str | int | Step | Ring", ...]


class Part(NamedTuple):
    """Hold where words lie in a server's record, and what each counts: `factor` times, and times a parameter.

    `path`: fields by their names, entries by numbers, steps, or names of what is counted there: reasons of drops, or
    purposes of TLPs (`pcie.up.bytes` of results). `times`: a field of `rules.pcie_link.tlp_overhead_of`, or empty.
    """

    path: Path
    factor: int = 1
    times: str = ""


class Unit(NamedTuple):
    """Say how much of a figure is written: as a `count`, as `bytes` or as a `time`; a `rate` of it with `within`.

    Either is empty where it is not written so. Rates: `bits` or `frames` a second, a `share` of the time.
    """

    noun: str
    amount: str
    rate: str = ""


FRAMES, COPIES = Unit("frame", "count", "frames"), Unit("copy", "count", "frames")
MIRRORED = Unit("mirrored copy", "count", "frames")
BYTES, TIME = Unit("byte", "bytes", "bits"), Unit("", "time", "share")
BIT_RATE, FRAME_RATE = Unit("byte", "", "bits"), Unit("frame", "", "frames")
DESCRIPTORS, TAGS, TRANSLATIONS = Unit("descriptor", "count"), Unit("tag", "count"), Unit("translation", "count")
CONTROL_FRAMES = Unit("control frame", "count", "frames")


class Column(NamedTuple):
    """Hold the heading of a figure's column in the table of VMs, its decimals, and whether intervals stand there."""

    heading: str
    decimals: int = 0
    has_interval: bool = False


class Interval(NamedTuple):
    """Say how a rate's 95 % interval comes about, beside its own variation.

    `by_bursts`: it is known no better than to a burst of frames. `as_offered`: nor better than the offered rate.
    `by_law`: where nothing is lost it is that of the arrivals, whose law may be known.
    """

    by_bursts: bool = False
    as_offered: bool = False
    by_law: bool = False


class Figure(NamedTuple):
    """Hold a row. `did`, `where`: what is said around the amount, as in `dropped` 9 frames `for want of a descriptor`.

    `is_level`: it goes up and down, while counts only grow. `needs`: what the configuration must have for results to
    have it, a key of `config.condition.HAS`. `while_on`: a function that is off has nothing of it, and is not below.
    `is_of_vm`: a VM's result has it. `of_run`: results have it of the whole run, not of the window. `interval`: of a
    rate with one. `column`: in the table of VMs. `beside`: what is said of it beside the balance of frames, without a
    bridge and with one.
    """

    name: str
    of: str
    unit: Unit
    did: str
    parts: tuple[Part, ...]
    where: str = ""
    is_level: bool = False
    needs: str = ""
    while_on: bool = False
    is_of_vm: bool = False
    of_run: bool = False
    interval: Interval | None = None
    column: Column | None = None
    beside: tuple[str, str] | None = None


def _sum(*paths: Path) -> tuple[Part, ...]:
    return tuple(Part(path) for path in paths)


_OWN_COUNTS, _COUNTS = ("ledger", "function", OWN), ("ledger", "counts")
_MAC, _PAUSES = ("port", PORTS, "mac", "counts"), ("pauses", "port", PORTS, "counts")
_WHY = {
    "NO_DESCRIPTOR": "for want of a descriptor", "RX_BUFFER_FULL": "for want of room in the Rx buffer",
    "TX_RING_FULL": "at a full Tx ring",
}  # fmt: skip
_FLOW_CACHE = ("virtual_switch", "flow_cache")
OFF: Path = ("function", OWN, "is_off")  # 1 of a function that is not there


def _drops(of: str, counts: Path) -> Iterator[Figure]:
    """Give the rows of frames and copies dropped, in all and by reason, mirrored copies apart."""
    yield Figure("drops", of, FRAMES, "dropped", _sum((*counts, "drops", EACH)))
    for reason in ALL_DROPS:
        # A bridge's queue is no part of a server; a virtual switch has queues of this kind too.
        needs, why = "vswitch" if reason == "QUEUE_FULL" else "", _WHY.get(reason, f"({reason})")
        yield Figure(f"drops.{reason}", of, FRAMES, "dropped", _sum((*counts, "drops", reason)), why, needs=needs)
    for reason in ("RX_BUFFER_FULL", "NO_DESCRIPTOR", "RECEIVE_LIMIT"):
        parts, why = _sum((*counts, "mirrored_drops", reason)), _WHY.get(reason, f"({reason})")
        yield Figure(f"mirrored_drops.{reason}", of, MIRRORED, "dropped", parts, why)


def _lost(of: str, name: str, counts: Path, reason: str) -> Figure:
    """Return the row of one of Linux' counters of losses, among which mirrored copies are."""
    return _counted(of, name, *((*counts, drops, reason) for drops in ("drops", "mirrored_drops")))


def _counted(of: str, name: str, *paths: Path, unit: Unit = FRAMES, needs: str = "") -> Figure:
    """Return the row of one of Linux' counters, which is told by its name."""
    return Figure(name, of, unit, "counted", _sum(*paths), f"as {name}", needs=needs)


def _busy(of: str, record: Path) -> Iterator[Figure]:
    """Give the rows of the busy times of an adapter's resources, or of a port's."""
    for row in BUSY_SHARES:
        what, needs, where = row.watched
        if what and row.is_at_port == (of == PORT):
            did, parts = f"kept its {what} busy for", _sum((*record, *row.busy))
            yield Figure(f"utilization.{row.name}", of, TIME, did, parts, where, needs=needs)


def _of_functions() -> Iterator[Figure]:
    """Give the rows of a function: of a VM, or of a PF's own."""
    received, sent = (*_OWN_COUNTS, "received_bytes"), (*_OWN_COUNTS, "sent_bytes")
    yield Figure("delivered", FUNCTION, FRAMES, "received", _sum((*_OWN_COUNTS, "received_frames")))
    yield Figure("sent", FUNCTION, FRAMES, "sent", _sum((*_OWN_COUNTS, "sent_frames")))
    yield Figure("tx_gbps", FUNCTION, BIT_RATE, "sent", _sum(sent), is_of_vm=True, interval=Interval(),
                 column=Column("tx Gb/s", 3, has_interval=True))  # fmt: skip
    yield Figure("rx_gbps", FUNCTION, BIT_RATE, "received", _sum(received), is_of_vm=True,
                 interval=Interval(by_bursts=True), column=Column("rx Gb/s", 3, has_interval=True))  # fmt: skip
    yield Figure("rx_mpps", FUNCTION, FRAME_RATE, "received", _sum((*_OWN_COUNTS, "received_frames")), is_of_vm=True,
                 interval=Interval(by_bursts=True), column=Column("rx Mpps", 4))  # fmt: skip
    yield Figure("mirrored", FUNCTION, MIRRORED, "received", _sum((*_OWN_COUNTS, "mirrored")), is_of_vm=True,
                 of_run=True)  # fmt: skip
    yield from _drops(FUNCTION, _OWN_COUNTS)
    tx, rx = ("tx_queue", RINGS), ("rx_queue", RINGS)
    taken = (Part((*tx, "reserved")), Part((*tx, "freed"), -1))
    yield Figure("tx_ring", FUNCTION, DESCRIPTORS, "used", taken, "of its Tx rings", is_level=True, while_on=True)
    left = _sum(*((*rx, name) for name in ("known", "requested", "cached")))
    in_use = (Part((*rx, "slots")), *(part._replace(factor=-1) for part in left))
    yield Figure("rx_ring", FUNCTION, DESCRIPTORS, "used", in_use, "of its Rx rings", is_level=True, while_on=True)
    where = "in its Rx rings for the adapter"
    yield Figure("rx_ring_left", FUNCTION, DESCRIPTORS, "had", left, where, is_level=True, while_on=True)
    for way, queue in (("rx", "rx_queue"), ("tx", "tx_queue")):
        did = "received" if way == "rx" else "sent"
        for what, field, unit in (("packets", "frames", FRAMES), ("bytes", "n_bytes", BYTES)):
            counts = _sum((queue, RINGS, "counts", field))
            yield Figure(f"{way}_{what}", FUNCTION, unit, did, counts, "as its driver counts them")
            for ring in range(MOST_RINGS):
                parts, where = _sum((queue, Ring(ring), "counts", field)), f"by its ring {ring}"
                yield Figure(f"{way}_queue_{ring}_{what}", FUNCTION, unit, did, parts, where, needs="rings")
    for name, reason in (
        ("rx_dropped", "NO_DESCRIPTOR"), ("rx_missed_errors", "RX_BUFFER_FULL"), ("tx_dropped", "TX_RING_FULL")
    ):  # fmt: skip
        yield _lost(FUNCTION, name, _OWN_COUNTS, reason)
    for name in ("multicast", "broadcast"):
        yield _counted(FUNCTION, name, (*_OWN_COUNTS, name))
    for name, did in (("blocked", "blocked the Rx buffer"), ("waited", "waited behind other VMs' rings")):
        parts = _sum((*_OWN_COUNTS, "blocking_fs" if name == "blocked" else "waited_fs"))
        yield Figure(f"head_of_line.{name}_ns", FUNCTION, TIME, f"{did} for", parts)


def _of_ports() -> Iterator[Figure]:
    """Give the rows of an Ethernet port; of an adapter they are those of its ports added up."""
    for way, did in (("tx", "sent"), ("rx", "received")):
        carried, where = _sum((*_MAC, f"{way}_bytes")), "by the wire"
        yield Figure(f"wire.{way}_gbps", PORT, BIT_RATE, did, carried, where,
                     interval=Interval(as_offered=way == "tx"))  # fmt: skip
    yield from _busy(PORT, ("port", PORTS))
    for name, field, unit in (
        ("rx_pkts_nic", "good_frames", FRAMES), ("rx_bytes_nic", "good_bytes", BYTES),
        ("tx_bytes_nic", "tx_bytes", BYTES), ("multicast", "multicast", FRAMES), ("broadcast", "broadcast", FRAMES),
    ):  # fmt: skip
        yield _counted(PORT, name, (*_MAC, field), unit=unit)
    for way, field in (("tx", "sent"), ("rx", "received")):
        needs = "" if way == "tx" else " that is obeyed"
        yield Figure(f"flow_control.control_frames_{field}", PORT, CONTROL_FRAMES, field, _sum((*_PAUSES, field)),
                     needs="flow control")  # fmt: skip
        for said in ("xoff", "xon"):
            path = (*_PAUSES, f"{said}_{field}")
            yield _counted(PORT, f"{way}_flow_control_{said}", (*path, 0), unit=CONTROL_FRAMES, needs=f"pause{needs}")
            for priority in range(PRIORITIES):
                name = f"{way}_pb_{priority}_p{said}"
                yield _counted(PORT, name, (*path, priority), unit=CONTROL_FRAMES, needs=f"pfc{needs}")
    for name, did in (("stops_sent", "sent"), ("stops_received", "received")):
        parts, where = _sum((*_PAUSES, name, EACH)), "that stop a class"
        yield Figure(f"flow_control.{name}", PORT, CONTROL_FRAMES, did, parts, where, needs="flow control")
    parts = _sum(("port", PORTS, "switch", "steering", "counts", "n_without_room"))
    yield Figure("flow_director.without_room", PORT, FRAMES, "found no room for filters of", parts,
                 needs="flow director")  # fmt: skip
    wire = ("port", PORTS, "mac", "params")
    bare = (Part((*wire, "is_down")), Part((*wire, "is_silent"), -1))
    yield Figure("dead_wires", PORT, Unit("dead wire", "count"), "had", bare, is_level=True)


_OVER_BRIDGE = "came to adapters over the bridge"
_TOTALS: tuple[tuple[str, str, Unit, str, tuple[str, str] | None], ...] = (
    ("offered_frames", "offered", FRAMES, "been offered", None),
    ("delivered_frames", "delivered", FRAMES, "delivered", None),
    ("dropped_frames", "dropped", FRAMES, "lost", None),
    ("delivered_to_wire", "delivered_to_wire", FRAMES, "sent by the wire", ("to the wire", "delivered outside")),
    ("from_wire", "from_wire", FRAMES, "got from the wire", ("from the wire", _OVER_BRIDGE)),
    ("copies_made", "copies_made", COPIES, "made", None),
    ("copies_delivered", "copies_delivered", COPIES, "delivered", None),
    ("copies_dropped", "copies_dropped", COPIES, "dropped", None),
    ("mirrored", "mirrored", MIRRORED, "delivered", ("mirrored", "mirrored")),
    ("mirrored_made", "mirrored_made", MIRRORED, "made", None),
    ("mirrored_dropped", "mirrored_dropped", MIRRORED, "dropped", ("mirrored copies lost", "mirrored copies lost")),
    ("gbps", "delivered_bytes", BIT_RATE, "delivered to VMs", None),
    ("mpps", "vm_copies", FRAME_RATE, "delivered to VMs", None),
)
_LEVELS: tuple[tuple[str, Path, Unit, str, str], ...] = (
    ("tx_ring", (*_COUNTS, "tx_ring"), DESCRIPTORS, "used", "of its Tx rings"),
    ("rx_ring", (*_COUNTS, "rx_ring"), DESCRIPTORS, "used", "of its Rx rings"),
    ("tx_buffer", ("counts", "tx_buffer"), BYTES, "held", "in its Tx buffer"),
    ("rx_buffer", ("counts", "rx_buffer"), BYTES, "held", "in its Rx buffer"),
    ("wire", ("counts", "wire_waiting"), FRAMES, "held", "at its wires"),
)
_STALLS = (
    ("tags", "no tag was free"), ("posted_credits", "posted writes lacked credits"),
    ("non_posted_credits", "reads lacked credits"), ("completion_credits", "completions lacked credits"),
    ("descriptors", "a ring had no Rx descriptor"),
)  # fmt: skip


def _of_pcie() -> Iterator[Figure]:
    """Give the rows of what a link carries; overhead of payload is told apart from its data."""
    for way, header in (("up", "memory_write_bytes"), ("down", "completion_bytes")):
        counts: Path = ("pcie", 0, way, "counts")
        headers = Part((*counts, "n_tlps", "payload"), times=header)
        for purpose in ("payload", "tlp_overhead", "read_request", "descriptor", "writeback", "interrupt", "doorbell"):
            data = Part((*counts, "n_bytes", purpose)) if purpose != "tlp_overhead" else None
            parts = (*([data] if data else ()), *([headers._replace(factor=-1)] if purpose == "payload" else ()))
            where = f"{way} the link as {purpose}"
            yield Figure(f"pcie.{way}.bytes.{purpose}", ADAPTER, BYTES, "sent" if way == "up" else "got",
                         parts or (headers,), where)  # fmt: skip


def _of_adapters() -> Iterator[Figure]:
    """Give the rows of an adapter with its host, beside those of its ports."""
    yield from _drops(ADAPTER, _COUNTS)
    for name, field, unit, did, beside in _TOTALS:
        interval = None if unit.amount else Interval(by_bursts=True, as_offered=True, by_law=True)
        yield Figure(f"totals.{name}", ADAPTER, unit, did, _sum((*_COUNTS, field)), of_run=bool(unit.amount),
                     interval=interval, beside=beside)  # fmt: skip
    for name, path, unit, did, where in _LEVELS:
        yield Figure(f"queues.{name}", ADAPTER, unit, did, _sum((*path, "level")), where, is_level=True)
    free = (Part(("pcie", 0, "tags", "params", "n_tags")), Part(("pcie", 0, "tags", "n_free"), -1))
    yield Figure("queues.tags", ADAPTER, TAGS, "used", free, is_level=True)
    for field, why in _STALLS:
        name = "_".join(reversed(field.rsplit("_", 1))) if field.endswith("credits") else field
        parts = _sum((*_COUNTS, "stalls", field, "total_fs"))
        yield Figure(f"stalls_ns.{name}", ADAPTER, TIME, "been stalled for", parts, f"as {why}")
    yield from _of_pcie()
    yield from _busy(ADAPTER, ())
    parts = _sum(("guests", "core", CORES, "counts", "busy_fs", EACH))
    yield Figure("cpu.cores_busy", ADAPTER, TIME, "kept its host's cores busy for", parts, "together")
    lost, where = _sum((*_COUNTS, "lost_in_stalls")), "while its host stalled"
    yield Figure("cpu.stalls.lost", ADAPTER, FRAMES, "lost", lost, where, needs="stalls")
    for name in ("hits", "misses"):
        parts = _sum(("host", 0, "translation", "counts", name))
        yield Figure(f"iotlb.{name}", ADAPTER, TRANSLATIONS, "had", parts, f"that were {name}", needs="iotlb")
    for name in ("exact_hits", "wildcard_hits", "misses", "lost"):
        parts, where = _sum((*_FLOW_CACHE, "counts", name)), f"as {name} of its flow cache"
        yield Figure(f"flow_cache.{name}", ADAPTER, FRAMES, "counted", parts, where, needs="flow cache")
    yield _counted(ADAPTER, "tx_pkts_nic", (*_COUNTS, "delivered_to_wire"), (*_COUNTS, "sent_to_bridge"))
    yield _lost(ADAPTER, "rx_missed_errors", _COUNTS, "RX_BUFFER_FULL")
    yield _lost(ADAPTER, "rx_no_dma_resources", _COUNTS, "NO_DESCRIPTOR")
    of_functions = Part(("ledger", "function", EACH, "drops", "OVERSIZE"), -1)
    too_long = (Part((*_COUNTS, "drops", "OVERSIZE")), of_functions)
    yield Figure("rx_long_length_errors", ADAPTER, FRAMES, "counted", too_long, "as rx_long_length_errors")


FIGURES = {(row.of, row.name): row for rows in (_of_functions(), _of_ports(), _of_adapters()) for row in rows}
NAMES = tuple(dict.fromkeys(name for _, name in FIGURES))


@cache
def rows_of(record: str) -> dict[str, Figure]:
    """Return the rows of a record of results (`totals`, `pcie.up.bytes`), or of its VMs (`vms`), by their fields."""
    if record == "vms":
        return {row.name: row for row in FIGURES.values() if row.is_of_vm}
    ends = ((row.name.rpartition("."), row) for row in FIGURES.values() if row.of != FUNCTION)
    return {field: row for (before, _, field), row in ends if before == record}


def counters_at(place: Path) -> tuple[str, ...]:
    """Return the counters right at a place in a server's record that rows are sums of, in their order."""
    paths = (part.path for row in FIGURES.values() for part in row.parts)
    ends = (path[-1] for path in paths if path[:-1] == place)
    return tuple(dict.fromkeys(end for end in ends if isinstance(end, str)))


LEDGER_COUNTERS, FUNCTION_COUNTERS = counters_at(_COUNTS), counters_at(_OWN_COUNTS)


class Short(NamedTuple):
    """Hold a condition that is written by a key of its own: its figure, and its words when it came true, and if not."""

    figure: Figure
    words: tuple[str, str]


_EMPTY = ("{vm}'s %s rings were empty", "{vm}'s %s rings had not been empty")
_AWAY = Figure("off", FUNCTION, Unit("time", "count"), "been off", _sum(OFF), is_level=True)
SHORT_FORMS = {
    "delivered": Short(
        FIGURES[FUNCTION, "delivered"], ("{vm} had received {frames}", "{vm} had not received {frames}")
    ),
    "dropped": Short(FIGURES[FUNCTION, "drops"], ("{vm} had lost {frames}", "{vm} had not lost {frames}")),
    "tx_ring": Short(FIGURES[FUNCTION, "tx_ring"], (_EMPTY[0] % "Tx", _EMPTY[1] % "Tx")),
    "rx_ring": Short(FIGURES[FUNCTION, "rx_ring_left"], (_EMPTY[0] % "Rx", _EMPTY[1] % "Rx")),
    "up": Short(_AWAY, ("{vm} was {up}", "{vm} had not been {up}")),
}


class Watched(NamedTuple):
    """Say what is waited for: a figure of something, above or below a number of its units.

    `of`: its name, empty for the only adapter. `within_fs`: the growth in the last so much time is compared, 0 for that
    since it is looked at, or for a level.
    """

    figure: Figure
    of: str
    is_below: bool
    number: int
    within_fs: int = 0


def short_of(kind: str, vm: str, value: object) -> Watched:
    """Return what a condition with a key of its own waits for: so many, an empty ring, or a function that is there."""
    if value == "empty" or value is True:
        return Watched(SHORT_FORMS[kind].figure, vm, is_below=True, number=1)
    assert isinstance(value, int)
    return Watched(SHORT_FORMS[kind].figure, vm, is_below=False, number=max(0, value - 1))
