"""Validate `servers`: a name for each, in which keys it differs from the blocks of the file, and its adapters."""

from __future__ import annotations

from typing import Annotated, Any

from .kinds import Block, Kind, Listing, key, shown, wrong
from .names import ServerName
from .pcie_tree import PcieTree

ADAPTER_BLOCKS = ("pcie", "nic", "driver", "switch", "port")  # what an adapter's `set` may change
OWN_BLOCKS = ("pcie", "host", "nic", "driver", "switch", "port")  # what a server's may


class ChangesKind(Kind):
    """Keys with values, dotted or nested; these are validated with the server's own configuration."""

    def __init__(self, blocks: tuple[str, ...]) -> None:
        self.blocks = blocks

    def parse(self, value: object) -> dict[str, Any]:
        """Return the keys with their values, as they were written."""
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise wrong(f"{shown(value)} where keys with values are expected, like {{pcie.lanes: 8}}")
        return dict(value)

    def schema(self) -> dict[str, Any]:
        """Return a mapping with keys of the blocks."""
        blocks = "|".join(self.blocks)
        return {
            "title": f"keys of {', '.join(self.blocks)} with values, dotted or nested",
            "type": ["object", "null"],
            "patternProperties": {rf"^({blocks})(\..+)?$": {}},
            "additionalProperties": False,
        }


class AdapterEntry(Block):
    """One of a server's several adapters: what the server's `set` leaves of the file's own blocks, but for its own."""

    name: Annotated[str, ServerName("an adapter")] = key(
        ..., "Name of the adapter; the VMs of x in server a are called a.x.vf0, and its port at the bridge a.x."
    )
    changes: Annotated[dict[str, Any], ChangesKind(ADAPTER_BLOCKS)] = key(
        {},
        "Keys in which the adapter differs, like those of a server; what is of `host` is the server's.",
        alias="set",
    )


class ServerEntry(Block):
    """A server with its adapter: what the file's own blocks say, but for its `set`."""

    name: Annotated[str, ServerName("a server")] = key(
        ..., "Name of the server; its VMs are then called a.vf0, and its port at the bridge a."
    )
    changes: Annotated[dict[str, Any], ChangesKind(OWN_BLOCKS)] = key(
        {},
        "Keys in which the server differs, like --set: {pcie.lanes: 8, nic.vfs: 16}, or nested. Keys of workload, run, "
        "servers and bridge are those of the whole system.",
        alias="set",
    )
    adapters: Annotated[tuple[AdapterEntry, ...], Listing("[{name: x}, {name: y}]")] = key(
        [],
        "Several adapters of the server, each with VMs, a root port and a link of its own: [{name: x}, {name: y, set: "
        "{pcie.lanes: 8}}]. Without it there is one, which has no name.",
        unsaid=(),
    )
    tree: PcieTree | None = key(
        None,
        "PCIe switches between the adapters and their host, and slots (docs/pcie.md); null: a root port for each.",
        unsaid=None,
    )

    @property
    def adapter_names(self) -> tuple[str, ...]:
        """Return what its adapters are called in the system: a.x, a.y, or a for the only one, which has no name."""
        return tuple(adapter_name(self.name, each.name) for each in self.adapters) or (self.name,)


def adapter_name(server: str, adapter: str) -> str:
    """Return what one of a server's several adapters is called in the system."""
    return f"{server}.{adapter}"
