"""Taps on wires: which there are, and which entries of the kernel's log get into which capture, when."""

from __future__ import annotations

import pytest
from scapy.utils import RawPcapNgReader

from hwmodel.config import config_from_mapping
from hwmodel.errors import InputError
from hwmodel.simulation.run.machine import Machine
from hwmodel.simulation.run.taps import Taps, check_taps, tap_names
from hwmodel.workload import build_workload
from tests.run_cases import merged
from tests.simulation_cases import DEFAULTS

NS = 10**6
TWO = [{"name": "b"}, {"name": "a"}]
TO_PORT, FROM_PORT = 1, 2  # as pcapng has it


def config_of(**more):
    return config_from_mapping(merged(DEFAULTS, more))


def machine(**more):
    config = config_of(**more)
    workload = build_workload(config)
    return Machine(config, workload, seed=1), workload


def enter(log, at_ns, port, is_sent, n_bytes=60):
    """Enter a frame as the kernel does; all have one header, which no bridge changes."""
    entry = log.entry[log.n]
    entry.at_fs, entry.port, entry.is_sent, entry.n_bytes = at_ns * NS, port, is_sent, n_bytes
    entry.template, entry.header, entry.index = 0, 0, -1
    log.n += 1


def read(path):
    with RawPcapNgReader(str(path)) as reader:
        return [((about.tshigh << 32) + about.tslow, about.direction, raw) for raw, about in reader]


def test_a_run_can_capture_at_the_ports_of_the_bridge_or_at_the_adapters_own():
    assert tap_names(config_of()) == ("uplink",)
    assert tap_names(config_of(bridge={})) == ("adapter", "outside")
    assert tap_names(config_of(servers=TWO)) == ("b", "a", "outside")


def test_each_name_of_no_port_is_told_with_those_that_there_are():
    check_taps(config_of(servers=TWO), {"outside": "1", "b": "2"})
    with pytest.raises(InputError) as caught:
        check_taps(config_of(servers=TWO), dict.fromkeys(["c", "a", "uplink"], "file"))
    assert [line.split(": ", 1) for line in caught.value.lines] == [
        ["--pcap-hop", "there is no wire 'c'; one of b, a, outside"],
        ["--pcap-hop", "there is no wire 'uplink'; one of b, a, outside"],
    ]
    with pytest.raises(InputError, match=r"one of b, a, outside \(did you mean outside\?\)"):
        check_taps(config_of(servers=TWO), {"OUTSIDE": "file"})
    with pytest.raises(InputError, match="there is no wire 'outside'; it is uplink"):
        check_taps(config_of(), {"outside": "file"})


def test_ports_that_are_tapped_are_logged_from_then_on_and_no_others(tmp_path):
    whole, workload = machine(servers=TWO)
    ports = whole.system.bridges[0].port
    taps = Taps(whole, workload, {"a": str(tmp_path / "a.pcapng"), "outside": str(tmp_path / "o.pcapng")})
    assert [int(ports[number].params.is_tapped) for number in range(3)] == [0, 0, 0]
    with taps:
        assert [int(ports[number].params.is_tapped) for number in range(3)] == [0, 1, 1]


def test_each_capture_gets_what_passed_its_own_port_as_far_as_all_is_settled(tmp_path):
    whole, workload = machine(servers=TWO, workload={"pattern": "flows", "flows": [["b.vf0", "a.vf0"]]})
    log = whole.system.bridges[0].ledger.tap_log
    paths = {name: str(tmp_path / f"{name}.pcapng") for name in ("b", "outside")}
    header = workload.templates[0].header
    with Taps(whole, workload, paths) as taps:
        for at_ns, port, is_sent in ((30, 0, 0), (10, 0, 1), (20, 1, 0), (15, 2, 0), (90, 0, 0)):
            enter(log, at_ns, port, is_sent)
        whole.settled_fs = 50 * NS
        taps.write()
        assert log.n == 0
        enter(log, 60, 0, 0, n_bytes=100)
        whole.settled_fs = 90 * NS
        taps.write()
    found = read(tmp_path / "b.pcapng")
    assert [(at_ns, direction) for at_ns, direction, _ in found] == [
        (10, FROM_PORT), (30, TO_PORT), (60, TO_PORT), (90, TO_PORT),
    ]  # fmt: skip
    assert [raw for *_, raw in found] == [header + bytes(range(n - len(header))) for n in (60, 60, 100, 60)]
    assert [(at_ns, direction) for at_ns, direction, _ in read(tmp_path / "outside.pcapng")] == [(15, TO_PORT)]


def test_an_adapter_alone_has_its_own_port_tapped(tmp_path):
    alone, workload = machine()
    with Taps(alone, workload, {"uplink": str(tmp_path / "u.pcapng")}) as taps:
        assert alone.servers[0].nic.port[0].mac.params.is_tapped == 1
        enter(alone.servers[0].nic.ledger.tap_log, 7, 0, 0)
        alone.settled_fs = 7 * NS
        taps.write()
    assert read(tmp_path / "u.pcapng") == [(7, TO_PORT, workload.templates[0].header + bytes(range(46)))]


def test_no_file_is_left_where_a_run_fails_or_another_file_cannot_be_made(tmp_path):
    whole, workload = machine(servers=TWO)
    good, bad = str(tmp_path / "b.pcapng"), str(tmp_path / "missing" / "a.pcapng")
    with pytest.raises(InputError), Taps(whole, workload, {"b": good, "a": bad}):
        pass
    with pytest.raises(ZeroDivisionError), Taps(whole, workload, {"b": good}):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_without_taps_the_log_is_left_alone():
    whole, workload = machine(servers=TWO)
    log = whole.system.bridges[0].ledger.tap_log
    enter(log, 10, 0, 0)
    with Taps(whole, workload, {}) as taps:
        taps.write()
    assert log.n == 1
