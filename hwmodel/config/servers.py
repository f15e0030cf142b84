"""Validate `servers`: a name for each, and in which keys it differs from the blocks of the file."""

from __future__ import annotations

from typing import Annotated, Any

from .block import Block, key
from .kinds import Kind, shown, wrong
from .names import ServerName

MAX_SERVERS = 256  # a byte of the stations' default addresses is the server's
OWN_BLOCKS = ("pcie", "host", "nic", "driver", "switch", "port")  # what `set` may change


class _ChangesKind(Kind):
    """Keys with values, dotted or nested; what they are worth is checked in the server's own configuration."""

    def parse(self, value: object) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise wrong(f"{shown(value)} where keys with values are expected, like {{pcie.lanes: 8}}")
        return dict(value)

    def schema(self) -> dict[str, Any]:
        blocks = "|".join(OWN_BLOCKS)
        return {
            "title": f"keys of {', '.join(OWN_BLOCKS)} with values, dotted or nested",
            "type": ["object", "null"],
            "patternProperties": {rf"^({blocks})(\..+)?$": {}},
            "additionalProperties": False,
        }


class ServerEntry(Block):
    """A server with its adapter: what the file's own blocks say, but for its `set`."""

    name: Annotated[str, ServerName("a server")] = key(
        ..., "Name of the server; its VMs are then called a.vf0, and its port at the bridge a."
    )
    changes: Annotated[dict[str, Any], _ChangesKind()] = key(
        {},
        "Keys in which the server differs, like --set: {pcie.lanes: 8, nic.vfs: 16}, or nested. Keys of workload, run, "
        "servers and bridge are those of the whole system.",
        alias="set",
    )
