"""The state of the simulated machine: one nested numpy record, named as the hardware is.

Sizes here are physical capacities; fields say how many are in use, so one compilation serves every configuration.
Memory that no run touches costs nothing. Times are femtoseconds (`_fs`), lengths bytes. Rings have a power of two of
entries; `head` and `tail` count up for ever and are masked at the access.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hwmodel.compiled.far_tables import zeros
from hwmodel.compiled.programs import RECORDS
from hwmodel.compiled.records import ints, record
from hwmodel.forwarding.port_set import MAX_FUNCTIONS
from hwmodel.machine.adapter.adapter_state import (
    ADAPTER_COUNTS,
    ADAPTER_PARAMS,
    CACHE_SHARE,
    FUNCTION,
    PIPE_CAP,
    READS,
    RX_QUEUE,
    SCHEDULER,
    SWITCH_BUS,
    TX_QUEUE,
    WAITING_FRAMES,
)
from hwmodel.machine.adapter.arbiter_state import ARBITER
from hwmodel.machine.adapter.room_turns import ROOM_TURNS
from hwmodel.machine.adapter.watches import WATCHES
from hwmodel.machine.counts.ledger_state import LEDGER
from hwmodel.machine.frames import FIFO, FRAME, FRAMES, GROUPS
from hwmodel.machine.guest.guest_state import FIRST_PLACES, GUESTS, MAX_QUEUES
from hwmodel.machine.guest.job_state import JOBS
from hwmodel.machine.host.host_state import HOST
from hwmodel.machine.link_alone import DMA
from hwmodel.machine.network.mac import MAC
from hwmodel.machine.network.pauses import PAUSES
from hwmodel.machine.network.wires import OUTSIDE, WIRE_END
from hwmodel.machine.pcie.link_state import ENGINES, PCIE
from hwmodel.machine.switch.switch_state import HEADERS, SWITCH
from hwmodel.machine.time.clock import ADAPTER_LINKS, ADAPTER_PORTS, CLOCK
from hwmodel.machine.time.commands import COMMANDS
from hwmodel.machine.traffic.traffic_state import TRAFFIC
from hwmodel.machine.virtual_switch.virtual_switch_state import VIRTUAL_SWITCH

# A port of the adapter: its MAC, its switch with what takes frames there.
PORT = record(("mac", MAC), ("bus", SWITCH_BUS), ("switch", SWITCH))
# One server: its adapter's own fields, and the parts beside it, each with a layout file of its own. What the loop looks
# at between two events stands together near the front, very large parts at the end.
SERVER = record(
    ("clock", CLOCK),
    *ints("moves_due", "reads_due", "done_queue", "rx_dma_busy", "rx_writing", "rx_head_waits_fs", "rx_blocked_by"),
    *ints("store_busy_until_fs", "pipeline_busy_until_fs", "pipe_head", "pipe_tail"),
    ("counts", ADAPTER_COUNTS),
    ("scheduler", SCHEDULER),
    ("params", ADAPTER_PARAMS),
    ("cache", CACHE_SHARE),
    ("reads", READS),
    ("engines", ENGINES),
    ("pcie", PCIE, (ADAPTER_LINKS,)),
    ("dma", DMA),
    ("function", FUNCTION, (MAX_FUNCTIONS,)),
    ("tx_queue", TX_QUEUE, (MAX_QUEUES,)),
    ("rx_queue", RX_QUEUE, (MAX_QUEUES,)),
    ("port", PORT, (ADAPTER_PORTS,)),
    ("arbiter", ARBITER),
    ("grants", FRAMES),
    ("pipe", FRAME, (PIPE_CAP,)),
    ("waiting_frames", WAITING_FRAMES),
    ("loopback", FIFO),
    ("rx_fifo", FIFO),
    ("groups", GROUPS),
    ("guests", GUESTS),
    ("host", HOST, (ADAPTER_LINKS,)),
    ("virtual_switch", VIRTUAL_SWITCH),
    ("traffic", TRAFFIC),
    ("headers", HEADERS),
    ("wire", WIRE_END, (ADAPTER_PORTS,)),
    ("outside", OUTSIDE),
    ("commands", COMMANDS),
    ("ledger", LEDGER),
    ("watches", WATCHES),
    ("jobs", JOBS),
    ("pauses", PAUSES),
    ("room_turns", ROOM_TURNS),
)
RECORDS["server"] = SERVER


def fresh_state(n_servers: int = 1) -> np.ndarray:
    """Return records of zeros for so many servers; rings with a mask begin with `FIRST_PLACES`."""
    state = zeros(n_servers, SERVER)
    for nic in state:
        _begin_rings(nic)
    return state


def _begin_rings(nic: Any) -> None:
    for queue in (
        *(link[way][of_class] for link in nic.pcie for way in ("up", "down") for of_class in ("first", "second")),
        *(link["tree"][of_class] for link in nic.pcie for of_class in ("first", "second")),
        *(nic[name] for name in ("grants", "loopback", "rx_fifo")),
        *(nic.reads[name] for name in ("rx_fetches", "tx_fetches")),
        *(port.mac.fifo for port in nic.port),
        *(ring for wire in nic.wire for ring in (wire.sent, wire.come)),
        nic.outside.sent,
    ):
        queue["mask"] = FIRST_PLACES - 1
