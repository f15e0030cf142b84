"""What a bridge and its extenders have alike is the same of both: values, defaults, what is refused."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping
from hwmodel.config.bridge import BUFFER, LATENCY, Bridge, Extender
from hwmodel.errors import InputError

KEYS = {"latency": ("7ns", 7 * 10**6), "forwarding": ("cut_through", "cut_through"),
        "buffer": ("9KiB", 9 << 10), "sharing": ("all", "all")}  # fmt: skip
TREE = {"switch.mode": "e_tag", "bridge": {"kind": "controlling", "extenders": {"x": {}}},
        "bridge.ports.adapter.behind": "x"}  # fmt: skip


def attribute(key):
    return {"latency": "latency_fs", "buffer": "buffer_bytes"}.get(key, key)


@pytest.mark.parametrize("key", KEYS)
def test_both_have_the_key_each_its_own_value(key):
    written, value = KEYS[key]
    for place in ("bridge", "bridge.extenders.x"):
        bridge = config_from_mapping({}, {**TREE, f"{place}.{key}": written}).bridge
        here, other = (bridge, bridge.extenders["x"]) if place == "bridge" else (bridge.extenders["x"], bridge)
        assert getattr(here, attribute(key)) == value != getattr(other, attribute(key))
        with pytest.raises(InputError):
            config_from_mapping({}, {**TREE, f"{place}.{key}": "no such value"})


def test_what_is_shared_is_described_alike():
    for key in KEYS:
        own, other = (block.model_fields[attribute(key)] for block in (Bridge, Extender))
        assert (own.description, own.default, own.alias) == (other.description, other.default, other.alias)
    assert (LATENCY.default, BUFFER.default) == ("500ns", "1MiB")
