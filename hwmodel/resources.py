"""The resources that can limit throughput: a row for each, which all their readers read.

Resources are of two kinds: a server works at a rate of its own (a link direction, the wire, a core); a store lends
items that must be returned (tags, credits, descriptors, room, ring slots). `hwmodel.analytic` gives the ceiling of the
closed form under the same name. What a row cannot say stands with whoever reads it, under the names below.
"""

from __future__ import annotations

from typing import NamedTuple

Path = tuple["str | int", ...]  # of fields and entries of a server's record, or within that of an Ethernet port

OFFERED_LOAD, VSWITCH, BUS, RATE_LIMIT = "offered_load", "vswitch", "bus", "rate_limit"
CORE = DRIVER_TX, DRIVER_RX = "driver.tx", "driver.rx"
WIRE = WIRE_TX, WIRE_RX = "wire.tx", "wire.rx"
LINK = UP, DOWN = "pcie.up", "pcie.down"
SHORT_NAMES = {UP: "up", DOWN: "down"}  # of what limits by the closed form
CREDITS, TAGS = "pcie.credits", "pcie.tags"  # the name of all three kinds; `Bottleneck.keys` and sentences say which
POSTED, NON_POSTED, COMPLETION = (f"{CREDITS}.{kind}" for kind in ("posted", "non_posted", "completion"))
TX_RING, RX_RING, QUEUE = "nic.tx_ring", "nic.rx_ring", "nic.queue"
TX_DESCRIPTORS, RX_DESCRIPTORS, RX_BUFFER = "tx.descriptors", "rx.descriptors", "nic.rx_buffer"
MEMORY, WALKERS, DRAIN, SHARED_PATH = "host.memory", "host.walkers", "host.drain", "nic.dma.shared"

_CORE_KEYS = tuple(f"driver.{name}_time" for name in ("frame", "byte", "doorbell", "interrupt", "exit"))
_LINK_KEYS = ("pcie.lanes", "pcie.generation")  # they widen both directions
_STEPS = ("operation", "small_operation", "start", "piece_time", "rate")  # of a DMA engine
ETHERNET = ", counting each frame with its 20 B of preamble and gap"


class Resource(NamedTuple):
    """Hold a row.

    `keys`: what makes it larger, as a bottleneck names it. `part`: where it is in the datapath's picture. `why`: the
    reason why it limits, with {busy} and {wait} for these shares, and {more} of what a window shows. `larger`: the keys
    that a relaxation changes, times halved and all else doubled, if not just `keys`. `published`: its name in results,
    where several have one.

    `needs`: the attribute of a configuration without which there is none. `is_in_memory`: a virtual switch without an
    uplink has it too. `is_at_port`: each Ethernet port has its own. `is_of_sender`: not all senders of an adapter have
    the same one. `is_steady`: where it is full it works without pause, so that the closed form is exact.
    `is_never_worse`: with more of its keys nothing gets worse, as a rule.

    `listed`: its place among the busy shares of results, where unset it comes last. `busy`, `until`: where a server's
    record, or that of its port, counts its busy time, and up to when work is booked that is counted already. `stall`:
    the stall that counts how long work waited for it. `drops`: why frames are lost for want of it. `is_store`: it
    lends; `has_use`: it is known for how long an idle machine holds what it lends. `watched`: what a condition of a
    scenario calls it, what that needs (`Figure.needs`), and what it is busy with.
    """

    name: str
    keys: tuple[str, ...]
    part: str = ""
    why: str = ""
    larger: tuple[str, ...] = ()
    published: str = ""
    needs: str = ""
    is_in_memory: bool = False
    is_at_port: bool = False
    is_of_sender: bool = False
    is_steady: bool = False
    is_never_worse: bool = False
    listed: int = 99
    busy: Path = ()
    until: Path = ()
    stall: str = ""
    drops: tuple[str, ...] = ()
    is_store: bool = False
    has_use: bool = False
    watched: tuple[str, str, str] = ("", "", "")

    @property
    def in_results(self) -> str:
        """Return its name in results."""
        return self.published or self.name


def _engine(way: str, part: str, listed: int) -> Resource:
    """Return the row of the DMA engine for reads, or for writes."""
    key, record = f"nic.dma.{way}", ("engines", way)
    return Resource(
        key, (f"{key}.operation", f"{key}.rate"), part,
        f"The adapter's DMA engine for {way}s is busy {{busy}} of the window.",
        larger=tuple(f"{key}.{step}" for step in _STEPS), needs="nic.dma", listed=listed,
        busy=(*record, "counts", "busy_fs"), until=(*record, "next_fs"), watched=(f"{way} engine", "engines", ""),
    )  # fmt: skip


def _credits(name: str, what: str, why: str, *keys: str, larger: tuple[str, ...] = ()) -> Resource:
    """Return the row of a kind of credits."""
    why = f"{what} stand ready but wait for flow-control credits {{wait}} of the window: {why}{{more}}."
    stall = f"{name.rpartition('.')[2]}_credits"
    return Resource(
        name, keys, "tags", why, larger, CREDITS, is_never_worse=True, stall=stall, is_store=True, has_use=True
    )  # fmt: skip


# In the order of the datapath, in which those that are as full are told.
RESOURCES: tuple[Resource, ...] = (
    Resource(OFFERED_LOAD, ("workload.load", "workload.flows", "workload.external.rate"), is_of_sender=True,
             is_steady=True),
    Resource(DRIVER_TX, _CORE_KEYS, "driver", is_in_memory=True, is_of_sender=True, listed=4),
    Resource(VSWITCH, tuple(f"host.virtual_switch.{name}" for name in ("cores", "frame_time", "byte_time", "pass_by")),
             needs="virtual_switch", is_in_memory=True, is_of_sender=True, listed=6),
    Resource(MEMORY, ("host.virtual_switch.memory_rate", "host.virtual_switch.pass_by"), "memory",
             "The host's memory, which reads and writes what the virtual switch copies, is busy {busy} of the window.",
             larger=("host.virtual_switch.memory_rate",), needs="virtual_switch.memory_byte_fs", is_in_memory=True,
             is_of_sender=True, listed=7, busy=("virtual_switch", "counts", "memory_busy_fs"),
             until=("virtual_switch", "memory_free_fs")),
    Resource(TX_RING, (TX_RING,), "tx_ring",
             "The frames that a Tx ring holds, from the post until the slot is free again, set the rate; the fullest "
             "ring has no slot free {wait} of the window.", is_in_memory=True, stall="tx_ring", is_store=True),
    Resource(QUEUE, ("nic.queue_time", "nic.queues_per_vf"), "tx_ring",
             "The adapter's work on the busiest Tx ring is busy {busy} of the window: it takes no more frames from one "
             "ring.",
             larger=("nic.queue_time",), needs="nic.queue_time_fs", listed=11),
    Resource(TX_DESCRIPTORS, ("nic.descriptor_cache",), "tx_ring",
             "Nothing to send is on the chip {wait} of the window, though rings hold more: a queue's descriptor cache "
             "is too small for the round trip of a fetch.",
             stall="tx_descriptors", is_store=True),
    Resource(RATE_LIMIT, ("switch.ports.NAME.rate_limit", "switch.acl.NUMBER.rate", "switch.ports.NAME.receive_limit"),
             "tx_ring", is_of_sender=True, stall="rate_limit", drops=("RATE_LIMITED", "RECEIVE_LIMIT"),
             is_store=True, has_use=True),
    Resource("nic.tx_buffer", ("nic.tx_buffer",), "tx_buffer",
             "The next frame waits for room in the Tx buffer {wait} of the window: it holds too little for the round "
             "trip of its reads.",
             stall="tx_buffer", is_store=True),
    Resource(TAGS, (TAGS,), "tags", is_never_worse=True, listed=3, stall="tags", is_store=True, has_use=True),
    Resource("nic.dma.places", ("nic.dma.read.outstanding",), "tags",
             "The next read waits for a place among those outstanding in the read engine {wait} of the window.",
             stall="read_places", is_store=True),
    _engine("read", "tx_buffer", 13),
    Resource(SHARED_PATH, ("nic.dma.shared_rate",), "tx_buffer",
             "The path inside the adapter that reads and writes share is busy {busy} of the window.",
             needs="nic.dma", listed=15, busy=("engines", "counts", "busy_fs"), until=("engines", "shared_next_fs"),
             watched=("engines' common path", "engines", "")),
    _credits(NON_POSTED, "Read requests", "the host returns non-posted credits more slowly than reads could go",
             "pcie.credits.nph", larger=("pcie.credits.nph", "pcie.credits.npd")),
    Resource(BUS, ("pcie.bus.clock_mhz", "pcie.bus.width_bits", "pcie.bus.kind", "pcie.max_read_request"), "up",
             "The bus, one for both directions, is busy {busy} of the window{more}.", needs="pcie.bus", listed=0),
    Resource(DOWN, _LINK_KEYS, "down", "The link from the host is busy {busy} of the window{more}.", is_steady=True,
             is_never_worse=True, listed=2, busy=("pcie", 0, "down", "counts", "busy_fs"),
             watched=("link down", "", "")),
    _credits(COMPLETION, "Completions", "the adapter returns completion credits more slowly than data could come",
             "pcie.credits.cplh", "pcie.credits.cpld"),
    Resource("nic.store", ("nic.store_rate",), "tx_buffer",
             "What moves received data into the adapter's buffer is busy {busy} of the window.",
             needs="nic.store_rate_bps", is_never_worse=True, listed=12, busy=("counts", "store_busy_fs"),
             until=("store_busy_until_fs",), watched=("store for what it reads", "", "")),
    Resource("nic.pipeline", ("nic.max_pps",), "switch",
             "The adapter's packet pipeline is busy {busy} of the window: it takes no more frames a second, whatever "
             "their length.",
             is_steady=True, is_never_worse=True, listed=10, busy=("counts", "pipeline_busy_fs"),
             until=("pipeline_busy_until_fs",), watched=("pipeline", "", "")),
    Resource("switch.bus", ("switch.clock",), "switch", "The switch's data bus is busy {busy} of the window.",
             needs="switch.has_core", is_at_port=True, is_steady=True, is_never_worse=True, listed=18,
             busy=("bus", "counts", "busy_fs"), until=("bus", "free_fs"),
             watched=("switch core's bus", "switch core", "")),
    Resource(WIRE_TX, ("port.rate",), "wire",
             f"The Ethernet port outward is busy {{busy}} of the window{ETHERNET}{{more}}.",
             is_at_port=True, is_steady=True, is_never_worse=True, listed=8, busy=("mac", "counts", "tx_busy_fs"),
             watched=("wire", "", "with what it sends")),
    Resource(WIRE_RX, ("port.rate",), "wire", f"The Ethernet port inward is busy {{busy}} of the window{ETHERNET}.",
             is_at_port=True, listed=9, busy=("mac", "counts", "rx_busy_fs"),
             watched=("wire", "", "with what it receives")),
    Resource(RX_BUFFER, ("nic.rx_buffer",), "rx_buffer", stall="rx_buffer", drops=("RX_BUFFER_FULL",), is_store=True),
    Resource(RX_RING, (RX_RING,), "rx_ring", published=RX_DESCRIPTORS, is_in_memory=True, stall="rx_ring",
             is_store=True, has_use=True),
    Resource(RX_DESCRIPTORS, ("nic.rx_prefetch", "nic.descriptor_cache"), "rx_ring", is_in_memory=True,
             stall="descriptors", is_store=True, has_use=True),
    _engine("write", "rx_buffer", 14),
    Resource(WALKERS, ("host.iotlb.walkers",), "memory",
             "The IOMMU's pool of page walkers is busy {busy} of the window.", needs="host.iotlb.walkers",
             listed=16, busy=("host", 0, "translation", "counts", "walks_busy_fs"),
             until=("host", 0, "translation", "walker_free_fs")),
    Resource(UP, _LINK_KEYS, "up", "The link toward the host is busy {busy} of the window{more}.", is_steady=True,
             is_never_worse=True, listed=1, busy=("pcie", 0, "up", "counts", "busy_fs"), watched=("link up", "", "")),
    _credits(POSTED, "Writes", "the host returns posted credits more slowly than the link could carry data",
             "pcie.credits.ph", "pcie.credits.pd"),
    Resource(DRAIN, ("host.write_drain",), "memory",
             "The host's memory, which takes written data, is busy {busy} of the window, and credits for writes wait "
             "for it.",
             needs="host.write_drain_bps", is_never_worse=True, listed=17, busy=("pcie", 0, "counts", "drain_busy_fs"),
             until=("pcie", 0, "drain_busy_until_fs"), watched=("host's memory", "", "")),
    Resource(DRIVER_RX, _CORE_KEYS, "guest", is_in_memory=True, is_of_sender=True, listed=5),
)  # fmt: skip
BY_NAME = {row.name: row for row in RESOURCES}
BUSY_SHARES = tuple(sorted((row for row in RESOURCES if row.busy or row.listed < 99), key=lambda row: row.listed))
OF_PORTS = tuple(row.name for row in RESOURCES if row.is_at_port)
STORES = tuple(row.name for row in RESOURCES if row.is_store)
