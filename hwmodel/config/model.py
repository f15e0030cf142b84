"""Define the whole configuration: its blocks, its resolved form and its hash."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from .block import Block, key
from .document import KeyPath
from .driver import Driver
from .host import Host
from .nic import Nic
from .pcie import Pcie
from .run import Run
from .switch import Switch
from .wire_port import WirePort
from .workload import Workload

HASH_DIGITS = 16


class Config(Block):
    """A complete, checked configuration; made by `load_config` or `config_from_mapping`."""

    pcie: Pcie = key({}, "The PCI Express link.")
    host: Host = key({}, "Memory, its latency, and the processors.")
    nic: Nic = key({}, "The adapter: functions, rings, batches, buffers.")
    driver: Driver = key({}, "The VMs' drivers: how they batch their work.")
    switch: Switch = key({}, "The embedded switch and its stations.")
    port: WirePort = key({}, "The Ethernet port to the outside.")
    workload: Workload = key({}, "Who sends what to whom, and when.")
    run: Run = key({}, "Length and seed of a run.")

    def resolved(self) -> dict[str, Any]:
        """Return all keys as users type them, units written out; loading it gives this configuration again."""
        plain: dict[str, Any] = _plain(self.model_dump(by_alias=True))
        return plain

    def config_hash(self) -> str:
        """Return 16 hexadecimal digits of the SHA-256 of the resolved configuration.

        A capture file counts by its content, not by its name, so that the hash is the same on another machine.
        """
        resolved = self.resolved()
        if self.workload.pcap is not None:
            resolved["workload"]["pcap"] = _content_hash(self.workload.pcap)
        text = json.dumps(resolved, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()[:HASH_DIGITS]


def keys_of(model: type | None) -> dict[str, str]:
    """Return the keys that a block knows, each with its attribute's name."""
    if model is None or not issubclass(model, BaseModel):
        return {}
    return {field.alias or name: name for name, field in model.model_fields.items()}


def model_at(path: KeyPath) -> type[BaseModel] | None:
    """Return the block that stands at `path`, entries of lists too; None if it is no block."""
    here: type[BaseModel] = Config
    for step in path:
        if isinstance(step, int):
            continue
        field = here.model_fields.get(keys_of(here).get(step, ""))
        inside = block_in(field.annotation) if field is not None else None
        if inside is None:
            return None
        here = inside
    return here


def block_in(annotation: Any) -> type[BaseModel] | None:
    """Return the block that an annotation is, may be, or lists."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (block_in(part) for part in get_args(annotation))
    return next((block for block in found if block is not None), None)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _content_hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return str(path)
