"""Which numbers that no source gives a run's answer hangs on."""

from __future__ import annotations

from hwmodel.config import Config
from hwmodel.config.presets import ASSUMED, DEVICES
from hwmodel.config.system import servers_of
from hwmodel.results.result import Bottleneck


def assumptions_of(config: Config, found: Bottleneck) -> tuple[str, ...]:
    """Return a sentence for each number of a device that would raise what limits and that no source gives.

    A key with another value than the preset's was chosen by whoever wrote it, and is left out.
    """
    sentences: dict[str, None] = {}
    for server in servers_of(config):
        device = server.config.nic.preset or ""
        if device not in ASSUMED:
            continue
        prefix = f"servers.{server.name}.set." if server.name else ""
        named = [key.removeprefix(prefix) for key in found.keys if key.startswith(prefix)]
        keys = [key for key in named if key in ASSUMED[device]]
        nic = server.config.nic.model_dump(mode="json", by_alias=True) if keys else {}  # every run asks: mostly of none
        for key in keys:
            field = key.removeprefix("nic.")
            if nic[field] == DEVICES[device].values["nic"][field]:
                sentences[f"This hangs on {key} of the {device}, {nic[field]}: {ASSUMED[device][key]}."] = None
    return tuple(sentences)
