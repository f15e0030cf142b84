import re
from pathlib import Path

import pytest

from hwmodel import lone_frame
from hwmodel.analytic import limits, published
from hwmodel.analytic.limits_text import ceiling_rows, limits_html, limits_text
from hwmodel.cli.commands import lone_table
from hwmodel.results import PARTS
from hwmodel.simulation import simulate
from tests.analytic_cases import demo


def test_each_step_stands_with_a_sum_that_is_right():
    text = limits_text(limits(demo()))
    rows = re.findall(r"^  (\S.*?)\s{2,}[\d.]+ +([\d.]+)  = ([\d*+/() ]+)$", text, re.MULTILINE)
    assert len(rows) == 13
    for name, n_bytes, formula in rows:
        assert eval(formula) == float(n_bytes), name
    assert re.search(r"^  Acks and UpdateFCs for TLPs down +26  = 6.5 TLPs down \* 4$", text, re.MULTILINE)
    assert re.findall(r"^  sum +(\d+)$", text, re.MULTILINE) == ["1809", "1719"]


def test_the_result_stands_below_the_ceilings():
    text = limits_text(limits(demo()))
    assert "PCIe Gen2 x4, MPS 256 B, MRRS 512 B; frames of 1518 B with FCS" in text
    assert re.search(r"^pcie.up +1809 B .* 1.1027 ", text, re.MULTILINE)
    assert "delivered 1.1027 M frames/s, 13.39 Gb/s; limited by pcie.up." in text
    assert re.search(r"^  payload read +1282.164  = t\(24\) \+ R \+ 5 t\(276\) \+ t\(256\)$", text, re.MULTILINE)


def test_one_of_a_thing_is_not_many():
    of_adapter = {"tx_buffer": "2KiB", "max_pps": 2_000_000, "rx_prefetch": 1, "rx_fetch_batch": 1}
    one = {"pcie.tags": 1, "pcie.credits.ph": 1, **{f"nic.{key}": value for key, value in of_adapter.items()}}
    text = limits_text(limits(demo(one)))
    assert "1 frames" not in text and re.search(r"^nic.pipeline +1 frame  ", text, re.MULTILINE)
    for words in ("1 PH credit", "1 Rx descriptor of each ring on its way", "room for 1 frame while read and sent"):
        assert re.search(rf"  {words}$", text, re.MULTILINE), words
    assert text.count("waits for 1 tag\n") == 1


def test_what_is_delivered_beside_or_as_copies_is_no_contradiction():
    flows = {"workload.pattern": "flows", "workload.flows": [["vf0", "vf1", "2Gbps"], ["vf2", "vf3", None]]}
    text = limits_text(limits(demo(flows)))
    # 2 Gb/s of 1518 B are 0.1647 M of the link's 1.1027 M frames.
    assert "At most 0.9380 M frames/s offered beside 0.1647 M of a given rate; delivered 1.1027 M frames/s" in text
    text = limits_text(limits(demo({"workload.pattern": "broadcast"})))
    assert re.search(r"offered; delivered [\d.]+ M copies/s", text)


@pytest.mark.parametrize(("load", "words"), [
    ("1Kbps", "0.000000659 M frames/s offered; delivered 0.000000659 M frames/s, 0.00000800 Gb/s"),
    ("1Mbps", "0.000659 M frames/s offered; delivered 0.000659 M frames/s, 0.00800 Gb/s"),
    ("100Mbps", "0.0659 M frames/s offered; delivered 0.0659 M frames/s, 0.800 Gb/s"),
    ("1Gbps", "0.6588 M frames/s offered; delivered 0.6588 M frames/s, 8.00 Gb/s"),
])  # fmt: skip
def test_low_rates_have_three_digits(load, words):
    """Eight VMs with frames of 12,144 bits: 1 Kbps are 8 * 0.0823 frames a second."""
    found = limits(demo({"workload.load": load}))
    assert f"At most {words}; limited by offered_load." in limits_text(found)
    assert re.search(rf"^offered_load +1 frame .* {words.split()[0]}  ", limits_text(found), re.MULTILINE)
    limited = limits(demo({"switch.ports.all.rate_limit": load, "workload.pattern": "to_wire"}))
    assert f"At most {words}; limited by rate_limit." in limits_text(limited)


def test_low_rates_have_three_digits_at_each_wire():
    servers = {"servers": [{"name": "a"}, {"name": "b"}], "bridge": {}, "workload.pattern": "flows"}
    slow = [["a.vf0", "b.vf0", "12Kbps"]]  # of 12,144 bits a frame
    text = limits_text(limits(demo({**servers, "workload.flows": slow})))
    assert re.search(r"^a.wire.tx +0.000000988 +1518 ", text, re.MULTILINE)


def test_what_ends_at_the_wire_has_its_tags_there():
    """A full wire: 10 Gb/s times the frame with its 8 B of E-TAG by that and 20 B more, as a run counts it."""
    found = limits(demo({"switch.mode": "e_tag", "workload.pattern": "to_wire"}))
    assert found.limited_by == "wire.tx"
    assert found.gbps == pytest.approx(10 * 1526 / 1546)
    config = demo({"switch.mode": "e_tag", "workload.pattern": "to_wire", "run.duration": "5ms"})
    assert simulate(config).wire.tx_gbps == pytest.approx(found.gbps, rel=0.002)


def test_mixed_sizes_and_outside_frames():
    changes = {"nic.strict": False,
        "workload.frame_bytes": None, "workload.sizes": [[64, 7], [570, 4], [1518, 1]],
        "workload.external": {"rate": "1Gbps"}, "switch.acl": [{"port": "vf0", "action": "deny"}],
    }  # fmt: skip
    text = limits_text(limits(demo(changes)))
    assert "frames of 64 B (58.3 %), 570 B (33.3 %), 1518 B (8.33 %) with FCS" in text
    assert "Mean over the frame sizes: 1387.769 ns." in text
    assert "\nNot counted: frames that the access list drops or polices.\n" in text


def test_room_in_bytes_is_held_by_bytes_for_a_time():
    """1518 B are read for 1282.164 ns (docs/pcie.md), 64 B for t(24) + R + t(20 + 60) = 502.136 ns."""
    found = limits(demo({"workload.frame_bytes": None, "workload.sizes": [[64, 1], [1518, 1]]}))
    held = (1514 * 1282.164272 + 60 * (450 + (24 + 80) * 0.501303781)) / 2 / 1000
    (row,) = (row for row in ceiling_rows(found) if row[0] == "nic.tx_buffer")
    assert row[1:4] == (f"{held:.6g} B us", "163840 B", f"{163840 / held:.4f}")
    assert f">{held:.6g} B us</td>" in limits_html(found) and "B us" not in limits_text(limits(demo()))
    assert re.search(rf"^nic.tx_buffer +{held:.6g} B us +163840 B ", limits_text(found), re.MULTILINE)


def test_many_sizes_are_summed_up():
    sizes = [[n_bytes, 1] for n_bytes in range(64, 128)]
    text = limits_text(limits(demo({"workload.frame_bytes": None, "workload.sizes": sizes})))
    assert "frames of 64 sizes, 95.5 B with FCS in the mean" in text


def test_one_frame_as_configured_stands_beside_the_ideal():
    config = demo({"driver.rx_interrupt_batch": 0, "nic.writeback_timeout": "64us"})
    assert re.search(r"^one frame of 1518 B alone, all batches 1 +ns ", limits_text(limits(config)), re.MULTILINE)
    parts = lone_table(lone_frame(config))
    assert parts.startswith("one frame of 1518 B alone, as configured ")
    assert "from vf0 to vf1, until the receiver's core has taken it" in parts.splitlines()[0]
    assert re.search(r"^  writeback_batch +63139.763  the wait for a write-back batch$", parts, re.MULTILINE)
    rows = re.findall(r"^  (\w+) +([\d.]+)  \w", parts, re.MULTILINE)
    assert re.search(rf"^  sum +{sum(float(ns) for _, ns in rows):.3f}$", parts, re.MULTILINE)
    assert "scheduler" not in parts  # takes no time


def test_a_frame_that_leaves_by_the_wire_is_followed_until_it_is_sent():
    config = demo({"workload.pattern": "to_wire"})
    assert "all batches 1" not in limits_text(limits(config))
    parts = lone_table(lone_frame(config))
    assert "from vf0 to uplink, until it is sent on the wire" in parts.splitlines()[0]
    assert re.search(r"^  wire +1230.400  the wire$", parts, re.MULTILINE)


def test_what_a_frame_alone_waits_for_in_vain_is_said():
    never = "A frame alone is never taken: "
    assert limits(demo()).notes == (
        f"{never}8 descriptors are written back together (nic.rx_writeback_batch), and no timer ends the wait.",
        f"{never}8 frames share an interrupt (driver.rx_interrupt_batch), and no timer ends the wait.",
    )
    alone = lone_frame(demo())
    endless = r"^  writeback_batch +no end  .*, which only later frames would end\n  sum +no end$"
    assert re.search(endless, lone_table(alone), re.MULTILINE)
    assert (alone.whole_ns, alone.to_dict()["latency_to_guest_ns"]) == (None, None)
    assert list(alone.to_dict()["latency_parts_ns"]) == list(PARTS)


def test_a_published_model_has_no_latency():
    text = limits_text(published(demo(), "dpdk"))
    assert "published model dpdk" in text
    assert "DLLPs 9.47 %" in text
    assert " ns." not in text


def test_the_documentation_shows_the_present_output():
    documented = (Path(__file__).parent.parent / "docs" / "pcie.md").read_text(encoding="utf-8")
    assert limits_text(limits(demo())) in documented
