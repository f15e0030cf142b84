"""The nine ways of telling the network side by side, and what the page shows of VMs that are started."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from hwmodel import load_config, simulate
from hwmodel.cli import main
from hwmodel.config import Config
from hwmodel.config.control import ControlWay
from hwmodel.errors import InputError
from hwmodel.explore import compare_control
from hwmodel.explore.control_ways import WAYS
from hwmodel.report import render_page
from hwmodel.report.control_pictures import arrows_of, sequence_note
from hwmodel.results.control_comparison import COLUMNS, ControlComparison, sentence, way_rows
from hwmodel.results.result import Result
from tests.control_cases import system


def config_of(**control: object) -> Config:
    return load_config(system(vm_start="100ms", network_manager={"poll": "5s"}, **control), {"run.duration": "6s"})


@pytest.fixture(scope="module")
def found() -> ControlComparison:
    return compare_control(config_of())


def test_all_nine_stand_side_by_side_with_what_a_run_of_each_alone_says(found: ControlComparison) -> None:
    assert tuple(way.way for way in found.ways) == WAYS == get_args(ControlWay)
    assert len(WAYS) == 9
    for way in found.ways:
        alone = simulate(config_of(way=way.way)).control
        assert alone is not None
        (vm,) = alone.vms
        assert vm.served_ns is not None and vm.ordered_ns is not None
        assert (way.served, way.ready_mean_ns) == (1, vm.served_ns - vm.ordered_ns)
        assert (way.lost_frames, way.bytes, way.needless_vlans) == (vm.lost_frames, alone.bytes, alone.needless_vlans)


def test_the_sentence_names_who_loses_least_and_who_is_soonest_of_these(found: ControlComparison) -> None:
    lost = {way.way: way.lost_frames for way in found.ways}
    ready = {way.way: way.ready_mean_ns or 0.0 for way in found.ways}
    best = [way for way in WAYS if lost[way] == min(lost.values())]
    told = sentence(found)
    assert (
        told.startswith(f"{best[0]}") and f"of these {min(best, key=ready.__getitem__)} has ports ready soonest" in told
    )
    assert f"polling loses most, {lost['polling']} frames" in told
    assert "trunks has most VLANs on ports that need none" in told
    rows = way_rows(found)
    assert [row[0] for row in rows] == [*WAYS] and {len(row) for row in rows} == {len(COLUMNS)}


def test_a_way_that_cannot_be_is_left_out_with_the_reason() -> None:
    without = load_config(system(), {"run.duration": "2s"})  # nobody says how often to ask
    left_out = {one.way: one.reason for one in compare_control(without).left_out}
    assert list(left_out) == ["polling"] and "control.network_manager.poll" in left_out["polling"]


def test_without_anybody_who_is_started_there_is_nothing_to_compare() -> None:
    with pytest.raises(InputError, match="nobody is started"):
        compare_control(load_config({}))


def test_the_command_prints_the_sentence_and_the_table(tmp_path, capsys) -> None:
    path, out = tmp_path / "c.json", tmp_path / "found.json"
    path.write_text(json.dumps(system(network_manager={"poll": "1s"}) | {"run": {"warmup": "0ns", "duration": "2s"}}))
    assert main(["compare", str(path), "--control", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "has ports ready soonest" in printed and "needless VLANs" in printed
    assert [way["way"] for way in json.loads(out.read_text())["ways"]] == [*WAYS]
    assert main(["compare", str(path), "--control", "--over", "lanes"]) == 2
    assert "not with --control" in capsys.readouterr().err


def test_a_page_has_each_vms_course_and_who_told_whom() -> None:
    result = simulate(config_of(way="vdp"))
    assert result.control is not None
    page = render_page([result], ["a"])
    assert "From the order until the network knows them" in page and "Who told whom" in page
    said = [(one.sender, one.receiver) for one in arrows_of(result)]
    assert said == [
        ("vm_manager", "hypervisor_a"), ("hypervisor_a", "vdp_a"), ("vdp_a", "switch"), ("switch", "vdp_a"),
        ("switch", "vdp_a"), ("vdp_a", "switch"), ("network_manager", "vm_manager"), ("vm_manager", "network_manager"),
    ]  # fmt: skip
    assert sequence_note(result).startswith("Times are")
    read = Result.from_json(result.to_json()).control
    assert read is not None and (read.vms, read.messages) == (result.control.vms, result.control.messages)


def test_a_page_of_the_ways_begins_with_the_answer(found: ControlComparison) -> None:
    page = render_page([*found.results.values()], [*found.results], ways=found)
    assert "ways of telling the network side by side" in page and "needless VLANs" in page
