"""How the page of a run says that it is made again: a file that gives the same configuration, a command that parses."""

from __future__ import annotations

import base64
import dataclasses
import shlex

import pytest
import yaml

from hwmodel.cli.arguments import build_parser
from hwmodel.config import load_config
from hwmodel.report import render_page
from hwmodel.report.comparison import compare
from hwmodel.report.reproduction import NOT_RECORDED, of_result
from hwmodel.results import HostRun, Relaxed
from tests.sample_result import sample_result

pytestmark = pytest.mark.usefixtures("kept_figures")


def made(**changes):
    return of_result(sample_result(**changes), "mine.yaml, pcie.lanes=8")


def test_the_file_gives_the_configuration_again():
    config = load_config("sriov_10g_gen2x4", {"pcie.lanes": 8})
    again = of_result(sample_result(config=config.resolved()), "mine.yaml, pcie.lanes=8")
    text = base64.b64decode(again.link.uri.partition("base64,")[2]).decode()
    assert load_config(yaml.safe_load(text)).config_hash() == config.config_hash()
    assert again.file == text


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, "run"),
        ({"relaxed": (Relaxed(resource="pcie.up", change="pcie.lanes: 4 -> 8", gbps=1.0, gain=0.1),)}, "explain"),
    ],
)
def test_the_command_is_that_of_the_figures(changes, command):
    words = shlex.split(made(**changes).command)
    assert words[:3] == ["hwmodel", command, "mine.yaml"]
    assert build_parser().parse_args(words[1:]).report == "mine.html"


def test_the_model_is_named_and_nothing_of_the_machine():
    run = HostRun(wall_s=1.0, versions={"hwmodel": "0.1.0", "model": "0.1.0+abc", "numpy": "9.9.9"}, machine="a board")
    page = render_page([sample_result(host_run=run)], ["mine.yaml"]).replace("<wbr>", "")
    assert "0.1.0+abc" in page and "9.9.9" not in page and "a board" not in page
    old = made(host_run=dataclasses.replace(run, versions={})).facts.rows
    assert old[0] == ["model", NOT_RECORDED]
    assert made(host_run=None).facts.rows[0] == ["model", NOT_RECORDED]


def test_a_page_of_several_results_makes_each_again_and_has_its_assumptions_once():
    page = render_page([sample_result(), sample_result(seed=2)], ["one", "two"])
    assert page.count(">How to make it again</h3>") == 2
    assert page.count("<h2>Assumptions</h2>") == 1


def test_results_differ_in_what_was_written_and_what_follows_stands_apart():
    narrow = load_config("sriov_10g_gen2x4").resolved()
    other = load_config("sriov_10g_gen2x4", {"nic.preset": "X540", "nic.vfs": 4, "workload.load": 0.5}).resolved()
    results = [sample_result(config=narrow), sample_result(config=other)]
    from hwmodel.config import defaults_beside

    found = compare(results, ["a", "b"], ["r0", "r1"], [defaults_beside(one.config) for one in results])
    written = {row[0] for one in found["differences"] for row in one.rows}
    following = {row[0] for one in found["following"] for row in one.rows}
    assert {"nic.preset", "nic.vfs", "workload.load"} <= written and len(written) < 8
    assert "nic.rx_buffer" in following and not written & following
    assert any(key.startswith("switch.ports.vf4 to vf7.") for key in following), "stations that are alike are one row"
