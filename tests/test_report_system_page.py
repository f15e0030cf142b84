"""The page of what has a bridge: its ports in the picture, servers beside them, and why a wire makes a run slower."""

from __future__ import annotations

import dataclasses
import re
from xml.etree import ElementTree

import pytest

from hwmodel.report import render_page
from hwmodel.report.comparison import bridge_remarks
from hwmodel.report.datapath import datapath_figure, left_out_words, server_shares, system_figure
from hwmodel.report.diagram import Part, Place, Tree, box, drawn_ports, level, narrow_layout, wide_layout
from hwmodel.report.html import section_of
from hwmodel.report.link_strips import with_strips
from hwmodel.report.tables import adapter_table, port_table, server_queue_table, server_wait_table
from hwmodel.results import Bottleneck, QueueDepth, Wire
from hwmodel.results.bridge_reading import port_lines, port_share, ports_of
from hwmodel.results.modelled import modelled_sentence
from hwmodel.results.shared_links import PcieSwitchResult, SwitchLinkUse, SwitchPortUse
from tests.sample_result import WINDOW_NS, sample_result
from tests.sample_system import (
    LINE_GBPS,
    extended_system,
    reflected_result,
    sample_adapter,
    sample_bridge,
    sample_port,
    sample_system,
)

pytestmark = pytest.mark.usefixtures("kept_figures")


def drawings(figure: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(f"<both>{figure}</both>"))


def words_of(drawing: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in drawing.iter("text")]


def limits_of(drawing: ElementTree.Element) -> list[list[str]]:
    """Return the words of each part that is drawn as the limit."""
    return [words_of(group) for group in drawing.iter("g") if "limit" in group.get("class", "").split()]


def test_the_datapath_goes_on_to_the_ports_of_the_bridge():
    for drawing in drawings(datapath_figure(reflected_result(), "k")):
        words = words_of(drawing)
        assert {"bridge", "Port adapter", "Port outside", "in 100.0 % busy", "queue 1.48 KiB"} <= set(words)
        assert [found[0] for found in limits_of(drawing)] == ["Wire, out/in"]
    for drawing in drawings(datapath_figure(sample_result(), "k")):
        assert not {"bridge", "Port adapter"} & set(words_of(drawing))


def test_a_full_port_is_the_limit_in_the_picture():
    limit = Bottleneck(resource="bridge.outside", utilization=1.0, why="The port is full.")
    for drawing in drawings(datapath_figure(reflected_result(bottleneck=limit), "k")):
        assert [found[0] for found in limits_of(drawing)] == ["Port outside"]


def test_a_port_is_as_busy_as_its_busier_way():
    port = sample_port("p", LINE_GBPS / 4, LINE_GBPS / 2, queue_mean_bytes=85.3)
    assert port_share(port) == pytest.approx(0.5)
    assert port_lines(port) == ("in 25.0 % busy", "out 50.0 % busy", "queue 85.3 B")
    assert port_share(sample_port("p", LINE_GBPS, 0.0)) == pytest.approx(1)


def test_a_box_is_coloured_by_its_share():
    assert [level(share) for share in (None, 0.49, 0.5, 0.9)] == ["unknown", "calm", "busy", "full"]
    drawn = box(Place(0, 0, 100, 80), Part("<P>", ("a", "", "b"), 0.5), is_limit=False)
    assert "&lt;P&gt;" in drawn and 'class="part busy"' in drawn and "flag" not in drawn


def test_shares_of_a_server_follow_from_its_result():
    result = sample_system()
    shares = server_shares(result, result.adapters[0])
    assert shares == pytest.approx({
        "busiest core": 0.25, "Tx rings": 1.0, "PCIe down": 0.9502, "wire out": 1.0, "wire in": 0.125,
        "PCIe up": 0.9999, "Rx rings": 51.1 / 511,
    })  # fmt: skip
    config = {**result.config, "servers": [{"name": "a", "set": {"nic.tx_ring": 1024, "nic.tx_buffer": "1KiB"}}]}
    queues = {"tx_ring": QueueDepth(mean=511.5, max=600), "tx_buffer": QueueDepth(mean=256.0, max=512)}
    own = server_shares(sample_system(config=config), sample_adapter("a", queues=queues))
    assert (own["Tx rings"], own["Tx buffer"]) == pytest.approx((0.5, 0.25))


def test_each_server_and_each_port_is_drawn_with_its_limit():
    adapters = (sample_adapter("a"), sample_adapter("b", "pcie.tags"))
    for drawing in drawings(system_figure(sample_system(adapters=adapters), "k")):
        words = words_of(drawing)
        for expected in (
            "Server a",
            "Server b",
            "Port a",
            "Port b",
            "Port outside",
            "fullest: wire.tx",
            "fullest: pcie.tags",
        ):
            assert words.count(expected) == 1
        assert [found[0] for found in limits_of(drawing)] == ["Port outside"]


def test_the_server_that_limits_all_stands_out():
    limit = Bottleneck(resource="b.wire.tx", utilization=1.0, why="Server b: its wire is full.")
    for drawing in drawings(system_figure(sample_system(bottleneck=limit), "k")):
        assert [found[0] for found in limits_of(drawing)] == ["Server b"]


@pytest.mark.parametrize("n_servers", [2, 4, 5, 8, 9])
def test_boxes_of_servers_and_ports_do_not_overlap(n_servers):
    result = sample_system(*(f"s{at}" for at in range(n_servers)))
    for drawing in drawings(system_figure(result, "k")):
        width, height = (float(size) - 4 for size in drawing.get("viewBox", "").split()[2:])
        boxes = [
            tuple(float(one.get(name, "")) for name in ("x", "y", "width", "height"))
            for one in drawing.iter("rect")
            if one.get("class") == "box"
        ]
        assert len(boxes) == 2 * min(n_servers, 8) + 1
        assert all(x >= 0 and y >= 0 and x + w <= width + 0.1 and y + h <= height + 0.1 for x, y, w, h in boxes)
        apart = [
            a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] or a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1]
            for at, a in enumerate(boxes)
            for b in boxes[at + 1 :]
        ]
        assert all(apart)


def test_a_page_says_what_its_pictures_leave_out():
    page = render_page([sample_system(*(f"s{at}" for at in range(9)))], ["a run"])
    assert "mean over the window; 8 of 9 servers are drawn</span>" in page
    assert re.search(r"busy share of the window, %; the 24 busiest of \d+<", page)
    ports = [sample_port(name, 1.0, 1.0) for name in ("p0", "p1", "outside")]
    assert left_out_words(reflected_result(bridges=(sample_bridge(*ports),))) == (
        "of an adapter's ports the busiest is drawn"
    )
    assert left_out_words(sample_system()) == left_out_words(sample_result()) == ""


def test_tables_have_a_row_for_each_server_and_port():
    result = sample_system()
    assert adapter_table(result).rows[0] == [
        "a", "9.870", "1.250", "100.0 %", "95.0 %", "100.0 %", "12.5 %", "25.0 %", "wire.tx 100.0 %",
    ]  # fmt: skip
    assert [row[0] for row in port_table(result).rows] == ["a", "b", "outside"]
    assert (
        port_table(result).rows[2][1:3] == ["0.000", "9.870"] and port_table(result).rows[2][-1] == "QUEUE_FULL 1,000"
    )
    assert server_queue_table(result).rows == [
        ["rx_ring", "51.1 / 64", "51.1 / 64", "descriptors"],
        ["tx_ring", "511 / 511", "511 / 511", "frames"],
    ]
    share = f"{100 * 2_000_000 / WINDOW_NS:.1f} %"
    assert server_wait_table(result).rows == [["room in a buffer", share, share]]


def test_a_load_that_limits_is_not_called_busy():
    adapter = sample_adapter("a", "offered_load")
    assert adapter_table(sample_system(adapters=(adapter,))).rows[0][-1] == "wire.tx 100.0 %"


def test_pages_are_small_and_never_say_none():
    eight = sample_system(*(f"server_{at}" for at in range(8)))
    for result in (reflected_result(), sample_system(), eight):
        page = render_page([result], ["r"])
        assert len(page.encode()) < 400_000
        assert "None" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL) and "nan" not in page
        assert "<h2>Bridge</h2>" in page
    assert "<h2>Servers</h2>" in page and "Of the first 4 servers" in page
    assert "<h2>Bridge</h2>" not in render_page([sample_result()], ["r"])


def test_the_parts_over_the_bridge_are_in_the_waterfall():
    section = section_of(reflected_result(), "r", "k", with_figures=True)
    assert "bridge and the wire behind it" in section["figures"]["parts"]
    assert ["receiving adapter's switch", "40.0 ns", "40.0 ns"] in [row[:3] for row in section["tables"]["parts"].rows]


def of_channels(kinds):
    config = {"switch": {"mode": "multichannel", "s_channels": dict(enumerate(kinds.split(), start=1))}}
    return reflected_result(config=reflected_result().config | config)


def test_a_comparison_says_why_the_wire_is_slower():
    inside = sample_result(totals=dataclasses.replace(sample_result().totals, gbps=52.74))
    (remark,) = bridge_remarks([inside, reflected_result()], ["veb", "vepa"])
    assert remark == (
        "VMs get 52.74 Gb/s in veb and 9.87 Gb/s in vepa: there every frame crosses the wire, which carries 9.87 Gb/s "
        "and is full, and comes back over the bridge."
    )
    assert remark in render_page([inside, reflected_result()], ["veb", "vepa"])
    (of_several,) = bridge_remarks([reflected_result(), inside, reflected_result()], ["vepa", "veb", "vn_tag"])
    assert of_several == (
        "VMs get 52.74 Gb/s in veb, 9.87 Gb/s in vepa and 9.87 Gb/s in vn_tag: in the last 2 every frame crosses the "
        "wire, which carries 9.87 Gb/s and is full, and comes back over the bridge."
    )
    assert [list(bridge_remarks([inside, of_channels(kinds)], ["veb", "vepa"])) for kinds in ("veb vepa", "vepa")] == [
        [], [remark],
    ]  # fmt: skip
    free = reflected_result(wire=Wire(tx_gbps=5.0, rx_gbps=5.0, utilization=0.5))
    slower = sample_result(totals=dataclasses.replace(sample_result().totals, gbps=5.0))
    two_servers = sample_system(config=inside.config, totals=inside.totals)
    other = reflected_result(config=inside.config | {"workload": {"pattern": "ring"}})
    unlike = ([two_servers, reflected_result()], [inside, other])
    for results in (*unlike, [inside, free], [slower, reflected_result()], [inside, inside], [inside, sample_system()]):
        assert list(bridge_remarks(results, ["x", "y"])) == []


def test_the_first_sentence_names_servers_and_the_bridge():
    text = modelled_sentence(sample_system().config)
    assert text.startswith("2 servers (a and b), each with an 82599 adapter on PCIe Gen2 x4")
    assert "at the other end of the wire a bridge that learns addresses" in text
    own = {"name": "b", "set": {"pcie.lanes": 8, "switch.ports.vf0.macs": ["02:00:00:00:00:01"]}}
    config = {**sample_system().config, "servers": [{"name": "a", "set": {}}, own]}
    assert modelled_sentence(config).startswith("2 servers (a and b), alike but for pcie.lanes, each with an")
    alike = [{"name": name, "set": {"host.cores": 4}} for name in ("a", "b")]
    assert modelled_sentence({**config, "servers": alike}).startswith("2 servers (a and b), each with an")
    assert "bridge that" not in modelled_sentence(sample_result().config)


def test_extenders_stand_between_servers_and_bridge():
    result = extended_system()
    tree = Tree(ports_of(result), [adapter.name for adapter in result.adapters])
    assert tree.servers == ["a", "b", "c", "d"]  # who is behind one extender side by side; of five four
    assert tree.devices() == ["fex1", "fex0", "bridge"]
    assert tree.below("fex0") == ["c", "fex1"] and tree.spanned("fex0") == ["a", "b", "c"]
    wide = wide_layout(tree, 300)
    tops = [wide.devices[name].y for name in ("fex1", "fex0", "bridge")]
    assert tops == sorted(tops) and tops[0] > 300
    for device, place in wide.devices.items():
        for name in (*tree.below(device), "outside" if device == "bridge" else f"{device}.uplink"):
            port = wide.ports[name]
            assert place.x <= port.x and port.x + port.width <= place.x + place.width
            assert place.y < port.y and port.y + port.height < place.y + place.height
    assert len(wide.arrows) == 6  # of each server and each uplink
    assert list(narrow_layout(tree, 300).devices) == ["fex1", "fex0", "bridge"]


def test_each_extender_is_drawn_with_its_links_and_its_limit():
    for drawing in drawings(system_figure(extended_system(), "k")):
        words = words_of(drawing)
        assert {"extender fex0", "extender fex1", "Port fex1", "in 60.0 % busy"} <= set(words)
        assert words.count("Uplink") == 2 and "Server e" not in words
        assert [found[0] for found in limits_of(drawing)] == ["Uplink"]
        (description,) = drawing.iter("desc")
        assert "Uplink of fex1: in 90.0 % busy" in (description.text or "")


def test_one_adapters_extenders_follow_its_wire():
    behind = {"adapter": "fex1", "outside": "bridge", "fex0": "bridge", "fex0.uplink": "fex0", "fex1": "fex0",
              "fex1.uplink": "fex1"}  # fmt: skip
    ports = [sample_port(name, LINE_GBPS / 2, 1.0, device=device) for name, device in behind.items()]
    limit = Bottleneck(resource="bridge.fex0", utilization=1.0, why="The port is full.")
    result = reflected_result(bridges=(sample_bridge(*ports),), bottleneck=limit)
    for drawing in drawings(datapath_figure(result, "k")):
        words = words_of(drawing)
        captions = [word for word in words if word.startswith("extender") or word == "bridge"]
        assert captions == ["extender fex1", "extender fex0", "bridge"]
        assert [word for word in words if word.startswith(("Port", "Uplink"))] == [
            "Port adapter", "Uplink", "Port fex1", "Uplink", "Port fex0", "Port outside",
        ]  # fmt: skip
        assert [found[0] for found in limits_of(drawing)] == ["Port fex0"]


def test_a_pcie_switch_is_a_box_above_the_adapters_that_share_it_and_bears_the_mark_of_the_limit():
    """The adapters' own fullest resource is told as that: the headline names the switch's link."""
    full, idle = (SwitchLinkUse(utilization=share, tlps=1, tlp_bytes=1, dllp_bytes=1) for share in (0.999, 0.25))
    ports = tuple(SwitchPortUse(name=name, weight=1, tlps=1, bytes=1, share=0.5) for name in "ab")
    switch = PcieSwitchResult(name="a.s1", behind="root", generation=3, lanes=4, up=full, down=idle, ports=ports)
    limit = Bottleneck(resource="a.s1.up", utilization=0.999, why="It is full.")
    result = dataclasses.replace(sample_system(), pcie_switches=(switch,), bottleneck=limit)
    for drawing in drawings(system_figure(result, "k")):
        assert [found[0] for found in limits_of(drawing)] == ["PCIe switch a.s1"]
        words = words_of(drawing)
        assert "up 99.9 % busy" in words and "down 25.0 % busy" in words
        assert not any(text.startswith("limit:") for text in words)
    layout, places = with_strips(wide_layout(Tree(drawn_ports(result), ["a", "b"]), 200.0), result.pcie_switches)
    assert places["a.s1"].y + places["a.s1"].height <= min(place.y for place in layout.servers.values())
    assert places["a.s1"].width >= sum(place.width for place in layout.servers.values())
