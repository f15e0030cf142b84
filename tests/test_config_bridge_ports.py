"""Service levels and translated VLANs of the bridge's ports: values, and what is wrong in one line each."""

from __future__ import annotations

import json

import pytest

from hwmodel.config import Config
from hwmodel.config.bridge import ServiceLevel
from hwmodel.rules.switch_modes import UNTAGGED_MODES
from tests.config_cases import complaints, load

CHANNELS = "switch: {mode: multichannel, s_channels: {10: veb, 20: vepa}}\n"
ADAPTER = "bridge: {ports: {adapter: {%s}}}"
TWO = "servers: [{name: a}, {name: b}]\n"


def test_values():
    port = load(
        CHANNELS + ADAPTER % "s_channels: {10: {weight: 3}, 20: {rate: 2Gbps, burst: 4KiB, buffer: 9KiB}}"
    ).bridge
    levels = port.ports["adapter"].s_channels
    assert levels == {
        10: ServiceLevel(weight=3),
        20: ServiceLevel(rate="2Gbps", burst="4KiB", buffer="9KiB"),
    }
    assert (levels[10].rate_bps, levels[10].burst_bytes, levels[10].buffer_bytes) == (None, 16384, None)
    assert (levels[20].weight, levels[20].rate_bps, levels[20].buffer_bytes) == (1, 2 * 10**9, 9216)
    assert load(ADAPTER % "translate: {101: 10, 7: 7}").bridge.ports["adapter"].translate == {101: 10, 7: 7}


ROUND = [
    CHANNELS + ADAPTER % "s_channels: {10: {weight: 3}, 20: {rate: 2Gbps, buffer: 9KiB}}",
    ADAPTER % "vlans: [101, 102], translate: {101: 10, 102: 10}",
    "switch: {mode: vepa}\nservers: [{name: a}, {name: b, set: {switch.mode: veb}}]\n"
    "bridge: {ports: {a: {translate: {5: 6}}, b: {translate: {6: 5}}}}",
]


@pytest.mark.parametrize("text", ROUND)
def test_the_resolved_form_is_the_same_configuration(text):
    config = load(text)
    again = load(json.dumps(config.resolved()))
    assert again == config
    assert again.config_hash() == config.config_hash() != load("bridge: {}").config_hash()


def test_any_key_can_be_set():
    config = load(CHANNELS, ["bridge.kind=learning", "bridge.ports.adapter.s_channels.10.weight=5"])
    assert config == load(CHANNELS + ADAPTER % "s_channels: {10: {weight: 5}}")
    assert load("{}", ["bridge.ports.adapter.translate.101=10"]).bridge.ports["adapter"].translate == {101: 10}


POSSIBLE = [
    CHANNELS + ADAPTER % "s_channels: {1: {}, 10: {weight: 65535, burst: 0B}}",
    "switch: {mode: multichannel}\n" + ADAPTER % "s_channels: {1: {rate: 1Mbps}}",
    ADAPTER % "translate: {101: 1, 1: 1, 4094: 1, 102: 101}",
    ADAPTER % "native_vlan: 101, vlans: [101], translate: {101: 10}",
    "servers: [{name: a}, {name: b, set: {switch.mode: multichannel}}]\nbridge: {ports: {b: {s_channels: {1: {}}}}}",
]


@pytest.mark.parametrize("text", POSSIBLE)
def test_what_can_be_is_let_through(text):
    assert isinstance(load(text), Config)


@pytest.mark.parametrize("mode", UNTAGGED_MODES)
def test_modes_whose_frames_have_no_outer_tag_can_be_translated(mode):
    config = load(f"switch: {{mode: {mode}}}\n" + ADAPTER % "translate: {101: 10}")
    assert (config.switch.mode, len(config.bridge.ports["adapter"].translate)) == (mode, 1)


NOT_MULTICHANNEL = "service levels are for the S-channels of mode multichannel, but switch.mode is"
MODES = "VLANs are translated in the modes veb and vepa; in mode"
REFUSED = [
    (ADAPTER % "s_channels: {10: {}}", f"c.yaml:1:40: bridge.ports.adapter.s_channels: {NOT_MULTICHANNEL} veb"),
    (TWO + "bridge: {ports: {b: {s_channels: {10: {}}}}}",
     f"c.yaml:2:34: bridge.ports.b.s_channels: {NOT_MULTICHANNEL} veb"),
    ("bridge: {ports: {outside: {s_channels: {10: {}}}}}",
     "c.yaml:1:40: bridge.ports.outside.s_channels: stations outside have no S-channels; service levels are for ports "
     "of adapters"),
    (CHANNELS + ADAPTER % "s_channels: {30: {weight: 2}}",
     "c.yaml:2:45: bridge.ports.adapter.s_channels.30: there is no S-channel 30; switch.s_channels and stations have "
     "1, 10, 20"),
    (CHANNELS + ADAPTER % "s_channels: {10: {weight: 0}}",
     "c.yaml:2:54: bridge.ports.adapter.s_channels.10.weight: 0 is out of range; 1 to 65535"),
    (CHANNELS + ADAPTER % "s_channels: {10: {rate: 2}}",
     "c.yaml:2:52: bridge.ports.adapter.s_channels.10.rate: 2 has no unit; write a rate like 10Gbps"),
    (CHANNELS + ADAPTER % "s_channels: {10: {wight: 2}}",
     "c.yaml:2:46: bridge.ports.adapter.s_channels.10.wight: unknown key (did you mean weight?)"),
    (CHANNELS + ADAPTER % "s_channels: {0: {}}",
     "c.yaml:2:41: bridge.ports.adapter.s_channels.0: the key 0 is out of range; 1 to 4094"),
    (CHANNELS + ADAPTER % "s_channels: {10: 3}",
     "c.yaml:2:45: bridge.ports.adapter.s_channels.10: 3 where keys with values are expected"),
    (CHANNELS + ADAPTER % "s_channels: {10: {buffer: 1KiB}}",
     "c.yaml:2:54: bridge.ports.adapter.s_channels.10.buffer: a queue of 1KiB for S-channel 10 never holds the longest "
     "frame of pf, 1522 B with its tags"),
    (CHANNELS + "bridge: {buffer: 4KiB, ports: {adapter: {s_channels: {10: {}}}}}",
     "c.yaml:2:18: bridge.buffer: a queue of 1365B for S-channel 1 never holds the longest frame of pf, 1522 B with "
     "its tags"),
    (ADAPTER % "translate: {101: 5000}",
     "c.yaml:1:45: bridge.ports.adapter.translate.101: 5000 is out of range; 1 to 4094"),
    (ADAPTER % "translate: {4095: 1}",
     "c.yaml:1:40: bridge.ports.adapter.translate.4095: the key 4095 is out of range; 1 to 4094"),
    (ADAPTER % "translate: {101: 10, 101: 11}",
     "c.yaml:1:49: bridge.ports.adapter.translate.101: repeated key; it stands in line 1 already"),
    (ADAPTER % "translate: {101: [10, 11]}",
     "c.yaml:1:45: bridge.ports.adapter.translate.101: a list is not a VLAN number"),
    ("bridge: {ports: {outside: {translate: {101: 10}}}}",
     "c.yaml:1:39: bridge.ports.outside.translate: VLANs are translated at ports of adapters, not outside"),
    ("switch: {mode: vn_tag}\nbridge: {kind: controlling, ports: {adapter: {translate: {101: 10}}}}",
     f"c.yaml:2:58: bridge.ports.adapter.translate: {MODES} vn_tag the outer tag names the logical port"),
    ("switch: {mode: e_tag}\nbridge: {kind: controlling, ports: {adapter: {translate: {101: 10}}}}",
     f"c.yaml:2:58: bridge.ports.adapter.translate: {MODES} e_tag the outer tag names the logical port"),
    ("servers: [{name: a}, {name: b, set: {switch.mode: multichannel}}]\n"
     "bridge: {ports: {a: {translate: {5: 6}}, b: {translate: {5: 6}}}}",
     f"c.yaml:2:57: bridge.ports.b.translate: {MODES} multichannel the outer tag names the logical port"),
    (ADAPTER % "vlans: [1, 102], translate: {101: 10, 102: 10}",
     "c.yaml:1:62: bridge.ports.adapter.translate.101: the port does not carry VLAN 101; its vlans are 1, 102"),
    (ADAPTER % "tranlate: {101: 10}",
     "c.yaml:1:28: bridge.ports.adapter.tranlate: unknown key (did you mean translate?)"),
    # A mistake is one line: what follows from it is not told again.
    (CHANNELS.replace("multichannel", "multichanel") + ADAPTER % "s_channels: {10: {}}",
     "c.yaml:1:16: switch.mode: 'multichanel' is not one of veb, vepa, vn_tag, e_tag, multichannel (did you mean "
     "multichannel?)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), REFUSED, ids=[text[-60:] for text, _ in REFUSED])
def test_what_cannot_be_is_one_line(text, line):
    assert complaints(text) == [line]
