"""The HTML page: well formed, self-contained, the same twice, and safe whatever the names are."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from html import unescape
from html.parser import HTMLParser

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwmodel.errors import InputError
from hwmodel.report import html, render_page
from hwmodel.results import FlowResult, Latency, Result, Stalls, VmResult, Window
from hwmodel.words.quantities import printable
from tests.sample_result import many_vfs_result, old_mapping, sample_relaxed, sample_result, unmeasured_result

pytestmark = pytest.mark.usefixtures("kept_figures")

VOID = {"meta", "br", "hr", "img", "link", "input", "wbr"}
LOADING = {"src", "href", "xlink:href", "data", "poster", "action", "srcset"}


class Page(HTMLParser):
    """Collects elements, ids, references and text; fails on a tag that is closed out of turn."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.texts: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.note(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        self.note(tag, attrs)

    def note(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in LOADING:
                self.loads.append(value)
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def text() -> str:
    return render_page([sample_result(drops={"SPOOFED_MAC": 3, "ACL_DENY": 12})], ["a run"])


@pytest.fixture(scope="module")
def page(text) -> Page:
    return Page(text)


def test_the_page_is_well_formed_and_ids_are_unique(text, page):
    assert text.startswith("<!DOCTYPE html>\n")
    assert page.tags.count("html") == page.tags.count("body") == page.tags.count("h1") == 1
    assert len(page.ids) == len(set(page.ids))


def test_every_reference_inside_the_page_is_met(text, page):
    wanted = set(re.findall(r"url\(#([^)]*)\)", text)) | {load[1:] for load in page.loads if load.startswith("#")}
    assert wanted
    assert wanted <= set(page.ids)


def test_nothing_is_loaded_from_anywhere(text, page):
    assert not re.search(r"https?://", text)
    assert "@import" not in text
    assert all(load.startswith(("#", "data:image/png;base64,", "data:application/yaml;")) for load in page.loads)
    assert not {"script", "link", "iframe", "object", "embed", "img"} & set(page.tags)


def test_the_answer_is_on_top_and_every_part_has_its_figure(text, page):
    words = " ".join(page.texts)
    modelled = "An 82599 adapter on PCIe Gen2 x4 (MPS 256 B) with 8 VFs, switched by its own bridge (VEB); VMs in pairs"
    answer = "13.39 ± 0.02 Gb/s VM to VM, 1.10 Mpps; latency, post to delivery: p50 3.70 ± <0.01 ms (the"
    limit = "Limited by pcie.up (100.0 % busy). The link toward the host is busy 100.0 % of the window"
    places = [words.index(text) for text in (modelled, answer, limit, "Throughput of each VM")]
    assert places == sorted(places)
    assert "each 1518 B frame costs 1809 B there" in words
    assert page.tags.count("svg") == 9 + 2  # the picture of the datapath stands there wide and narrow
    for axis in ("throughput, Gb/s", "latency, µs", "frames that take longer", "busy share of the window, %"):
        assert axis in text
    assert "waiting in a full Tx ring is in this figure" in words


def test_the_configuration_is_folded_and_runs_again(text):
    details = text[text.index("<summary>The file</summary>") :]
    written = unescape(re.search(r"<pre[^>]*>(.*)</pre>", details, re.DOTALL)[1])
    assert yaml.safe_load(written) == sample_result().config
    assert "<details open" not in text


def test_warnings_stand_right_under_the_answer():
    words = " ".join(Page(render_page([sample_result(warnings=("It <b>was</b> short.",))], ["a run"])).texts)
    assert words.index("Limited by") < words.index("It <b>was</b> short.") < words.index("How busy, or how full")


def test_the_keys_that_differ_from_the_defaults_are_listed():
    config = sample_result().config
    defaults = {**config, "pcie": {**config["pcie"], "lanes": 8}}
    page = Page(render_page([sample_result()], ["a run"], defaults=[defaults]))
    at = page.texts.index("Keys that differ from the defaults of the adapter and driver")
    assert [text for text in page.texts[at + 1 : at + 30] if text.strip()][:7] == [
        "key", "value", "default", "pcie.", "lanes", "4", "8"
    ]  # fmt: skip


def test_the_closed_form_the_parts_and_the_next_steps_are_shown(page):
    words = " ".join(" ".join(page.texts).split())
    assert "throughput 13.39 ± 0.02 Gb/s at most 13.39 Gb/s 0.0 %" in words
    assert "bytes a frame, up 1,809.0 B 1,809.0 B 0.0 %" in words
    assert "On average 85 % of the time from post to taken by the guest is the wait in the Tx ring." in words
    assert "One frame alone, as configured: 1518 B from vf0 to vf1" in words
    assert "256B → 512B 14.04 Gb/s +4.9 %" in words  # 1809 B against 1725 B


def test_what_explain_found_is_ranked_on_the_page():
    page = Page(render_page([sample_result(relaxed=sample_relaxed())], ["a run"]))
    assert page.tags.count("svg") == 9 + 2
    assert "gain in throughput, %" in page.texts
    assert "+99.5 %" in page.texts


def test_an_old_result_has_a_page():
    old = Result.from_json(json.dumps(old_mapping()))
    words = " ".join(Page(render_page([old], ["a run"])).texts)
    assert "13.39 Gb/s VM to VM, 1.10 Mpps" in words
    assert "1,809.0" in words
    assert "Simulation beside closed form" not in words
    assert "Where a frame's time goes" not in words


def test_what_was_not_measured_is_not_shown_as_zero():
    result = unmeasured_result()
    page = Page(render_page([result, result], ["run 1", "run 2"]))
    words = " ".join(page.texts)
    assert "Throughput VM to VM not measured" in words
    assert "Bytes on the PCIe link for each frame" not in words
    assert not re.search(r"\b0\.00 (Gb/s|Mpps)", words)


def test_the_page_is_the_same_twice_and_on_another_machine(text, kept_figures):
    kept_figures.clear()
    run = dataclasses.replace(sample_result().host_run, wall_s=77.0, machine="another", peak_rss_mb=9.0)
    again = sample_result(drops={"ACL_DENY": 12, "SPOOFED_MAC": 3}, host_run=run)
    assert render_page([again], ["a run"]) == text


def test_pages_do_not_depend_on_the_users_matplotlib_settings(text, kept_figures):
    import matplotlib as mpl

    kept_figures.clear()
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert render_page([sample_result(drops={"SPOOFED_MAC": 3, "ACL_DENY": 12})], ["a run"]) == text
        assert mpl.rcParams["font.size"] == 30


EVIL = "<script>alert(1)</script>"
NAMES = [
    EVIL,
    '"><img src=x onerror=alert(1)>',
    "$x^{$",
    "--><b>",
    "]]>",
    "\x1b[2J\x00",
    "日本語",
    "\ud800",
    "{{ 7*7 }}",
    "a" * 400,
]


def named(*names):
    """Return a result in which all that has a name has one of these, where there can be but one the first."""
    bottleneck = dataclasses.replace(sample_result().bottleneck, resource=names[0], why=names[0])
    return sample_result(
        vms=tuple(VmResult(name=name, tx_gbps=1.0, rx_gbps=1.0, rx_mpps=0.1, drops={name: 3}) for name in names),
        flows=tuple(FlowResult(from_=name, to=name, offered=1, delivered=1, gbps=1.0, mpps=0.1) for name in names),
        drops=dict.fromkeys(names, 4),
        config={name: name for name in names},
        config_hash=names[0],
        bottleneck=bottleneck,
        utilization=dict.fromkeys(names, 0.5),
        queues=dict.fromkeys(names, sample_result().queues["tx_ring"]),
        warnings=names,
        latency_histogram=(),
        latency_parts_ns={},
    )


def test_names_cannot_break_out(monkeypatch):
    monkeypatch.setattr(html, "MOST_FULL_SECTIONS", 1)  # the first has figures, with all names; they take the time
    text = render_page([named(*NAMES), *map(named, NAMES)], labels=["all", *NAMES])
    page = Page(text)
    assert not {"script", "img", "b"} & set(page.tags)
    assert page.handlers == []
    assert "\x1b" not in text
    assert "\x00" not in text
    shown = "".join(page.texts)
    assert [name for name in NAMES if printable(name) not in shown] == []
    text.encode("utf-8")


def test_a_script_in_a_flow_of_the_matrix_cannot_break_out():
    flows = tuple(
        FlowResult(from_=f"{EVIL}{index}", to=EVIL, offered=1, delivered=1, gbps=1.0, mpps=0.1) for index in range(30)
    )
    page = Page(render_page([sample_result(flows=flows)], ["a run"]))
    assert "script" not in page.tags
    assert any(EVIL[:12] in text for text in page.texts)


def test_4032_flows_stay_a_readable_page_below_two_megabytes():
    text = render_page([many_vfs_result(64)], ["a run"])
    assert len(text.encode()) < 2_000_000
    page = Page(text)
    assert "image" in page.tags
    assert "slowest and the fastest of 4032 flows" in " ".join(page.texts)
    assert page.tags.count("tr") < 250


def test_several_results_are_compared():
    slow = dataclasses.replace(sample_result().totals, gbps=2.5)
    results = [sample_result(), sample_result(totals=slow)]
    page = Page(render_page(results, labels=["lanes 4", "lanes 1"]))
    words = " ".join(page.texts)
    assert "What came out" in words
    assert "lanes 1" in words
    assert "2.50" in words
    assert page.loads.count("#r1") == 1
    assert len(page.ids) == len(set(page.ids))


def test_of_many_results_the_later_have_tables_alone(monkeypatch):
    monkeypatch.setattr(html, "MOST_FULL_SECTIONS", 1)
    page = Page(render_page([sample_result()] * 3, ["a run"] * 3))
    assert page.tags.count("svg") == 2 + 8 + 2
    assert " ".join(page.texts).count("Bytes on the PCIe link for each frame") == 3


def test_a_result_with_next_to_nothing_in_it_has_a_page():
    empty = dataclasses.replace(
        sample_result(),
        window=Window(start_ns=0.0, end_ns=0.0, vm_frames=0, wire_frames=0),
        vms=(),
        flows=(),
        latency_ns=Latency(),
        latency_from_doorbell_ns=Latency(),
        latency_histogram=(),
        latency_to_guest_ns=Latency(),
        sender_wait_ns=Latency(),
        latency_parts_ns={},
        queues={},
        stalls_ns=Stalls(),
        utilization={},
        config={},
    )
    page = Page(render_page([empty], ["a run"]))
    assert page.tags.count("svg") == 1 + 2
    assert "No frame was measured." in " ".join(page.texts)


@pytest.mark.parametrize(("module", "package"), [("matplotlib", "matplotlib"), ("jinja2", "Jinja2")])
def test_a_missing_package_is_told_with_the_cure(monkeypatch, kept_figures, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    html.template_environment.cache_clear()  # as in a process that has drawn no page
    kept_figures.clear()
    with pytest.raises(InputError) as caught:
        render_page([sample_result()], ["a run"])
    assert caught.value.lines == [
        f"the HTML report needs the package {package}, which is not installed (pip install 'hwmodel[report]')"
    ]


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        render_page([], [])
    with pytest.raises(ValueError, match="2 labels for 1 results"):
        render_page([sample_result()], labels=["a", "b"])
    with pytest.raises(ValueError, match="2 defaults for 1 results"):
        render_page([sample_result()], ["a run"], defaults=[None, None])


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(names=st.lists(st.text(max_size=12), min_size=1, max_size=3), rate=st.floats(min_value=0, max_value=1e4))
def test_any_names_give_a_well_formed_page(names, rate):
    vms = tuple(VmResult(name=name, tx_gbps=rate, rx_gbps=0.0, rx_mpps=0.0) for name in names)
    flows = tuple(FlowResult(from_=name, to="x", offered=0, delivered=0, gbps=rate, mpps=0.0) for name in names)
    result = sample_result(vms=vms, flows=flows, latency_histogram=(), latency_parts_ns={})
    assert "script" not in Page(render_page([result], ["a run"])).tags
