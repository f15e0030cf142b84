"""The page in a browser, on a desk, on a telephone and on paper: no message, nothing cut, no heading left alone."""

from __future__ import annotations

import copy
import dataclasses
import re

import pytest

from hwmodel.report import file_labels, html, render_page
from hwmodel.results import QueueDepth, Stalls
from hwmodel.results.series import EventResult, LifeResult, Series, VmSeries
from hwmodel.results.stages import StageResult, StageTotals
from tests import chromium
from tests.sample_result import many_vfs_result, sample_config, sample_relaxed, sample_result, unmeasured_result
from tests.sample_system import extended_system

pytestmark = [
    pytest.mark.skipif(
        chromium.COMMAND is None, reason="no Chromium: Debian has it as a package, Ubuntu as a snap alone"
    ),
    pytest.mark.usefixtures("kept_figures"),
]
HEADING = re.compile(r"<(h[1-3]|figcaption|caption|summary)[^>]*>(.*?)</\1>", re.DOTALL)


# Of each drawing the colours of its words and of what they stand on.
INKS = """[...page.querySelectorAll("figure svg.figure")].map(one => getComputedStyle(one.querySelector("text")).fill
  + " on " + getComputedStyle(one.closest("figure")).backgroundColor)"""
MS = 1e6


def sample_stages() -> tuple[StageResult, ...]:
    """Return stages as wide as they get: many events, changes, several reasons for drops, names of servers, notes."""
    of_run = sample_result()
    totals = StageTotals(
        offered_frames=12, delivered_frames=11, dropped_frames=1, in_flight_frames=5, vm_frames=11, wire_frames=0,
        delivered_bytes=16_698, gbps=13.255, mpps=1.09,
    )  # fmt: skip
    first = StageResult(
        start_ns=20.4 * MS, end_ns=140 * MS, events=(0,), totals=totals, outside_gbps=0.0, latency_ns=of_run.latency_ns,
        latency_to_guest_ns=of_run.latency_ns, drops={"NO_DESCRIPTOR": 12_345, "FUNCTION_RESET": 412}, bottleneck=(
            dataclasses.replace(of_run.bottleneck, resource="server_17.adapter_x.switch.bus")
        ), intervals={"totals.gbps": (13.2, 13.3)}, notes=("No interval of latency_ns: still settling.",),
    )  # fmt: skip
    unmeasured = dataclasses.replace(totals, gbps=None, mpps=None)
    changing = dataclasses.replace(first, n_changes=998, events=(1, 2, 3), totals=unmeasured, intervals={})
    return first, changing, first


def sample_series() -> Series:
    """Return a run in which one function is reset, 14 go and come again, and values are set and asked for."""
    n = 60
    vms = {
        f"a.vf{number}": VmSeries(
            tx_gbps=(1.6,) * 4 + (0.0,) * 30 + (1.6 + number / 10,) * 26, rx_gbps=(1.5,) * n, rx_mpps=(0.12,) * n,
            latency_ns=(None,) * 4 + (45_100.0,) * 30 + (3.7 * MS,) * 26, drops=(0,) * 30 + (number,) * 30,
            tx_ring=(511,) * 30 + (12,) * 30, rx_ring=(40,) * 30 + (200,) * 30,
        )
        for number in range(14)
    }  # fmt: skip
    said = (
        ("reset a.vf5", "a.vf5 silent for 116 ms (reset 100 ms, messages 13.5 ms, rings 2.00 ms, first frame 2.29 us)"),
        ("enable_vfs 0 of a", "a.vf0 and 13 more gone; 412 frames lost"),
        ("enable_vfs 14 of a", "14 functions up after 115.9 ms to 117.0 ms"),
        ("a.vf3 asks for the address 02:00:00:00:00:77, 1,000 times, one every 10us", "656 granted; 344 not answered"),
        ("switch.ports.vf5.rate_limit = 1Gbps, switch.ports.vf5.vlans = [1, 20, 30]", "all other rates unchanged"),
    )
    at_ms = (20.0, 140.0, 150.0, 150.0, 290.0)
    events = tuple(
        EventResult(at_ns=at * MS, event=event, did=did) for at, (event, did) in zip(at_ms, said, strict=True)
    )
    up = {"reset_ns": 100 * MS, "messages_ns": 13.5 * MS, "rings_ns": 2 * MS}
    off = dict.fromkeys((*up, "up_ns", "first_frame_ns"))
    lives = [
        LifeResult(vm="a.vf5", event=0, at_ns=20 * MS, goes=True, up_ns=135.5 * MS, first_frame_ns=135.502 * MS,
                   frames_lost=412, **up),
        *(LifeResult(vm=name, event=1, at_ns=140 * MS, goes=True, frames_lost=29, **off) for name in vms),
        *(LifeResult(vm=name, event=2, at_ns=150 * MS, goes=False, up_ns=265.5 * MS, first_frame_ns=265.502 * MS,
                     frames_lost=0, **up) for name in vms),
    ]  # fmt: skip
    return Series(interval_ns=5 * MS, vms=vms, events=events, lives=tuple(lives))


@pytest.fixture(scope="module")
def page() -> str:
    """Render a page on which everything stands that a page can hold."""
    nic = {**sample_config()["nic"], "tx_buffer": "160KiB", "rx_buffer": "512KiB"}
    queues = {**sample_result().queues, "rx_buffer": QueueDepth(mean=523_844.0, max=523_844)}
    vms = sample_result().vms
    result = sample_result(
        vms=[dataclasses.replace(vm, rx_gbps=0.106 + 0.004 * at, tx_gbps=0.134) for at, vm in enumerate(vms)],
        intervals={**sample_result().intervals, "vms.vf0.rx_gbps": (0.1, 0.2), "vms.vf0.tx_gbps": (0.1, 0.2)},
        config={**sample_config(), "nic": nic},
        queues={**queues, "tags": QueueDepth(mean=31.73, max=32)},
        utilization={"pcie.tags": 0.997, "driver.tx": 0.5, "driver.rx": 0.5, "switch.bus": 0.999, "nic.pipeline": 1.0},
        stalls_ns=Stalls(tags=1e6, credits=2e7, credits_posted=2e7, buffer=18e6),
        relaxed=sample_relaxed(),
        warnings=("The median latency was still rising at the end of the window: the run is not steady.",),
        drops={"NO_DESCRIPTOR": 12_345, "SPOOFED_MAC": 3},
        series=sample_series(),
        stages=sample_stages(),
    )
    return render_page([result], ["sriov_10g_gen2x4.yaml"], defaults=[sample_config()])


@pytest.fixture(scope="module")
def comparison() -> str:
    """Render twenty runs whose files have long names."""
    results, files = [], []
    for at in range(20):
        config = copy.deepcopy(sample_config())
        config["pcie"].update(lanes=2 ** (at % 4), max_payload=("128B", "256B", "512B")[at % 3])
        config["nic"].update(tx_ring=256 << (at % 2), rx_ring=1024 >> (at % 2))
        config["workload"].update(load=at / 20, frame_bytes=(64, 1518)[at // 10])
        results.append(sample_result(config=config, latency_histogram=(), latency_parts_ns={}))
        payload = config["pcie"]["max_payload"]
        files.append(f"out/sweep_of_2031/point_{at:02d}_lanes_{2 ** (at % 4)}_payload_{payload}_measured.json")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html, "MOST_FULL_SECTIONS", 1)  # figures take most of the time, and stand on the other pages
        return render_page(results, file_labels(files))


def test_nothing_is_wider_than_its_place_and_the_console_stays_silent(page, comparison, tmp_path):
    pages = {
        "one": page,
        "many": comparison,
        "vfs": render_page([many_vfs_result(64)], ["a run"]),
        "unmeasured": render_page([unmeasured_result()], ["a run"]),
    }
    frames = {f"{name}-{width}": (text, width) for name, text in pages.items() for width in (1280, 400)}
    frames["dark"] = page.replace("(prefers-color-scheme: dark)", "all"), 1280
    seen = chromium.lay_out(frames, tmp_path, INKS)
    assert seen.console == []
    assert {name: frame["found"] for name, frame in seen.frames.items()} == {name: [] for name in frames}
    assert seen.frames["one-1280"]["drawings"] == ["wide"]
    assert seen.frames["one-400"]["drawings"] == ["narrow"]
    n_drawings = page.count('<svg role="img" class="figure"')
    assert page.count("asks the PF") == 1 and n_drawings >= 15  # of functions that come and go, among others
    assert seen.frames["one-1280"]["asked"] == ["rgb(27, 31, 36) on rgb(245, 246, 248)"] * n_drawings
    assert seen.frames["dark"]["asked"] == ["rgb(230, 232, 235) on rgb(31, 36, 42)"] * n_drawings


def test_the_picture_of_extenders_fits_a_desk_and_a_telephone(tmp_path):
    """The tables of a system scroll in their places where a page is narrow."""
    text = render_page([extended_system()], ["a run"])
    seen = chromium.lay_out({str(width): (text, width) for width in (1280, 400)}, tmp_path)
    assert seen.console == [] and seen.frames["1280"]["found"] == []
    assert all(found.startswith("scrolls: ") for found in seen.frames["400"]["found"])
    assert [seen.frames[width]["drawings"] for width in ("1280", "400")] == [["wide"], ["narrow"]]


def test_what_is_too_wide_or_forbidden_is_found(page, tmp_path):
    spoilt = page.replace("post to delivery", "post_to_delivery" * 9).replace("VM drivers", "VM drivers of many guests")
    spoilt = spoilt.replace("</main>", '<img src="https://example.invalid/x.png"></main>')
    seen = chromium.lay_out({"spoilt": (spoilt, 400)}, tmp_path)
    assert any(found.startswith("outside: VM drivers of many") for found in seen.frames["spoilt"]["found"])
    assert any(found.startswith("scrolls: ") for found in seen.frames["spoilt"]["found"])
    assert any("Content Security Policy" in line for line in seen.console)


def test_on_paper_nothing_is_cut_and_no_heading_is_left_alone(page, tmp_path):
    sheets = chromium.print_page(page, tmp_path)
    headings = {" ".join(re.sub("<[^>]*>", "", text).split()) for _, text in HEADING.findall(page)}
    assert {"Latency", "Configuration", "How busy each resource was"} <= headings
    assert [sheet.last_line() for sheet in sheets if sheet.last_line() in headings] == []
    for sheet in sheets:
        assert (round(sheet.width), round(sheet.height)) == (595, 842)  # A4
        assert all(word.left >= 20 and word.right <= sheet.width - 20 for word in sheet.words)
    printed = " ".join(word.text for sheet in sheets for word in sheet.words)
    # The last column of a table, the configuration, and the end of the page.
    for words in (
        "p99.9 frame", "drops, frames", "rx_ring: 512", "seed: 1", "Written by hwmodel", "Functions that go and come",
        "messages, ms", "Descriptors in use in each VM's Rx rings", "14 functions up after",
    ):  # fmt: skip
        assert words in printed
