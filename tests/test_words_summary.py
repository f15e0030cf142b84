"""The summary in the terminal: the answer in the first line, a unit with each figure, nothing that a name can break."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from types import SimpleNamespace

import pytest

from hwmodel.results import Bottleneck, Latency, QueueDepth, Result, Stalls, VmResult, Window, Wire
from hwmodel.results.bottleneck_text import FULLEST_ON_AVERAGE, busy_port
from hwmodel.results.flow_control_text import bridge_pause_sentences
from hwmodel.results.reading import bytes_per_frame, headline, largest_part_sentence, stall_shares
from hwmodel.results.series import EventResult, Series
from hwmodel.results.summary import print_summary, summary
from hwmodel.words.quantities import (
    count_text,
    gbps_text,
    mpps_text,
    page_time,
    percent_text,
    printable,
    span_text,
    three_digits,
    time_text,
)
from tests.sample_result import many_vfs_result, old_mapping, sample_result, unmeasured_result


def full_summary(result):
    return summary(result, verbose=True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines() -> list[str]:
    return full_summary(sample_result()).splitlines()


def test_the_first_two_lines_are_the_answer_and_the_reason():
    assert lines()[0] == "13.39 +/- 0.02 Gb/s VM to VM, 1.10 Mpps; limited by pcie.up (100.0 % busy)"
    assert lines()[1] == sample_result().bottleneck.why


def test_saturated_latency_says_that_the_ring_is_in_it():
    saturated = lines()[2]
    assert saturated.startswith("Latency, post to delivery: p50 3.7")
    assert "waiting in a full Tx ring is in this figure" in saturated
    config = {"workload": {"load": 0.8}}
    assert "ring" not in full_summary(sample_result(config=config)).splitlines()[2]


def test_warnings_stand_behind_the_reason_each_on_a_line_of_its_own():
    text = full_summary(sample_result(warnings=("One.", "Two."))).splitlines()
    assert text[2:4] == ["Warning: One.", "Warning: Two."]
    assert not any(line.startswith("Warning") for line in lines())


def test_the_way_to_the_guest_is_told_with_the_part_that_takes_most_of_it():
    assert lines()[3].startswith("Latency, post to taken by the guest: p50 3.70 ms")
    assert lines()[4] == "On average 85 % of the time from post to taken by the guest is the wait in the Tx ring."
    batch = {"writeback_batch": 81.0, "payload_read": 19.0}
    parts = {"mean": batch, "p99": {"guest_queue": 600.0, "payload_read": 400.0}}
    assert largest_part_sentence(sample_result(latency_parts_ns=parts)) == (
        "On average 81 % of the time from post to taken by the guest is the wait for a write-back batch; "
        "of the p99 frame's, 60 % is the wait for the receiving guest's core and its work."
    )
    assert largest_part_sentence(sample_result(latency_parts_ns={"mean": dict.fromkeys(batch, 0.0)})) == ""


def test_where_all_leaves_by_the_wire_nothing_is_said_of_guests():
    outward = sample_result(
        totals=dataclasses.replace(sample_result().totals, gbps=0.0, copies_delivered=48_872, delivered_to_wire=48_872),
        window=dataclasses.replace(sample_result().window, vm_frames=0, wire_frames=48_872),
        vms=[dataclasses.replace(vm, rx_gbps=0.0) for vm in sample_result().vms],
    )
    assert largest_part_sentence(outward).startswith("On average 85 % of the time from post to delivery is ")
    assert "taken by the guest" not in full_summary(outward)
    assert "0.000 Gb/s received by each" in summary(outward)


def test_a_virtual_switch_with_an_uplink_has_the_link_and_the_wire_in_both_summaries():
    """Without one nothing crosses the link; what segments were passed is told all the same."""
    segments = {"whole": 7, "sends": 0, "descriptors": 0, "doorbells": 0, "payload_reads": 0, "frames": 0}
    wire = dataclasses.replace(sample_result().wire, tx_gbps=3.0)
    for reach, is_there in (("external", True), ("internal", False)):
        config = {"nic": {"mode": "vswitch"}, "host": {"virtual_switch": {"reach": reach}}, "workload": {}}
        result = sample_result(config=config, segments=segments, wire=wire)
        for text in (summary(result), full_summary(result)):
            assert ("Link busy: up 100.0 %" in text) == ("Wire: out 3.000 Gb/s" in text) == is_there
            assert "In the window: 7 segments passed whole" in text
            assert "\n\n\n" not in text
        assert ("payload read requests" in full_summary(result)) == is_there


def test_vms_whose_rates_are_not_measured_are_told_for_their_drops_alone():
    vms = [dataclasses.replace(vm, tx_gbps=None, rx_gbps=None, drops={}) for vm in sample_result().vms]
    assert "VMs" not in "".join(summary(sample_result(vms=vms)).splitlines()[1:])
    vms[0] = dataclasses.replace(vms[0], drops={"SAME_PORT": 1234})
    assert f"{len(vms)} VMs: no rates measured, 1,234 frames dropped" in summary(sample_result(vms=vms))


def test_the_senders_wait_is_told_where_it_matters():
    assert "sender's wait" not in full_summary(sample_result())
    waiting = Latency(min=0.0, mean=2e6, p50=2e6, p99=4e6, p999=5e6, max=6e6, count=5000)
    told = full_summary(sample_result(sender_wait_ns=waiting))
    assert "Latency, offered to posted (the sender's wait): p50 2.00 ms, p99 4.00 ms" in told


def overloaded_result(**changes):
    wait = Latency(min=0.0, mean=2e6, p50=2e6, p99=4e6, p999=5e6, max=6e6, count=5000)
    config = {"nic": {"tx_ring": 512}, "workload": {"pattern": "pairs", "load": 1.2}}
    full = {"tx_ring": QueueDepth(mean=500.0, max=511)}
    return sample_result(**{"sender_wait_ns": wait, "config": config, "queues": full, **changes})


def test_an_overload_says_that_rings_are_full_and_that_the_senders_wait_grows():
    told = [
        line for line in full_summary(overloaded_result()).splitlines() if "more is offered than gets through" in line
    ]
    assert [line.partition(":")[0] for line in told] == [
        "Latency, post to delivery", "Latency, offered to posted (the sender's wait)",
    ]  # fmt: skip
    gets_through = Bottleneck(resource="offered_load", utilization=0.3, why="", keys=())
    assert "more is offered" not in full_summary(overloaded_result(bottleneck=gets_through))


@pytest.mark.parametrize(("mean", "told"), [(1.5, None), (16.0, "Read tags 16.0 of 32 in use")])
def test_credits_that_lack_do_not_make_tags_half_full(mean, told):
    queues = {"tags": QueueDepth(mean=mean, max=32)}
    result = sample_result(stalls_ns=Stalls(credits=15e6, credits_posted=15e6), queues=queues)
    lines = [line for line in summary(result).splitlines() if line.startswith("Half full or more")]
    assert lines == ([f"Half full or more, mean over the window: {told}"] if told else [])


def test_a_capture_that_fills_no_ring_is_not_said_to_wait_in_one():
    workload = {"workload": {"pcap": "c.pcap", "pcap_time": "asap"}, "nic": {"tx_ring": 512}}
    assert "full Tx ring" in full_summary(overloaded_result(config=workload))
    assert "full Tx ring" not in full_summary(
        overloaded_result(config=workload, queues={"tx_ring": QueueDepth(mean=9.0, max=22)})
    )


def test_a_loss_stands_under_the_answer():
    totals = dataclasses.replace(
        sample_result().totals, offered_frames=1000, dropped_frames=250, delivered_frames=750, copies_delivered=750,
        in_flight_frames=0,
    )  # fmt: skip
    vms = (dataclasses.replace(sample_result().vms[0], drops={"RX_BUFFER_FULL": 200}), *sample_result().vms[1:])
    text = full_summary(sample_result(totals=totals, drops={"RX_BUFFER_FULL": 200, "SPOOFED": 50}, vms=vms))
    assert text.splitlines()[2] == (
        f"Of the frames offered 25.0 % were lost (RX_BUFFER_FULL 200 at {vms[0].name}; SPOOFED 50 on the way in from "
        "the wire)."
    )
    assert "Of the frames offered" not in full_summary(
        sample_result(totals=dataclasses.replace(totals, dropped_frames=1))
    )


def test_a_limit_that_holds_nothing_back_is_not_said_to_be_idle():
    policed = Bottleneck(resource="rate_limit", utilization=0.0, why="", keys=())
    assert headline(sample_result(bottleneck=policed)).endswith("; limited by rate_limit")
    # The link is full of frames that the policer drops.
    by_share = dataclasses.replace(policed, utilization=0.748, gain=1.0, also=("pcie.down",))
    assert headline(sample_result(bottleneck=by_share)).endswith("; limited by rate_limit")


def test_one_is_not_told_as_several():
    run = dataclasses.replace(sample_result().host_run, frames=1, events=1)
    assert "Run: 1 frame, 1 event in" in full_summary(sample_result(host_run=run))
    assert "and its queue drops 1 frame." in busy_port("The bridge's port b", 1.0, 1)
    port = SimpleNamespace(
        name="b", device="bridge", classes=[SimpleNamespace(traffic_class=0, stopped_ns=0.0, over_ns=5.0, stops_sent=1)]
    )
    (said,) = bridge_pause_sentences(SimpleNamespace(name="bridge", ports=[port]), 10.0)
    assert said.endswith("was over its mark for 50.0 % of the run; 1 stop sent")


@pytest.mark.parametrize(
    ("why", "words"),
    [("", "; limited by rate_limit"), (FULLEST_ON_AVERAGE, "; limited for a part of the window by rate_limit")],
)
def test_a_rate_limit_is_not_said_to_be_busy_or_the_fullest(why, words):
    """Its share is that of the window in which frames are held back, or that of the frames that drop."""
    limit = Bottleneck(resource="rate_limit", utilization=0.058, why=why, keys=())
    assert headline(sample_result(bottleneck=limit)).endswith(words)


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "words"),
    [
        (1e6, 21e6, "1.00 ms to 21.0 ms"),
        (24_400_900, 24_458_800, "24.401 ms to 24.459 ms"),
        (2.54e9, 2.56e9, "2.540 s to 2.560 s"),
        (8.26e6, 10.26e6, "8.3 ms to 10.3 ms"),
        (0, 300_000, "0 ns to 300 us"),
        (0, 0, "0 ns to 0 ns"),
        (107003264.275429, 107003264.27543, "107.003264275429 ms to 107.003264275430 ms"),
        (1e10, 10000000000.000002, "10.000000000000000 s to 10.000000000000002 s"),  # as far as such times tell
    ],
)
def test_a_window_is_written_with_digits_that_say_how_long_it_is(start_ns, end_ns, words):
    assert span_text(start_ns, end_ns) == words


def test_what_a_window_cannot_give_is_said_to_be_unmeasured():
    text = full_summary(unmeasured_result())
    assert text.startswith("Throughput VM to VM not measured; limited by pcie.up")
    assert "Warning: The window is too short for rates" in text
    assert "PCIe link, each frame" not in text
    assert "Fairness" not in text
    assert not re.search(r"\b0\.0+ (Gb/s|Mpps)", text)
    assert re.search(r"^vf3  +-  +-  +-  ", text, re.M)


@pytest.mark.parametrize(
    ("workload", "dropped", "answer"),
    [
        ({"pattern": "to_wire"}, 0, "Throughput to the wire not measured; "),
        ({"pattern": "pairs", "wire_share": 1}, 0, "Throughput to the wire not measured; "),
        ({"pattern": "to_wire"}, 900, "Throughput to the wire not measured; "),
        ({"pattern": "to_wire"}, 9000, "Nothing gets to the wire; "),
        ({"pattern": "pairs", "wire_share": 0.5}, 0, "Throughput VM to VM not measured; "),
        (
            {"pattern": "flows", "flows": [["vf0", "uplink", None], ["vf0", "vf1", None]]},
            0,
            "Throughput VM to VM not m",
        ),
    ],
)
def test_of_frames_that_are_all_for_the_wire_that_is_said_to_be_unmeasured(workload, dropped, answer):
    result = unmeasured_result()
    totals = dataclasses.replace(result.totals, copies_delivered=0, delivered_frames=0, dropped_frames=dropped)
    window = dataclasses.replace(result.window, vm_frames=0)
    text = headline(dataclasses.replace(result, totals=totals, window=window, config={"workload": workload}))
    assert text.startswith(answer)


def test_credits_are_told_by_kind():
    stalls = Stalls(credits=9e6, credits_posted=9e6, credits_non_posted=1e6)
    text = full_summary(sample_result(stalls_ns=stalls))
    assert "credits for writes 45.0 %, credits for read requests 5.0 %, credits for completions 0.0 %" in text
    assert "flow-control credits" not in text
    assert "flow-control credits 0.0 %" in full_summary(sample_result())


def test_an_old_result_has_a_summary():
    text = full_summary(Result.from_json(json.dumps(old_mapping())))
    assert text.startswith("13.39 Gb/s VM to VM, 1.10 Mpps; limited by")
    assert re.search(r"^a frame, in all +1,809\.0  99\.7 ", text, re.M)
    assert "taken by the guest" not in text


def test_a_row_for_each_vm():
    rows = [line for line in lines() if re.match(r"vf\d ", line)]
    assert len(rows) == 8
    assert rows[3].split() == ["vf3", "1.674", "1.674", "0.1378", *rows[3].split()[4:6], "-"]
    assert [column for column in lines() if column.startswith("VM ")] != []


def test_of_many_vms_sixteen_are_shown():
    text = full_summary(many_vfs_result(64))
    assert len(re.findall(r"^vf\d+ ", text, re.M)) == 16
    assert "\n... and 48 more\n" in text
    assert "NO_DESCRIPTOR 15" in text
    assert "more" not in full_summary(sample_result())


def test_the_link_table_gives_bytes_for_each_frame_and_percent():
    table = {line[:24].strip(): line[24:].split() for line in lines()}
    assert table["payload"] == ["1,516.0", "83.6", "1,516.0", "88.0"]
    assert table["payload read requests"] == ["72.0", "4.0", "0.0", "0.0"]
    assert table["a frame, in all"] == ["1,809.0", "99.7", "1,719.0", "99.7"]
    assert table["clock skips (SKP)"] == ["4.7", "0.3", "4.5", "0.3"]


def test_losses_queues_and_waits_have_their_units():
    text = full_summary(sample_result(drops={"SPOOFED_MAC": 1200, "ACL_DENY": 3, "RUNT": 0}))
    assert "Drops, frames, whole run: ACL_DENY 3, SPOOFED_MAC 1,200\n" in text
    assert "tx_ring 503 / 511 frames" in text
    assert "tx_buffer 162,000 / 163,840 B" in text
    assert "a read tag 6.0 %" in text
    assert "room in a buffer 90.5 %" in text
    assert "Drops, frames, whole run: none\n" in full_summary(sample_result())


def test_the_window_the_seed_and_the_speed_are_told():
    text = full_summary(sample_result())
    assert "Window: 1.00 ms to 21.0 ms of simulated time; seed 1, configuration 5d1a0c2277e0b34f\n" in text
    assert "Run: 23,157 frames, 1,180,000 events in 0.310 s (74,700 frames/s)" in text
    assert "Run:" not in full_summary(sample_result(host_run=None))


def test_traffic_of_the_wire_is_in_the_headline():
    totals = dataclasses.replace(sample_result().totals, delivered_to_wire=500)
    wire = Wire(tx_gbps=9.5, rx_gbps=1.0, utilization=0.97, wait_ns=Latency(p99=5_000.0, count=500))
    result = sample_result(totals=totals, wire=wire)
    assert headline(result).startswith("13.39 ± 0.02 Gb/s to VMs, 1.10 Mpps, 9.50 Gb/s to the wire; limited by")
    assert "Wire: out 9.500 Gb/s, in 1.000 Gb/s, busy 97.0 %, p99 wait 5.00 us\n" in full_summary(result)
    only_wire = dataclasses.replace(totals, copies_delivered=500, gbps=0.0, mpps=0.0)
    assert headline(sample_result(totals=only_wire, wire=wire)).startswith("9.50 Gb/s to the wire; limited by")


def test_a_load_that_is_the_limit_is_not_called_busy():
    bottleneck = Bottleneck(resource="offered_load", utilization=0.61, why="Nothing is full.")
    assert headline(sample_result(bottleneck=bottleneck)).endswith(
        "; limited by the offered load alone (the busiest resource is 61.0 % busy)"
    )


def test_a_load_of_which_a_part_is_dropped_is_not_the_limit_alone():
    bottleneck = Bottleneck(resource="offered_load", utilization=0.61, why="Nothing is full.")
    totals = dataclasses.replace(sample_result().totals, offered_frames=1000, delivered_frames=600, dropped_frames=400)
    result = sample_result(bottleneck=bottleneck, totals=totals, drops={"LINK_DOWN": 400})
    assert headline(result).endswith(
        "; limited by the offered load, less what is dropped (the busiest resource is 61.0 % busy)"
    )


def test_a_run_without_any_frame_still_has_a_summary():
    nothing = dataclasses.replace(
        sample_result(),
        window=Window(start_ns=0.0, end_ns=0.0, vm_frames=0, wire_frames=0),
        latency_ns=Latency(),
        latency_from_doorbell_ns=Latency(),
        latency_to_guest_ns=Latency(),
        sender_wait_ns=Latency(),
        vms=(),
        flows=(),
        queues={},
        stalls_ns=Stalls(),
        fairness_jain=None,
    )
    text = full_summary(nothing)
    assert "Latency, post to delivery: no frame measured" in text
    assert "PCIe link, each frame" not in text
    assert bytes_per_frame(nothing) == {}
    assert stall_shares(nothing) == {}


def test_few_samples_show_no_figure_that_means_nothing():
    few = Latency(min=900.0, mean=950.0, p50=940.0, max=999.0, count=12)
    text = full_summary(sample_result(latency_ns=few, intervals={}))
    assert "Latency, post to delivery: p50 940 ns, min 900 ns, mean 950 ns, max 999 ns" in text
    assert "p99" not in text.splitlines()[2]


def test_plain_text_where_there_is_no_terminal():
    stream = io.StringIO()
    print_summary(sample_result(), stream)
    assert stream.getvalue() == summary(sample_result())
    assert full_summary(sample_result()).isascii()


def test_colours_on_a_terminal_and_the_same_words(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    print_summary(sample_result(), stream)
    assert "\x1b[" in stream.getvalue()
    assert re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()) == summary(sample_result())


def test_a_name_cannot_move_the_cursor_or_use_markup():
    vm = VmResult(name="\x1b[2Jx[bold]\n", tx_gbps=1.0, rx_gbps=1.0, rx_mpps=1.0, drops={"A\x07": 1})
    stream = Terminal()
    print_summary(sample_result(vms=(vm,)), stream)
    assert "\x1b[2J" not in stream.getvalue()
    assert "\x07" not in stream.getvalue()
    assert r"\x1b[2Jx[bold]\n" in stream.getvalue()


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [(0, "0 ns"), (0.5, "500 ps"), (912.4, "912 ns"), (999.6, "1.00 us"), (45_100, "45.1 us"), (3_707_000, "3.71 ms"),
     (2.5e9, "2.50 s"), (999.4, "999 ns"), (None, "-")],
)  # fmt: skip
def test_times(time_ns, text):
    assert time_text(time_ns) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (13.361, "13.4"), (1340, "1,340"), (0.00134, "0.00134"), (9.996, "10.0"), (0.99951, "1.00"),
     (999.6, "1,000"), (-2.5, "-2.50")],
)  # fmt: skip
def test_three_digits(value, text):
    assert three_digits(value) == text


def test_other_quantities():
    assert (gbps_text(13.356), gbps_text(0.00123), gbps_text(0)) == ("13.36 Gb/s", "0.00123 Gb/s", "0.00 Gb/s")
    assert (mpps_text(1.1027), percent_text(0.99349), count_text(22054)) == ("1.10 Mpps", "99.3 %", "22,054")
    assert printable("vf0 é\n\x7f\u202e") == "vf0 é\\n\\x7f\\u202e"


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [(13.39, (13.37, 13.41), "13.39 ± 0.02 Gb/s"), (13.39, (13.3899, 13.3901), "13.39 ± <0.01 Gb/s"),
     (13.39, (13.37, 13.49), "13.39 ± 0.10 Gb/s"), (13.39, None, "13.39 Gb/s"), (None, None, "-")],
)  # fmt: skip
def test_intervals_reach_to_their_farther_end(value, interval, text):
    assert gbps_text(value, interval) == text


def test_times_have_intervals_in_their_own_unit():
    assert time_text(3_707_000, (3_690_000, 3_720_000)) == "3.71 ± 0.02 ms"
    assert time_text(203_000, (2_770, 6_468_000)) == "203 (2.77 to 6,468) us"
    assert page_time(45_100) == "45.1 µs"


def test_where_there_is_more_to_say_than_room_vms_share_a_line_and_events_are_left_out():
    vms = [dataclasses.replace(vm, rx_gbps=0.1 * at) for at, vm in enumerate(sample_result().vms[:4], start=1)]
    many = tuple(EventResult(at_ns=at * 1e6, event=f"event {at}", did="no VM's rate changed") for at in range(1, 9))
    wide = sample_result(vms=vms, warnings=("One.", "Two."), latency_by_direction_ns=apart(5))
    assert len(summary(wide).splitlines()) <= 15
    for n in range(1, 9):
        found = dataclasses.replace(wide, series=Series(interval_ns=1e5, events=many[:n]))
        text = summary(found).splitlines()
        assert len(text) <= 15
        assert sum(line.startswith("At ") for line in text) >= 1
        assert any(line.startswith("4 VMs: ") for line in text)
        assert "Warning: One." in text
    assert any(line.startswith("Latency, post to delivery, p50: ") for line in text)
    assert sum(line.startswith("At ") for line in full_summary(found).splitlines()) == 8


def apart(n):
    ways = ("vm_to_vm", "to_wire", "from_wire", "to_outside", "over_bridge")
    return {way: sample_result().latency_ns for way in ways[:n]}
