"""The engine's loop for a server without optional features: a program of its own, from which their code is left out.

What tells of a feature is a constant of that program, so that nothing asks for it: a frame takes a tenth less time, and
the program a fifth less to compile. Few servers have any of these features; those that do run the general program.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hwmodel.compiled.compilation import entry
from hwmodel.compiled.far_tables import WORD_BYTES
from hwmodel.machine.engine import run
from hwmodel.machine.server import SERVER

# Features by the records that tell of them; of links, hosts and ports the first, which is the only one of a server that
# has no more by `n_ports` and `by_tree`. None of these fields changes in a call of the program.
CONSTANTS: Mapping[str, Mapping[str, int]] = {
    "params": {
        "n_ports": 1, "rx_writes": 1, "shared_cache": 0, "store_num": 0, "has_engines": 0, "has_inline": 0,
        "has_flow_control": 0, "has_virtual_switch": 0, "arbitrates": 0, "limits_receivers": 0, "counts_rings": 0,
        "receives_vary": 0, "most_coalesced": 0, "coalesced_fs": 0, "splits_headers": 0, "splits_rx_buffer": 0,
    },
    "pcie.params": {"runs_on": 1, "by_tree": 0, "has_credits": 0, "has_iotlb": 0, "has_memory": 0},
    "host.params": {
        "jitter_kind": 0, "answers_vary": 0, "read_hits": 0, "write_hits": 0, "read_miss_fs": 0, "write_miss_fs": 0,
    },
    "guests.params": {"buffer_offset_bytes": 0, "mss_bytes": 0, "header_bytes": 0, "posts_sends": 0},
    "port.mac.params": {"has_peer": 0, "is_tapped": 0, "is_down": 0, "is_silent": 0, "is_idle": 0},
}  # fmt: skip


ENTRY = "machine.without_options.run_without_options"


@entry
def run_without_options(servers, number, until_fs, n_events, part):
    """Do as `engine.run` does with a server that has none of these features."""
    return run(servers, number, until_fs, n_events, part)


def kinds_of_constants() -> dict[Any, Mapping[str, int]]:
    """Return the constants by the kind of their record."""
    return {_walk(path)[0]: values for path, values in CONSTANTS.items()}


def _walk(path: str) -> tuple[np.dtype[Any], int]:
    """Return the kind of record at a path in a server's, of arrays that of the first, and its offset in bytes."""
    kind, offset = SERVER, 0
    for name in path.split("."):
        assert kind.fields is not None
        found, own = kind.fields[name][:2]
        kind, offset = found.base, offset + own
    return kind, offset


def _words() -> tuple[Any, Any]:
    """Return the words of a server that are constants, and their values."""
    found: dict[int, int] = {}
    for path, fields in CONSTANTS.items():
        kind, offset = _walk(path)
        assert kind.fields is not None
        found |= {(offset + kind.fields[name][1]) // WORD_BYTES: value for name, value in fields.items()}
    return np.array([*found]), np.array([*found.values()])


_AT, _VALUES = _words()


def is_without_options(servers: Any) -> bool:
    """Tell whether the first of some servers has none of these features now."""
    return bool((servers[:1].view(np.int64)[_AT] == _VALUES).all())
