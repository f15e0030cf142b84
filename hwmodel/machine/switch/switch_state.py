"""What switches have beside their tables: when they changed, what was decided by them, and room to decide in."""

from __future__ import annotations

from hwmodel.compiled.far_tables import far
from hwmodel.compiled.records import I32, U8, ints, record
from hwmodel.forwarding.decide import DECISION
from hwmodel.forwarding.header_store import (
    COPY_HEADER,
    FIRST_MASK,
    HEADER_ROOM,
    HEADERS_BEGIN,
    MAX_COPY_KINDS,
    TEMPLATE_HEADER,
    VARIANT,
)
from hwmodel.forwarding.parse import HEADER
from hwmodel.forwarding.port_set import MAX_PORTS
from hwmodel.forwarding.steering import STEERING
from hwmodel.forwarding.tables import TABLES, VIDS
from hwmodel.rules.capacities import MAX_TEMPLATES

FIRST_GENERATION = 1

# `others_changed`, `vlan_changed`: the generation of the last change of anything but VLANs, and of each VLAN, so that a
# VLAN that changes leaves decisions in others alone. `has_peer`: a bridge is at the other end of the wire. `function`,
# `station`: who is at each port, by number in the adapter and among the stations of all servers; outside is station 0.
SWITCH = record(
    *ints("others_changed", "has_peer"),
    ("header", HEADER),
    ("decision", DECISION),
    ("refused", DECISION),
    ("made", U8, (HEADER_ROOM,)),
    ("function", I32, (MAX_PORTS,)),
    ("station", I32, (MAX_PORTS,)),
    ("vlan_changed", I32, (VIDS,)),
    ("tables", TABLES),
    ("steering", STEERING),
)
# The headers that come to an adapter's switches, and what was decided on them. `generation` counts changes of the
# switches' tables. `n_own_templates`: those of the workload's own headers, which come first. `most_frames`: the most
# that the Tx buffer may hold at once; `most_copies`: the most of one frame, 0 where no FIFO of copies can fill.
HEADERS = record(
    *ints(
        "generation",
        "most_frames",
        "most_copies",
        "n_own_templates",
        "n_templates",
        "n_copy_kinds",
        "n_variants",
        "header_mask",
    ),
    ("header_slot", far(I32, 4 * MAX_TEMPLATES, FIRST_MASK + 1)),  # of headers that come from a bridge
    ("template_header", far(TEMPLATE_HEADER, MAX_TEMPLATES, HEADERS_BEGIN)),
    ("copy_header", far(COPY_HEADER, MAX_COPY_KINDS, HEADERS_BEGIN)),
    ("variant", far(VARIANT, MAX_COPY_KINDS, HEADERS_BEGIN)),
)
