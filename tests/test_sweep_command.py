"""`hwmodel sweep`: what it prints, what it leaves, and its exit statuses."""

from __future__ import annotations

import html
import json
import re
import shlex
from dataclasses import replace

import pytest

from hwmodel.cli import main
from hwmodel.cli.study_commands import sweep as sweep_command
from hwmodel.explore.sweep import load_sweep, point_run
from hwmodel.explore.sweep import run as run_module
from hwmodel.report import SWEEP_SUMMARY_FIGURES, sweep_text
from hwmodel.report.sweep.answer import answer_sentence, more_sentences
from hwmodel.report.sweep.page import best_rows, whole_file
from hwmodel.report.sweep.reading import read_sweep_result
from hwmodel.report.sweep.result import SweepResult
from hwmodel.results.explored import SweepAxis, SweepRow
from tests.config_cases import CONFIGS
from tests.sweep_cases import instead_of_a_run, written

KEPT = ("results.csv", "results.parquet", "ledger.sqlite")
PCAP = CONFIGS / "example.pcap"
TEXT = "base: base.yaml\ngrid: {pcie.lanes: [1, 2, 4]}\nseeds: 2\n"


@pytest.fixture(autouse=True)
def _made_up_runs(monkeypatch):
    monkeypatch.setattr(point_run, "simulate", instead_of_a_run)
    monkeypatch.setattr(run_module, "fill_cache", lambda entries: None)


def test_one_run_is_announced_as_one(tmp_path, capsys):
    sweep = written(tmp_path, "base: base.yaml\ngrid: {pcie.lanes: [1]}\n")
    assert main(["sweep", str(sweep), "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
    assert capsys.readouterr().err == "sweep.yaml: 1 run (1 pcie.lanes)\n"


def test_a_sweep_with_failures_ends_with_3_and_says_them(tmp_path, capsys):
    sweep, out = written(tmp_path, TEXT), tmp_path / "new" / "out"
    assert main(["sweep", str(sweep), "--out", str(out), "--jobs", "1"]) == 3
    said, noted = capsys.readouterr()
    assert noted == "sweep.yaml: 6 runs (3 pcie.lanes, 2 seeds)\n"
    assert said.startswith("sweep.yaml: 5 of 6 runs done, 1 failed; 6 of them now, in ")
    assert "Most throughput: 5.52 (13.4 to 13.4) Gb/s with pcie.lanes=4; limited by pcie.up\n" in said
    assert "  pcie.lanes=4, seed 2: four lanes and an even seed\n" in said
    assert f"Results: {out}/results.csv, {out}/results.parquet, {out}/ledger.sqlite\n" in said
    assert main(["sweep", str(sweep), "--out", str(out), "--jobs", "1"]) == 3
    assert "nothing was missing" in capsys.readouterr().out


def test_all_done_is_0_and_json_goes_to_stdout_alone(tmp_path, capsys):
    sweep = written(tmp_path, TEXT)
    arguments = ["sweep", str(sweep), "--out", str(tmp_path / "out"), "--set", "run.seed=1", "--jobs", "1"]
    assert main([*arguments, "--json", "-", "--set", "nic.rx_ring=64"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert [point["status"] for point in found["points"]] == ["done"] * 5 + ["failed"]
    assert found["points"][0]["figures"]["totals.gbps"] == 2.518
    assert found["axes"] == [{"key": "pcie.lanes", "values": [1, 2, 4]}]
    assert found["base"]["nic"]["rx_ring"] == 64
    few = written(tmp_path, "base: base.yaml\ngrid: {pcie.lanes: [1, 2]}\n", "few.yaml")
    assert main(["sweep", str(few), "--out", str(tmp_path / "few"), "--jobs", "1"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bad.yaml", "--out", "out"], "bad.yaml:2:8: grid.pcie.lans: unknown key (did you mean lanes?)"),
        (["none.yaml", "--out", "out"], "none.yaml: no such file"),
        (["many.yaml", "--out", "out"], "many.yaml:1:1: 1,000,000 runs; --yes lets more than 100,000 begin"),
        (["sweep.yaml", "--out", "out", "--jobs", "2", "--scheduler", "tcp://x:1"], "--jobs: not with --scheduler"),
        (["sweep.yaml", "--out", "base.yaml"], "base.yaml: --out: cannot be used: File exists"),
        (["sweep.yaml", "--out", "out", "--json", "sweep.yaml"], "sweep.yaml: --json: is sweep.yaml too"),
    ],
)
def test_a_bad_sweep_is_a_line_and_leaves_nothing(arguments, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, TEXT)
    written(tmp_path, "base: base.yaml\ngrid: {pcie.lans: [1]}\n", "bad.yaml")
    axis = "{from: 8, to: 1007, step: 1}"
    written(tmp_path, f"base: base.yaml\ngrid: {{nic.rx_ring: {axis}, nic.tx_ring: {axis}}}\n", "many.yaml")
    assert main(["sweep", *arguments]) == 2
    out, complaint = capsys.readouterr()
    assert out == "" and complaint.count("\n") == 1 and complaint.startswith(said)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--json", "--report"])
@pytest.mark.parametrize("name", ["base.yaml", "sweep.yaml", "sent.pcap", *(f"out/{file}" for file in KEPT)])
def test_what_a_sweep_reads_and_keeps_is_not_overwritten(option, name, tmp_path, capsys):
    (tmp_path / "sent.pcap").write_bytes(PCAP.read_bytes())
    captures = "{nic.vfs: 4, workload: {pcap: sent.pcap, pattern: null, frame_bytes: null}}"
    sweep = written(tmp_path, f"base: base.yaml\nset: {captures}\ngrid: {{pcie.lanes: [1, 2]}}\n")
    arguments = ["sweep", str(sweep), "--out", str(tmp_path / "out"), "--jobs", "1"]
    assert main(arguments) == 3  # made-up runs know no captures
    capsys.readouterr()
    before = (tmp_path / name).read_bytes()
    assert main([*arguments, option, str(tmp_path / name)]) == 2
    assert capsys.readouterr().err.startswith(f"{tmp_path / name}: {option}: is ")
    if name.startswith("out/"):
        page = {"--json": ["--out", str(tmp_path / "page.html"), "--json"], "--report": ["--out"]}[option]
        assert main(["report", str(tmp_path / "out"), *page, str(tmp_path / name)]) == 2
        assert "would be overwritten" in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == before


def test_the_command_on_a_page_makes_it_again_in_an_empty_folder(tmp_path, monkeypatch):
    sweep = written(tmp_path, TEXT.replace("4]", "8]"))
    page = tmp_path / "page.html"
    assert main(["sweep", str(sweep), "--out", str(tmp_path / "out"), "--jobs", "1", "--report", str(page)]) == 0
    command = shlex.split(html.unescape(re.search(r'<pre class="command">(.*?)</pre>', page.read_text())[1]))
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    (empty / sweep.name).write_text(whole_file(load_sweep(tmp_path / "out")))
    assert main([*command[1:], "--jobs", "1"]) == 0
    assert (empty / command[-1]).read_bytes() == page.read_bytes()


def test_a_scheduler_that_is_not_there_is_a_line(tmp_path, capsys):
    pytest.importorskip("distributed")
    sweep = written(tmp_path, TEXT)
    assert main(["sweep", str(sweep), "--out", str(tmp_path / "out"), "--scheduler", "nonsense://x"]) == 2
    assert (
        capsys.readouterr().err.splitlines()[-1].startswith("--scheduler nonsense://x: no Dask scheduler answers there")
    )


def found(rows, **more):
    base = {
        "name": "s.yaml",
        "folder": "",
        "sweep_hash": "",
        "model_version": "",
        "source": {},
        "base": {},
        "config": {},
    }
    return SweepResult(
        **(base | {"n_seeds": 1, "axes": (SweepAxis(key="a.b", values=("1us", "2us")),), "rows": rows} | more)
    )


def row(number, status="done", seed=1, **figures):
    values = {name.replace("__", "."): value for name, value in figures.items()}
    return SweepRow(
        number=number, config_hash="", seed=seed, status=status, error="why" if status == "failed" else "",
        axes={"a.b": f"{number + 1}us"}, figures=values,
    )  # fmt: skip


def test_the_summary_names_the_best_by_the_mean_of_seeds():
    rows = (
        row(0, totals__gbps=1.0, latency_ns__p99=3000.0, bottleneck__resource="pcie.up"),
        row(0, seed=2, totals__gbps=5.0, latency_ns__p99=5000.0, bottleneck__resource="wire.tx"),
        row(1, totals__gbps=2.0, latency_ns__p99=None, bottleneck__resource="pcie.up"),
        row(1, "failed", seed=2),
    )
    text = sweep_text(found(rows, n_seeds=2), ["x.csv"], 1.0, 4)
    assert "Most throughput: 3.00 (0 to 28.4) Gb/s with a.b=1us; limited by pcie.up, wire.tx" in text
    # Of the second point no p99 is known, which may be less.
    assert "Least latency (among 1 of 2 points; the other's window is too short for a p99): p99 4.00 us with" in text
    assert "Limited by: pcie.up in 2 runs, wire.tx in 1 run\n" in text
    assert text.splitlines()[-1] == "Results: x.csv"


def test_long_values_of_an_axis_are_told_apart_in_the_table():
    """Events of a scenario that begin with the same long key, and one that does not."""
    events = [{"switch.ports.vf0.rate_limit": "100Mbps"}, {"switch.ports.vf0.rate_limit": "200Mbps"},
              {"host.virtual_switch.bond.silent": ["p0"]}]  # fmt: skip
    rows = [replace(row(at, totals__gbps=1.0 + at), axes={"scenario.0.set": each}) for at, each in enumerate(events)]
    axes = (SweepAxis(key="scenario.0.set", values=tuple(events)),)
    lines = sweep_text(found(rows, axes=axes), ["x.csv"], 1.0, 3).splitlines()
    cells = [line.strip().partition("  ")[0] for line in lines if line.strip().startswith("{")]
    assert cells == ['{"switch...."100Mbps"}', '{"switch...."200Mbps"}', '{"host.virtual_switch.bond....']


def test_seeds_that_change_nothing_leave_a_run_its_own_interval():
    """12.706 * 2.828 / sqrt(2) = 25.41 of 1 and 5 above; of equal figures Student's t would be nothing."""
    ends = {"intervals__totals__gbps__low": 1.0, "intervals__totals__gbps__high": 3.0}
    rows = tuple(row(0, seed=seed, totals__gbps=2.0, **ends) for seed in (1, 2))
    assert "\nThroughput: 2.00 +/- 1.00 Gb/s with a.b=1us; limited" in sweep_text(
        found(rows, n_seeds=2), ["x.csv"], 1.0, 2
    )


def test_the_summary_says_how_sure_a_run_is_and_what_it_warns_of():
    ends = {"intervals__totals__gbps__low": 1.9, "intervals__totals__gbps__high": 2.2}
    known = {"totals__gbps": 2.0, "latency_ns__p99": 9e3, "bottleneck__resource": "pcie.up"}
    rows = (row(0, **known, **ends, warnings="The window is short."), row(1, **known, warnings=""))
    text = sweep_text(found(rows, n_seeds=1), ["x.csv"], 1.0, 2)
    assert "Most throughput: 2.00 +/- 0.20 Gb/s with a.b=1us; limited by pcie.up\n" in text
    assert "1 run has warnings, in the column warnings; a.b=1us: The window is short.\n" in text
    rates = {"totals.gbps", "wire.tx_gbps"}
    ends = {f"intervals.{name}.{end}" for name in rates for end in ("low", "high")}
    one_each = {"totals.mpps", "latency_ns.p99", "bottleneck.resource", "warnings"}
    assert set(SWEEP_SUMMARY_FIGURES) == one_each | rates | ends
    assert sweep_command.__module__ == "hwmodel.cli.study_commands"


def test_of_points_that_tie_summary_and_page_name_the_same():
    """The same throughput three times: the second and third have less latency, and the third costs less."""
    known = {"totals__gbps": 2.0, "bottleneck__resource": "pcie.up"}
    rows = [row(n, **known, latency_ns__p99=p99) for n, p99 in enumerate((9e3, 5e3, 5e3))]
    rows = tuple(replace(one, cost=cost) for one, cost in zip(rows, (1.0, 3.0, 2.5), strict=True))
    sweep = found(rows, axes=(SweepAxis(key="a.b", values=("1us", "2us", "3us")),))
    text = sweep_text(sweep, [], 1.0, 3)
    assert "Most throughput: 2.00 Gb/s with a.b=3us (cost 2.5); limited by pcie.up" in text
    assert "Least latency: p99 5.00 us with a.b=3us (cost 2.5)" in text
    reading = read_sweep_result(sweep)
    assert "Most throughput: 2.00 Gb/s to VMs, with a.b=3us (cost 2.5)" in answer_sentence(reading)
    assert not any("Least latency" in one for one in more_sentences(reading))  # it is the same point
    assert best_rows(reading, 1).rows[0][1] == "3us"


def test_the_best_of_those_that_have_a_rate_is_not_said_to_be_the_best_of_all():
    rows = [row(n, totals__gbps=gbps, bottleneck__resource="pcie.up") for n, gbps in enumerate((2.0, None, 3.0))]
    sweep = found(tuple(rows), axes=(SweepAxis(key="a.b", values=("1us", "2us", "3us")),))
    which = "Most throughput (among 2 of 3 points; the other's window is too short for rates): 3.00 Gb/s"
    assert f"{which} with a.b=3us" in sweep_text(sweep, [], 1.0, 3)
    assert f"{which} to VMs, with a.b=3us" in answer_sentence(read_sweep_result(sweep))


def test_the_summary_shows_what_costs_buy():
    """2 and 3 Gb/s cost more than 1; 2.5 for the price of 3 buys nothing."""
    figures = zip((1.0, 2.0, 2.5, 3.0), (4.0, 8.0, 1200000.5, 1200000.5), strict=True)
    rows = [(row(n, totals__gbps=gbps, bottleneck__resource="pcie.up"), cost) for n, (gbps, cost) in enumerate(figures)]
    sweep = found(
        tuple(replace(one, cost=cost) for one, cost in rows),
        axes=(SweepAxis(key="a.b", values=("1us", "2us", "3us", "4us")),),
    )
    front = sweep_text(sweep, [], 1.0, 4).split("Nothing costs less and gives as much:\n")[1].split("\n\n")[0]
    assert [line.split() for line in front.splitlines()] == [
        ["cost", "Gb/s", "a.b", "limited", "by"],
        ["4", "1.000", "1us", "pcie.up"],
        ["8", "2.000", "2us", "pcie.up"],
        ["1,200,000.5", "3.000", "4us", "pcie.up"],
    ]


def test_the_summary_of_what_goes_to_the_wire_says_so():
    rows = tuple(row(n, totals__gbps=0.0, wire__tx_gbps=9.0 - n, bottleneck__resource="wire.tx") for n in range(2))
    text = sweep_text(found(rows), [], 1.0, 2)
    assert "Most throughput: 9.00 Gb/s to the wire with a.b=1us; limited by wire.tx" in text


def test_the_summary_of_many_failures_names_a_few():
    text = sweep_text(found(tuple(row(number, "failed") for number in range(40))), [], 1.0, 40)
    assert text.count(": why") == 8 and "and 32 more, in the column error" in text


@pytest.mark.parametrize(
    ("values", "unit", "numbers"),
    [
        (("256B", "1KiB"), "B", (256, 1024)),
        (("1us", "500ns"), "ns", (1000, 500)),
        (("4500us", "6ms", "5.5ms"), "ms", (4.5, 6, 5.5)),
        (("0us", "50us", "2ms"), "us", (0, 50, 2000)),
        (("0ns",), "fs", (0,)),
        (("2KiB", "128KiB"), "KiB", (2, 128)),
        (("500Mbps", "2Gbps"), "Mbps", (500, 2000)),
        (("1Gbps", "2.5Gbps"), "Gbps", (1, 2.5)),
        (("20ppm", "100ppm"), "ppm", (20, 100)),
        ((1, 2.5), "", (1, 2.5)),
        (("1us", 2), "", None),
        ((None, 2), "", None),
        (("auto",), "", None),
        ((True, False), "", None),
        ((), "", None),
    ],
)
def test_axes_are_numbers_where_they_can_be(values, unit, numbers):
    axis = SweepAxis(key="a", values=values)
    assert (axis.unit, axis.numbers) == (unit, numbers)
