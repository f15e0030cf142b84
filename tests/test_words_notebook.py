"""What a notebook shows: well-formed, self-contained, escaped, with the figures of the records."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree

import pytest

import hwmodel
from hwmodel.analytic.limits_text import limits_html
from hwmodel.config import config_from_mapping
from hwmodel.results.notebook import html_table, paragraph, result_html
from hwmodel.results.series import EventResult, Series
from tests.sample_result import many_vfs_result, sample_relaxed, sample_result, unmeasured_result
from tests.sample_system import extended_system

# What makes a browser fetch something, or run something.
ACTIVE = {"script", "link", "img", "iframe", "object", "embed", "style", "svg", "video", "audio", "base", "meta"}


def tree_of(text: str) -> ElementTree.Element:
    """Parse a fragment, which is written as XML would be, and see that it loads and runs nothing."""
    tree = ElementTree.fromstring(text)
    for element in tree.iter():
        assert element.tag not in ACTIVE
        assert set(element.attrib) <= {"class", "style"} and "url" not in element.get("style", "")
    return tree


def rows_of(tree: ElementTree.Element, number: int) -> list[list[str]]:
    return [[cell.text or "" for cell in row] for row in tree.findall("table")[number].iter("tr")]


def words_of(tree: ElementTree.Element) -> str:
    return " ".join(tree.itertext())


def test_a_result_shows_its_answer_first_then_latencies_and_vms():
    result = sample_result()
    tree = tree_of(result._repr_html_())
    answer = tree[0][0]
    assert answer.tag == "strong"
    # 22,054 frames of 1518 B in 20 ms: 13.39 Gb/s, by the sample's own arithmetic.
    assert "13.39" in (answer.text or "") and "pcie.up" in (answer.text or "")
    assert tree[1].text == result.bottleneck.why
    latency, vms = rows_of(tree, 0), rows_of(tree, 1)
    assert latency[0] == ["latency", "p50", "p99", "p99.9", "mean", "max"]
    assert [row[0] for row in latency[1:]][:2] == ["post to delivery", "post to taken by the guest"]
    assert [row[0] for row in vms] == ["VM", *(vm.name for vm in result.vms)]
    assert [float(row[2]) for row in vms[1:]] == pytest.approx([vm.rx_gbps for vm in result.vms], abs=5e-4)
    assert result.config_hash in words_of(tree)


def test_warnings_and_missing_figures_are_said():
    tree = tree_of(result_html(sample_result(warnings=("the window is <short>",))))
    assert "Warning: the window is <short>" in words_of(tree)
    assert "not measured" in words_of(tree_of(result_html(unmeasured_result())))


def test_many_vms_are_cut_short_with_a_word_of_how_many():
    tree = tree_of(result_html(many_vfs_result(64)))
    vms = rows_of(tree, len(tree.findall("table")) - 1)
    assert len(vms) == 1 + 16
    assert "and 48 more VMs" in words_of(tree)


def test_several_servers_have_a_form_too():
    system = extended_system()
    assert all(one.name in words_of(tree_of(system._repr_html_())) for one in system.adapters)


def test_what_explain_found_stands_below():
    relaxed = sample_relaxed()
    without, with_it = tree_of(result_html(sample_result())), tree_of(result_html(sample_result(relaxed=relaxed)))
    assert len(with_it.findall("table")) == len(without.findall("table")) + 1
    assert [row[1] for row in rows_of(with_it, 2)[1:]] == [one.change for one in relaxed]


def test_limits_show_the_ceiling_and_every_resource():
    found = hwmodel.limits(config_from_mapping({"pcie": {"lanes": 4}, "nic": {"vfs": 4}}))
    tree = tree_of(found._repr_html_())
    assert found._repr_html_() == limits_html(found)
    assert f"{found.gbps:.2f} Gb/s" in (tree[0][0].text or "")
    assert [row[0] for row in rows_of(tree, 0)[1:]] == [ceiling.resource for ceiling in found.ceilings]


def test_names_cannot_break_out():
    assert tree_of(paragraph("<b>&\x1b[0m</b>")).text == r"<b>&\x1b[0m</b>"
    assert paragraph("") == ""
    cells = tree_of(html_table(("a", "b"), [("<i>", "1")], left_columns=(0,))).iter("td")
    assert [(cell.text, cell.get("style")) for cell in cells] == [
        ("<i>", "text-align: left"),
        ("1", "text-align: right"),
    ]


def test_showing_a_result_needs_no_extra_and_no_report_and_making_one_no_words():
    script = (
        "import sys\n"
        "sys.modules['jinja2'] = sys.modules['matplotlib'] = None\n"
        "from tests.sample_result import sample_result\n"
        "result = sample_result()\n"
        "assert not {'hwmodel.results.notebook', 'hwmodel.results.summary'} & set(sys.modules)\n"
        "assert '<table>' in result._repr_html_()\n"
        "assert not any(name.startswith('hwmodel.report') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_the_events_of_a_scenario_are_told():
    events = (EventResult(at_ns=0.0, event="a <b>", did="done"), EventResult(at_ns=2e6, event="reset vf5", did="gone"))
    found = sample_result(series=Series(interval_ns=1e5, events=events))
    words = ["".join(one.itertext()) for one in tree_of(result_html(found)).iter("p")]
    assert {"At the start, a <b>: done.", "At 2.00 ms reset vf5: gone."} <= set(words)
