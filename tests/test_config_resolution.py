"""Who wins: the user, then the driver, then the device, then the default; and what follows from other keys."""

from __future__ import annotations

import pytest

from hwmodel.config import config_from_mapping, servers_of, vms_in_use
from hwmodel.config.adapter import WirePort
from hwmodel.config.host import Driver, Jitter
from hwmodel.config.kinds import Block, ByteCount, FrameLength, Kind, Share, Whole, decimal_number, key, shown, suggest
from hwmodel.config.names import is_station_name, port_number
from hwmodel.config.presets import DEVICES, DRIVERS, HOSTS
from hwmodel.config.resolve import BLOCKS, default_mac
from hwmodel.config.switch import Port, Switch
from hwmodel.config.workload import Load, Workload
from hwmodel.errors import InputError
from hwmodel.wire.ethernet import format_mac

pytestmark = pytest.mark.strict_devices

# Preset, generation, lanes, port Gb/s, VFs, rings, Tx and Rx buffer KiB, Mpps: data sheets and drivers.
DEVICE_NUMBERS = [
    ("82576", 1, 4, 1, 6, 256, 40, 64, None),
    ("82599", 2, 8, 10, 8, 512, 160, 512, None),
    ("X540", 2, 8, 10, 8, 512, 160, 384, None),
    ("X550", 3, 4, 10, 8, 512, 160, 384, None),
    ("XL710", 3, 8, 40, 8, 512, 160, 512, 37_000_000),
]


@pytest.mark.parametrize("numbers", DEVICE_NUMBERS, ids=[numbers[0] for numbers in DEVICE_NUMBERS])
def test_a_device_sets_its_numbers(numbers):
    config = config_from_mapping({"nic": {"preset": numbers[0]}})
    nic = config.nic
    assert numbers == (
        nic.preset, config.pcie.generation, config.pcie.lanes, config.port.rate_bps // 10**9, nic.vfs, nic.tx_ring,
        nic.tx_buffer_bytes // 1024, nic.rx_buffer_bytes // 1024, nic.max_pps,
    )  # fmt: skip
    assert nic.rx_ring == nic.tx_ring


def batches(config):
    nic, driver = config.nic, config.driver
    return (
        driver.tx_doorbell_batch, nic.fetch_batch, nic.rx_fetch_batch, nic.tx_writeback_batch, nic.rx_writeback_batch,
        driver.refill_batch, driver.rx_interrupt_batch, driver.tx_interrupt_batch,
    )  # fmt: skip


def test_the_drivers_batches():
    assert batches(config_from_mapping({})) == (1, 32, 8, 8, 1, 16, 1, 8)
    assert batches(config_from_mapping({"driver": {"preset": "kernel_busy_poll"}})) == (1, 32, 8, 8, 1, 16, 0, 0)
    assert batches(config_from_mapping({"driver": {"preset": "dpdk"}})) == (32, 32, 8, 8, 1, 32, 0, 0)
    assert batches(config_from_mapping({"driver": {"preset": None}, "nic": {"preset": None}})) == (
        8, 8, 8, 8, 1, 8, 8, 8,
    )  # fmt: skip


def test_the_user_wins_over_presets():
    config = config_from_mapping(
        {
            "pcie": {"lanes": 4},
            "nic": {"strict": False, "preset": "XL710", "max_pps": None, "tx_writeback_batch": 3},
            "driver": {"preset": "kernel", "tx_doorbell_batch": 5},
            "port": {"rate": "25Gbps"},
        }
    )
    assert (config.pcie.generation, config.pcie.lanes, config.port.rate_bps) == (3, 4, 25_000_000_000)
    assert (config.nic.max_pps, config.nic.tx_writeback_batch, config.driver.tx_doorbell_batch) == (None, 3, 5)


def test_the_driver_wins_over_the_device(monkeypatch):
    monkeypatch.setitem(DRIVERS["kernel"]["nic"], "tx_writeback_batch", 16)
    config = config_from_mapping({"driver": {"preset": "kernel"}})
    assert (config.nic.tx_writeback_batch, config.driver.refill_batch) == (16, 16)
    assert config_from_mapping({"driver": {"preset": "dpdk"}}).nic.tx_writeback_batch == 8


def test_presets_name_blocks_and_keys_that_exist():
    for values in [*DRIVERS.values(), *HOSTS.values(), *(device.values for device in DEVICES.values())]:
        assert set(values) <= set(BLOCKS)
        said = {block: dict(keys) for block, keys in values.items()}
        config_from_mapping(said | {"workload": {"pattern": "ring"}}, {"nic.strict": False})


def test_an_adapter_without_a_preset_has_the_defaults_of_the_contract():
    config = config_from_mapping({"nic": {"preset": None}, "driver": {"preset": None}})
    assert (config.pcie.generation, config.pcie.lanes, config.port.rate_bps) == (2, 4, 10_000_000_000)
    assert config.pcie.credits.return_fs == 200_000_000
    assert (config.host.read_latency_fs, config.host.buffer_bytes) == (450_000_000, 2048)
    assert (config.nic.writeback_timeout_fs, config.driver.frame_time_fs) == (64_000_000_000, 20_000_000)
    assert (config.run.warmup, config.run.duration_fs, config.run.seed) == ("auto", 20_000_000_000_000, 1)
    assert config.host.jitter == Jitter()


def test_there_is_a_core_for_each_vm():
    assert config_from_mapping({"nic": {"vfs": 12}}).host.cores == 12
    assert config_from_mapping({"nic": {"vfs": 12}, "host": {"cores": 3}}).host.cores == 3


def test_stations_are_complete_and_in_order():
    mapping = {"nic": {"vfs": 4}, "switch": {"ports": [{"name": "vf2", "weight": 7}, {"name": "pf", "trusted": True}]}}
    ports = config_from_mapping(mapping).switch.ports
    assert [port.name for port in ports] == ["pf", "vf0", "vf1", "vf2", "vf3"]
    assert [port.number for port in ports] == [1, 2, 3, 4, 5]
    assert [port.weight for port in ports] == [1, 1, 1, 7, 1]
    assert [format_mac(port.macs[0]) for port in ports] == [f"02:00:00:00:00:0{n}" for n in range(1, 6)]
    assert [(port.vif, port.ecid) for port in ports] == [(n, n) for n in range(1, 6)]
    assert ports[0].trusted
    assert not ports[1].trusted


def test_default_addresses_of_high_ports_fill_two_bytes():
    assert (default_mac(2), default_mac(0x1FF)) == ("02:00:00:00:00:02", "02:00:00:00:01:ff")


@pytest.mark.parametrize(
    ("entry", "vlans", "untagged"),
    [
        ({}, (1,), (1,)),
        ({"port_vlan": 10}, (10,), (10,)),
        ({"vlans": [1, 2]}, (1, 2), (1,)),
        ({"vlans": [10, 20]}, (10, 20), ()),
        ({"port_vlan": 10, "vlans": [10, 20], "untagged": [20]}, (10, 20), (20,)),
    ],
)
def test_a_stations_vlans(entry, vlans, untagged):
    port = config_from_mapping({"switch": {"ports": [{"name": "vf0", **entry}]}}).switch.ports[1]
    assert (port.vlans, port.untagged) == (vlans, untagged)


def test_frame_lengths():
    assert config_from_mapping({}).workload.frame_bytes == 1518
    mixed = config_from_mapping({"workload": {"sizes": [[64, 7], ["1518B", 1]]}}).workload
    assert (mixed.frame_bytes, [tuple(entry) for entry in mixed.sizes]) == (None, [(64, 7), (1518, 1)])
    assert config_from_mapping({"workload": {"frame_bytes": "64B"}}).workload.frame_bytes == 64


def test_outside_frames_are_as_long_as_the_workloads():
    external = {"rate": "1Gbps"}
    assert (
        config_from_mapping({"workload": {"frame_bytes": 256, "external": external}}).workload.external.frame_bytes
        == 256
    )
    mixed = config_from_mapping({"workload": {"sizes": [[64, 1]], "external": external}}).workload.external
    assert (mixed.frame_bytes, [tuple(entry) for entry in mixed.sizes]) == (None, [(64, 1)])


@pytest.mark.parametrize(
    ("typed", "load"),
    [
        ("saturate", Load("saturate")),
        (0.8, Load("share", share=0.8)),
        (1, Load("share", share=1.0)),
        ("2Gbps", Load("rate", rate_bps=2_000_000_000)),
    ],
)
def test_loads(typed, load):
    assert config_from_mapping({"workload": {"load": typed}}).workload.load == load


def test_a_capture_takes_the_place_of_a_pattern(tmp_path):
    pcap = tmp_path / "in.pcap"
    pcap.touch()
    workload = config_from_mapping({"workload": {"pcap": str(pcap)}}).workload
    assert (workload.pcap, workload.frame_bytes, workload.sizes) == (pcap, None, None)
    with pytest.raises(Exception, match="made-up traffic only") as refusal:
        config_from_mapping({"workload": {
            "pcap": str(pcap), "pattern": "ring", "frame_bytes": 64, "sizes": [[64, 1]], "load": 0.5, "wire_share": 0.5,
            "flows": [["vf0", "vf1"]]}})  # fmt: skip
    assert {line.split(": ")[1].removeprefix("workload.") for line in refusal.value.lines} == {
        "pattern", "frame_bytes", "sizes", "load", "wire_share", "flows",
    }  # fmt: skip


def test_a_configuration_does_not_change():
    config = config_from_mapping({})
    for block, name in ((config, "pcie"), (config.pcie, "lanes"), (config.switch.ports[0], "macs")):
        with pytest.raises(Exception, match="frozen"):
            setattr(block, name, 1)


def test_loading_leaves_the_callers_mapping_alone():
    mapping = {"nic": {"preset": 82599}, "switch": {"ports": [{"name": "vf1"}]}}
    config_from_mapping(mapping, {"nic.vfs": 4})
    assert mapping == {"nic": {"preset": 82599}, "switch": {"ports": [{"name": "vf1"}]}}


def test_blocks_are_what_the_package_says():
    config = config_from_mapping({})
    blocks = (config.driver, config.switch, config.port, config.workload, config.switch.ports[0])
    assert [type(block) for block in blocks] == [Driver, Switch, WirePort, Workload, Port]


def test_kinds_of_values():
    class Example(Block):
        ring: int = key(8, "A ring.", alias="ring_size")

    assert Example.model_validate({"ring_size": 3}).ring == 3
    assert ByteCount("0B", "1MiB").parse("2KiB") == 2048
    assert (Whole(1, 5).parse(5), FrameLength().parse("64B"), Share().parse(1)) == (5, 64, 1.0)
    assert decimal_number(3, "a number") == 3.0
    assert (shown(None), shown([1]), shown("x" * 100)) == ("null", "a list", "'" + "x" * 37 + "...'")
    assert (suggest("lane", ["lanes", "tags"]), suggest("zzz", ["lanes"])) == (" (did you mean lanes?)", "")
    assert Kind().write(3) == 3


def test_port_names():
    assert [port_number(name) for name in ("uplink", "pf", "vf0", "vf127")] == [0, 1, 2, 129]
    assert [name for name in ("vf0", "vf01", "pf", "uplink", "vf", "VF1", "vf-1") if is_station_name(name)] == [
        "vf0",
        "pf",
    ]


def test_a_disabled_vm_is_not_in_use():
    mapping = {"nic": {"vfs": 3}, "switch": {"ports": [{"name": "vf1", "enabled": False}]}}
    config = config_from_mapping(mapping)
    assert list(vms_in_use(servers_of(config))) == ["vf0", "vf2"]


@pytest.mark.parametrize("key", ["mss", "header_bytes"])
@pytest.mark.parametrize("nothing", ["0B", 0, False, ""])
def test_nothing_is_a_value_and_not_taken_as_unwritten(key: str, nothing: object) -> None:
    said = {"workload": {"segment_bytes": "64KiB"}}
    with pytest.raises(InputError, match=rf"workload\.{key}: "):
        config_from_mapping(said, {f"workload.{key}": nothing})
    assert config_from_mapping(said, {f"workload.{key}": None}) == config_from_mapping(said)


def test_a_host_without_keys_is_one_but_zero_is_none() -> None:
    said = {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {}, "multi_root": {"hosts": {"a": None}}}
    assert config_from_mapping(said).multi_root is not None
    with pytest.raises(InputError, match=r"multi_root\.hosts\.a: 0 where keys with values are expected"):
        config_from_mapping({**said, "multi_root": {"hosts": {"a": 0}}})
