"""Which numbers that no source gives a run's answer hangs on."""

from __future__ import annotations

from hwmodel.config import Config
from hwmodel.config.presets import ASSUMED, DEVICES
from hwmodel.config.system import servers_of
from hwmodel.config.virtual_switch import PASS_TIME, PASS_TIME_ASSUMED, TAG_TIME, TAG_TIME_ASSUMED
from hwmodel.results.result import Bottleneck
from hwmodel.units import format_time_fs

_TAG_TIME = "host.virtual_switch.tag_time"


def assumptions_of(config: Config, found: Bottleneck) -> tuple[str, ...]:
    """Return a sentence for each number that would raise what limits and has no source.

    Such numbers are of devices, of VMDq, and of virtual switches that put tags on.
    A key with another value than the default was chosen by whoever wrote it, and is left out.
    """
    sentences: dict[str, None] = {}
    for server in servers_of(config):
        device, driver = server.config.nic.preset or "", server.config.driver
        prefix = f"servers.{server.name}.set." if server.name else ""
        named = [key.removeprefix(prefix) for key in found.keys if key.startswith(prefix)]
        is_core = server.config.nic.mode == "vmdq" and any(key.startswith("driver.") for key in named)
        if is_core and format_time_fs(driver.pass_time_fs) == PASS_TIME:
            sentences[f"This hangs on driver.pass_time, {PASS_TIME}: {PASS_TIME_ASSUMED}."] = None
        own = server.config.virtual_switch
        if own is not None and _TAG_TIME in named and format_time_fs(own.tag_time_fs) == TAG_TIME:
            sentences[f"This hangs on {_TAG_TIME}, {TAG_TIME}: {TAG_TIME_ASSUMED}."] = None
        keys = [key for key in named if key in ASSUMED.get(device, ())]
        nic = server.config.nic.model_dump(mode="json", by_alias=True) if keys else {}  # every run asks: mostly of none
        for key in keys:
            field = key.removeprefix("nic.")
            if nic[field] == DEVICES[device].values["nic"][field]:
                sentences[f"This hangs on {key} of the {device}, {nic[field]}: {ASSUMED[device][key]}."] = None
    return tuple(sentences)
