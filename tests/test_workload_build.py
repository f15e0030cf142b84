"""From configurations to sources, templates and tables."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether

import hwmodel.workload
from hwmodel.config import config_from_mapping
from hwmodel.config.streams import PatternError
from hwmodel.errors import InputError
from hwmodel.wire.ethernet import GROUP_MAC, OUTSIDE_MAC
from hwmodel.workload import build_workload
from hwmodel.workload.headers import HeaderBook


def config_of(vfs=4, switch=None, **workload):
    return config_from_mapping({"nic": {"vfs": vfs}, "switch": switch or {}, "workload": workload})


def workload_of(*args, **options):
    return build_workload(config_of(*args, **options))


def mac(number):
    return f"02:00:00:00:00:{number:02x}"


def chances(workload, source):
    """Give the exact probability of each (target, destination address) of a source."""
    table = source.target_table
    found = Counter()
    n = len(table)
    for i in range(n):
        for value, units in (
            (table.value[i], table.threshold[i]),
            (table.value[table.alias[i]], 2**32 - table.threshold[i]),
        ):
            template = workload.templates[value]
            assert template.source == source.port
            if units:
                found[template.target, Ether(template.header).dst] += Fraction(int(units), n * 2**32)
    return dict(found)


def test_the_package_offers_what_the_simulation_takes():
    assert isinstance(workload_of(2), hwmodel.workload.Workload)


def test_the_demonstration_workload():
    workload = workload_of(8, pattern="pairs", frame_bytes=1518, load="saturate")
    assert [(source.port, source.kind) for source in workload.sources] == [(f"vf{k}", "closed") for k in range(8)]
    for k, source in enumerate(workload.sources):
        partner = k ^ 1
        assert chances(workload, source) == {(f"vf{partner}", mac(partner + 2)): 1}
        assert source.size_table.value.tolist() == [1518]
        assert source.frames_per_s == source.mean_gap_fs == source.phase_fs == source.n_records == 0
    assert len(workload.records) == 0
    assert workload.pcap is None


def test_headers_are_untagged_local_experimental_frames():
    workload = workload_of(2, pattern="pairs")
    for template, (source, target) in zip(workload.templates, [(2, 3), (3, 2)], strict=True):
        frame = Ether(template.header)
        assert (frame.src, frame.dst, frame.type) == (mac(source), mac(target), 0x88B5)
        assert len(template.header) == 14


def test_uniform_with_a_share_for_the_wire():
    workload = workload_of(4, pattern="uniform", wire_share=0.25)
    assert chances(workload, workload.sources[0]) == {
        ("vf1", mac(3)): Fraction(1, 4),
        ("vf2", mac(4)): Fraction(1, 4),
        ("vf3", mac(5)): Fraction(1, 4),
        ("uplink", "02:ff:00:00:00:01"): Fraction(1, 4),
    }


def test_disabled_vfs_take_no_part():
    switch = {"ports": [{"name": "vf1", "enabled": False}]}
    workload = workload_of(3, switch, pattern="ring")
    assert [source.port for source in workload.sources] == ["vf0", "vf2"]
    assert chances(workload, workload.sources[0]) == {("vf2", mac(4)): 1}


def test_broadcast_and_groups():
    workload = workload_of(2, pattern="broadcast")
    assert chances(workload, workload.sources[0]) == {("broadcast", "ff:ff:ff:ff:ff:ff"): 1}
    workload = workload_of(2, pattern="multicast")
    assert chances(workload, workload.sources[0]) == {("multicast", "03:00:00:00:00:01"): 1}
    assert GROUP_MAC >> 40 & 1
    groups = ["01:00:5e:00:00:02", "01:00:5e:00:00:01"]
    workload = workload_of(2, {"ports": [{"name": "vf1", "groups": groups}]}, pattern="multicast")
    assert chances(workload, workload.sources[0]) == {("multicast", group): Fraction(1, 2) for group in groups}
    workload = workload_of(2, {"ports": [{"name": "vf1", "groups": groups}]}, pattern="multicast", wire_share=0.5)
    expected = {("multicast", group): Fraction(1, 4) for group in groups}
    assert chances(workload, workload.sources[0]) == {**expected, ("uplink", "02:ff:00:00:00:01"): Fraction(1, 2)}


def test_a_share_is_split_over_the_senders():
    workload = workload_of(8, pattern="pairs", frame_bytes=64, load=0.8, arrivals="poisson")
    # 67.2 ns a frame at 10 Gb/s, 0.8 of it among eight.
    assert {(source.kind, source.mean_gap_fs) for source in workload.sources} == {("poisson", 672_000_000)}
    assert sum(source.frames_per_s for source in workload.sources) == pytest.approx(0.8 * 14_880_952.38)


def test_a_rate_is_for_each_vm():
    workload = workload_of(4, pattern="ring", sizes=[[64, 7], [570, 4], [1518, 1]], load="2Gbps")
    for source in workload.sources:
        assert source.frames_per_s * (4246 / 12) * 8 == pytest.approx(2e9)
        assert sorted(source.size_table.value.tolist()) == [64, 570, 1518]


def test_periodic_sources_are_staggered_together_with_the_outside():
    external = {"rate": "1Gbps", "arrivals": "periodic", "frame_bytes": 1518}
    workload = workload_of(2, pattern="pairs", load="1Gbps", arrivals="periodic", frame_bytes=1518, external=external)
    gap = 1518 * 8 * 10**6
    assert [source.phase_fs for source in workload.sources] == [0, gap // 3, 2 * gap // 3]
    assert [source.port for source in workload.sources] == ["vf0", "vf1", "uplink"]


def test_bursts():
    workload = workload_of(
        2, pattern="pairs", load="1Gbps", arrivals="on_off", peak_rate="5Gbps", mean_burst=10, frame_bytes=1518
    )
    gap = 1518 * 8 * 10**6
    for source in workload.sources:
        assert (source.kind, source.mean_gap_fs, source.peak_gap_fs) == ("on_off", gap, gap // 5)
        assert source.mean_burst_frames == 10
        assert source.mean_off_fs == 8 * gap


def test_flows_with_and_without_rates():
    flows = [["vf0", "vf1", "2Gbps"], ["vf0", "uplink"], ["uplink", "vf1", "1Gbps"], ["pf", "vf0"]]
    workload = workload_of(2, pattern="flows", flows=flows, load="saturate", frame_bytes=1518)
    assert [(source.port, source.kind) for source in workload.sources] == [
        ("vf0", "poisson"), ("uplink", "poisson"), ("vf0", "closed"), ("pf", "closed"),
    ]  # fmt: skip
    assert [source.mean_gap_fs for source in workload.sources] == [6_072_000_000, 12_144_000_000, 0, 0]
    assert chances(workload, workload.sources[1]) == {("vf1", mac(3)): 1}
    assert chances(workload, workload.sources[3]) == {("vf0", mac(2)): 1}
    outside = next(template for template in workload.templates if template.source == "uplink")
    assert Ether(outside.header).src == "02:ff:00:00:00:01"


def test_outside_traffic_goes_to_all_or_to_some():
    external = {"rate": "1Gbps", "frame_bytes": 1518}
    workload = workload_of(4, pattern="pairs", external=external)
    quarter = Fraction(1, 4)
    assert chances(workload, workload.sources[-1]) == {(f"vf{k}", mac(k + 2)): quarter for k in range(4)}
    workload = workload_of(4, pattern="pairs", external={**external, "to": ["vf3", "pf"]})
    assert chances(workload, workload.sources[-1]) == {("vf3", mac(5)): Fraction(1, 2), ("pf", mac(1)): Fraction(1, 2)}
    assert workload.sources[-1].kind == "poisson"
    assert workload.sources[-1].mean_gap_fs == 12_144_000_000


def test_outside_frames_have_the_workloads_lengths_unless_they_have_their_own():
    workload = workload_of(2, pattern="pairs", frame_bytes=256, external={"rate": "1Gbps"})
    assert workload.sources[-1].size_table.value.tolist() == [256]
    sizes = [[64, 1], [128, 1]]
    workload = workload_of(2, pattern="pairs", frame_bytes=256, external={"rate": "1Gbps", "sizes": sizes})
    assert workload.sources[-1].size_table.value.tolist() == [64, 128]
    assert workload.sources[0].size_table.value.tolist() == [256]


def header_to_vf0(switch, **station):
    """Give the header of an outside frame for vf0 in a switch."""
    switch = {**switch, "ports": [{"name": "vf0", **station}, *switch.get("ports", [])]}
    return HeaderBook(config_of(2, switch))


def outside_header(switch, **station):
    book = header_to_vf0(switch, **station)
    (number,) = book.template_ids("uplink", "vf0")
    return book.templates[number].header


def test_outside_frames_are_tagged_as_the_mode_has_it():
    start = bytes.fromhex("02000000000202ff00000001")
    assert outside_header({}) == start + bytes.fromhex("88b5")
    assert outside_header({}, port_vlan=7, vlans=[7]) == start + bytes.fromhex("8100000788b5")
    assert outside_header({"uplink": {"native_vlan": 7}}, port_vlan=7, vlans=[7]) == start + bytes.fromhex("88b5")
    # D = 1, dvif = 9.
    assert outside_header({"mode": "vn_tag"}, vif=9) == start + bytes.fromhex("89268009000088b5")
    # E-CID 0x12345: base 0x345 in the second word, extension 0x12 in the last byte.
    assert outside_header({"mode": "e_tag"}, ecid=0x12345) == start + bytes.fromhex("893f00000345001288b5")


def test_outside_frames_of_a_channel_are_tagged_twice_where_needed():
    both = {"ports": [{"name": "vf1", "s_channel": 1}], "mode": "multichannel", "s_channels": {1: "veb", 10: "veb"}}
    tagged = outside_header(both, s_channel=10, port_vlan=7, vlans=[7])
    expected = Ether(dst=mac(2), src="02:ff:00:00:00:01") / Dot1AD(vlan=10, type=0x8100) / Dot1Q(vlan=7, type=0x88B5)
    assert tagged == bytes(expected)
    assert outside_header(both, s_channel=10).hex().endswith("88a8000a88b5")
    assert outside_header(both, s_channel=1).hex() == "02000000000202ff0000000188b5"


def test_a_station_that_must_tag_does():
    workload = workload_of(2, {"ports": [{"name": "vf0", "admit": "tagged"}]}, pattern="pairs")
    by_source = {template.source: template.header[12:].hex() for template in workload.templates}
    assert by_source == {"vf0": "8100000188b5", "vf1": "88b5"}


def test_group_frames_from_the_uplink():
    book = HeaderBook(config_of(2))
    (number,) = book.template_ids("uplink", "broadcast")
    assert book.templates[number].header.hex() == "ffffffffffff02ff0000000188b5"
    book = HeaderBook(config_of(2, {"uplink": {"native_vlan": None}}))
    (number,) = book.template_ids("uplink", "broadcast")
    assert book.templates[number].header.hex().endswith("8100000188b5")
    with pytest.raises(PatternError, match="vn_tag"):
        HeaderBook(config_of(2, {"mode": "vn_tag"})).template_ids("uplink", "broadcast")
    with pytest.raises(PatternError, match="to the uplink"):
        book.template_ids("uplink", "uplink")


def test_the_outside_address_gives_way():
    switch = {
        "ports": [{"name": "vf0", "macs": ["02:ff:00:00:00:01"]}],
        "addresses": [{"vlan": 1, "mac": "02:ff:00:00:00:02", "ports": ["vf1"]}],
    }
    workload = workload_of(2, switch, pattern="to_wire")
    assert {Ether(template.header).dst for template in workload.templates} == {"02:ff:00:00:00:03"}
    assert OUTSIDE_MAC == 0x02FF00000001


def test_each_header_is_one_template():
    workload = workload_of(4, pattern="uniform", wire_share=0.5)
    assert len({(t.source, t.header) for t in workload.templates}) == len(workload.templates) == 4 * 4


@pytest.mark.parametrize(
    ("workload", "line"),
    [
        ({"load": 0.8, "arrivals": "on_off", "peak_rate": "1Gbps"}, "workload.peak_rate: "),
        ({"load": 1e-9}, "workload.load: vf0 would send less than one frame in 100 s"),
    ],
)
def test_what_makes_no_traffic_is_an_input_error(workload, line):
    with pytest.raises(InputError) as caught:
        workload_of(2, **workload)
    (found,) = caught.value.lines
    assert line in found
