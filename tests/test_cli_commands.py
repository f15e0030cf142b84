"""Each command against the real library, on the configuration that `make demo` runs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml

import hwmodel
from hwmodel.cli import main
from hwmodel.words.link_alone import links_above_left_out
from tests.sample_result import sample_result

DEMO = str(Path(__file__).resolve().parent.parent / "configs" / "sriov_10g_gen2x4.yaml")
SHORT = ["--set", "run.duration=100us", "--set", "run.warmup=50us"]


def output_of(capsys, *argv: str) -> str:
    assert main(argv) == 0
    return capsys.readouterr().out


def json_of(capsys, *argv: str):
    return json.loads(output_of(capsys, *argv, "--json", "-"))


def test_check_prints_what_can_be_read_again(tmp_path, capsys):
    argv = ["check", DEMO, "--set", "pcie.lanes=8", "--set", "switch.ports.vf0.vlans=[1,2]"]
    as_yaml, as_json = output_of(capsys, *argv), output_of(capsys, *argv, "--json", "-")
    assert yaml.safe_load(as_yaml) == json.loads(as_json)
    for name, text in (("a.yaml", as_yaml), ("a.json", as_json)):
        (tmp_path / name).write_text(text, encoding="utf-8")
        again = json_of(capsys, "check", str(tmp_path / name))
        assert again == json.loads(as_json)
        assert again["pcie"]["lanes"] == 8
        assert again["switch"]["ports"][1]["vlans"] == [1, 2]


def test_check_reports_all_that_is_wrong(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    path.write_text("pcie:\n  lanez: 4\n  generation: 9\n", encoding="utf-8")
    assert main(["check", str(path), "--set", "run.seed=x"]) == 2
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert len(lines) == 3
    assert any(line.startswith(f"{path}:2:3: pcie.lanez: ") and "lanes" in line for line in lines)
    assert any(line.startswith(f"{path}:3:") and "pcie.generation" in line for line in lines)
    assert any("run.seed" in line for line in lines)


@pytest.mark.parametrize("command", ["run", "check", "limits", "dma"])
def test_a_missing_file_is_one_line(command, tmp_path, capsys):
    path = str(tmp_path / "none.yaml")
    assert main([command, path]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{path}: ") and error.count("\n") == 1


def test_limits_give_the_figures_of_the_hand_calculation(capsys):
    # Worked by hand in docs/datapath.md's terms: 1809 B up, 1719 B down, 16 Gb/s less SKP.
    found = json_of(capsys, "limits", DEMO)
    assert (found["up_bytes"], found["down_bytes"]) == (1809, 1719)
    assert found["gbps"] == pytest.approx(13.39, abs=0.005)
    assert found["limited_by"] == "up"
    text = output_of(capsys, "limits", DEMO)
    assert "1809" in text and "1719" in text and "13.39 Gb/s" in text


EVENTS = "scenario=[{at: 50us, reset: vf0}, {at: 60us, %s}]"


@pytest.mark.parametrize("command", ["check", "limits", "run"])
@pytest.mark.parametrize(
    ("event", "where"),
    [
        ("reset: vf9", "scenario.1.reset: no function is called 'vf9'"),
        ("set: {nic.tx_ring: 64}", "scenario.1.set.nic.tx_ring: fixed while the machine runs"),
    ],
)
def test_an_event_that_only_the_order_of_events_refuses_is_refused_by_each_command(command, event, where, capsys):
    assert main([command, DEMO, *SHORT, "--set", EVENTS % event]) == 2
    assert where in capsys.readouterr().err.splitlines()[-1]


def test_limits_of_the_published_model_with_and_without_its_defect(capsys):
    def up_bytes(*options: str) -> float:
        return json_of(capsys, "limits", DEMO, "--published", "simple", *options)["up_bytes"]

    # The defect leaves the Rx descriptor's read request of 24 B out.
    assert up_bytes("--without-defect") - up_bytes() == 24


def test_explain_prints_the_answer_and_a_table_and_stores_both(tmp_path, capsys):
    short = ["--set", "run.duration=5ms", "--set", "run.frames=2000", "--set", "nic.vfs=2", "--jobs", "1"]
    path = tmp_path / "r.json"
    text = output_of(capsys, "explain", DEMO, *short, "--json", str(path))
    assert text.startswith("pcie.up made larger (pcie.lanes: 4 -> 8) gains most: +")
    assert "The run itself names pcie.up too." in text.splitlines()[0] and "nic.tx_ring: 512 -> 1024" in text
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert stored["relaxed"][0]["resource"] == stored["bottleneck"]["resource"] == "pcie.up"
    assert stored["relaxed"][0]["is_bottleneck"] and stored["bottleneck"]["keys"] == ["pcie.lanes", "pcie.generation"]


def test_explain_refuses_a_number_of_jobs_that_is_none(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["explain", DEMO, "--jobs", "0"])
    assert "0 is out of range; 1 to 1000" in capsys.readouterr().err


def test_schema_is_json_on_stdout_and_in_a_file(tmp_path, capsys):
    text = output_of(capsys, "schema")
    assert {"pcie", "host", "nic", "driver", "switch", "port", "workload", "run"} <= set(json.loads(text)["properties"])
    assert output_of(capsys, "schema", "--json", str(tmp_path / "s.json")) == ""
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == text


def test_report_puts_stored_results_on_one_page(tmp_path, capsys):
    paths = [str(tmp_path / name) for name in ("narrow.json", "wide.json")]
    for path in paths:
        Path(path).write_text(sample_result().to_json(), encoding="utf-8")
    page = tmp_path / "page.html"
    merged = tmp_path / "merged.json"
    assert str(page) in output_of(capsys, "report", *paths, "--out", str(page), "--json", str(merged))
    text = page.read_text(encoding="utf-8")
    # The folder and the ending that all have are left out.
    assert '<a href="#r0">narrow</a>' in text and '<a href="#r1">wide</a>' in text
    assert json.loads(merged.read_text(encoding="utf-8")) == [json.loads(sample_result().to_json())] * 2


def test_report_leaves_out_a_configuration_that_could_not_be_run(tmp_path, capsys):
    stored, page = json.loads(sample_result().to_json()), tmp_path / "page.html"
    stored["config"]["host"] = 7
    (tmp_path / "r.json").write_text(json.dumps(stored), encoding="utf-8")
    assert main(["report", str(tmp_path / "r.json"), "--out", str(page)]) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"{tmp_path}/r.json: config: is no configuration of this hwmodel, so the page leaves it out")
    assert "pcie.up" in page.read_text(encoding="utf-8")


def test_report_names_all_bad_files_and_writes_no_page(tmp_path, capsys):
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    page = tmp_path / "page.html"
    assert main(["report", str(tmp_path / "bad.json"), str(tmp_path / "none.json"), "--out", str(page)]) == 2
    assert capsys.readouterr().err.count("\n") == 2
    assert not page.exists()


def test_run_writes_everything_that_it_is_asked_for(tmp_path, capsys):
    names = {option: tmp_path / f"r.{option}" for option in ("json", "report", "pcap")}
    options = [word for option, path in names.items() for word in (f"--{option}", str(path))]
    summary = output_of(capsys, "run", DEMO, *SHORT, "--seed", "5", *options)
    result = json.loads(names["json"].read_text(encoding="utf-8"))
    assert result["seed"] == 5
    assert result["totals"]["gbps"] is None and f"Warning: {result['warnings'][0]}" in summary
    page = names["report"].read_text(encoding="utf-8")
    assert f"<h1>{Path(DEMO).name}, {SHORT[1]}, {SHORT[3]}, run.seed=5</h1>" in page
    assert "Keys that differ from the defaults" in page
    # A classic pcap with nanoseconds, little endian, and a record for each delivered copy.
    assert names["pcap"].read_bytes()[:4] == bytes.fromhex("4d3cb2a1")
    assert names["pcap"].stat().st_size > 24


def test_run_and_python_give_the_same_result(capsys):
    found = json_of(capsys, "run", DEMO, *SHORT)
    config = hwmodel.load_config(DEMO, {"run.duration": "100us", "run.warmup": "50us"})
    expected = json.loads(hwmodel.simulate(config, with_next_steps=True).to_json())
    assert found.pop("host_run") and expected.pop("host_run")
    assert found == expected


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--order", "cyclic"], "--order: only with --window, like --window 16MiB"),
        (["--window", "0"], "--window 0: a window has at least 1 B"),
        (["--window", "1MiB,2MiB"], "--window 1MiB,2MiB: one window is enough; write it like 16MiB"),
    ],
)
def test_what_dma_would_not_heed_is_refused(options, line, capsys):
    assert main(["dma", str(DEMO), *options]) == 2
    assert capsys.readouterr().err == f"{line}\n"


def test_dma_reports_each_size_and_stays_below_the_raw_rate(capsys):
    rows = json_of(capsys, "dma", DEMO, "--sizes", "64,4KiB")
    assert [row["bytes"] for row in rows] == [64, 4096]
    for row in rows:
        assert 0 < row["read_gbps"] < 16 and 0 < row["write_gbps"] < 16
        assert row["read_latency_ns"]["p50"] >= 450
    table = output_of(capsys, "dma", DEMO, "--sizes", "64,4KiB")
    assert [line.split()[0] for line in table.splitlines()] == ["bytes", "64", "4096"]


@pytest.mark.parametrize(
    ("keys", "options", "note"),
    [
        ([], ["--window", "1MiB"], "--window: without host.cache and host.iotlb memory answers alike"),
        ([], ["--window", "1MiB", "--order", "cyclic"], "--window: without host.cache and host.iotlb"),
        (["host.cache={size: 128KiB}"], ["--window", "64KiB"], None),
        (["host.cache={size: 128KiB}"], ["--window", "64KiB", "--order", "cyclic"], "--order: without host.iotlb"),
        (["host.iotlb={entries: 64, miss: 330ns}"], ["--window", "1MiB", "--order", "cyclic"], None),
    ],
)
def test_what_of_a_window_plays_no_part_is_said_in_a_line_and_true(keys, options, note, capsys):
    """With the note the figures are those without what it names; without one they are others."""
    argv = ["dma", DEMO, "--sizes", "64", *(word for key in keys for word in ("--set", key))]
    unheeded = options[:2] if note is not None and note.startswith("--order") else []
    table, *said = output_of(capsys, *argv, *options).split("\n\n")
    assert [each.startswith(note or "none") for each in said] == [True] * (note is not None)
    assert (table.split() == output_of(capsys, *argv, *unheeded).split()) == (note is not None)


def test_a_transfer_that_does_not_fit_into_the_window_is_refused(capsys):
    argv = ["dma", DEMO, "--sizes", "64,4096", "--window", "64B", "--set", "host.cache={size: 64KiB}"]
    assert complaint_of(capsys, *argv) == "--window: a transfer of 4096 B does not fit into 64 B (--sizes)"
    (row,) = json_of(capsys, "dma", DEMO, "--sizes", "64", "--window", "64B")
    assert row["bytes"] == 64


ONE_LANE = ["--set", "servers.a.set.pcie.lanes=1", "--set", "servers.b.set.pcie.lanes=1"]


def complaint_of(capsys, *argv: str) -> str:
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    return captured.err.rstrip("\n")


def test_dma_of_several_servers_measures_the_link_of_the_named_one(capsys):
    """A write of 64 B takes 88 B of a Gen2 lane's 4 Gb/s, less SKP's 4 of 1538 symbols; the file's own block has x8."""
    argv = ["dma", "two_servers", "--sizes", "64", *ONE_LANE]
    assert complaint_of(capsys, *argv) == "of which server? --server says it (a, b)"
    assert complaint_of(capsys, *argv, "--server", "c") == "--server: no server is called 'c' (a, b)"
    (row,) = json_of(capsys, *argv, "--server", "a")
    by_hand = 4 * (1 - 4 / 1538) * 64 / 88
    assert (row["server"], row["write_gbps"]) == ("a", pytest.approx(by_hand, rel=1e-3))
    title, *table = output_of(capsys, *argv, "--server", "a").splitlines()
    assert title == "a: PCIe Gen2 x1, MPS 256 B, MRRS 512 B" and len(table) == 2


@pytest.mark.parametrize(
    ("config", "server", "lanes", "above"),
    [("pcie_tree", "a.x", 8, "a.s1"), ("pcie_tree", "a.z", 4, None), ("multi_root", "b", 8, "multi_root.b")],
)
def test_dma_says_whose_link_it_is_and_what_above_it_is_left_out(config, server, lanes, above, capsys):
    slot = ["--set", "servers.a.tree.slots.z.lanes=4"] if config == "pcie_tree" else []
    text = output_of(capsys, "dma", config, "--sizes", "64", "--server", server, *slot)
    assert text.startswith(f"{server}: PCIe Gen2 x{lanes}, ")
    assert float(text.splitlines()[2].split()[2]) == pytest.approx(lanes * 4 * (1 - 4 / 1538) * 64 / 88, rel=1e-3)
    said = "" if above is None else f"\n{links_above_left_out(server, [above])}\n"
    assert text.split("\n", 3)[3] == said
    assert above is None or f"as if it led to a root port: what is above it ({above}), " in said


def test_peers_are_named_without_a_server(capsys):
    argv = ["dma", "pcie_tree", "--peer", "a.x=a.y", "--server", "a.x"]
    assert complaint_of(capsys, *argv).startswith("--server: says whose link is measured alone; --peer names")


def test_the_published_model_is_of_one_link(capsys):
    argv = ["limits", "two_servers", "--published", "kernel", "--no-run", *ONE_LANE]
    assert complaint_of(capsys, *argv) == "of which server? --server says it (a, b)"
    assert output_of(capsys, *argv, "--server", "a").startswith("PCIe Gen2 x1, ")
    line = "--server: only with --published simple, kernel or dpdk"
    assert complaint_of(capsys, "limits", "two_servers", "--server", "a") == line
    bus = complaint_of(capsys, "limits", "pci_x_quad_port", "--published", "kernel", "--server", "a.p0")
    assert bus == "the published model is of a link, and the adapter is on a bus (pcie.bus)"


def test_flows_by_column_are_those_of_the_json_document(tmp_path, capsys):
    """The document of a run with --flows has all else."""
    apart, rest = tmp_path / "f.npz", tmp_path / "r.json"
    whole = json_of(capsys, "run", DEMO, *SHORT)
    output_of(capsys, "run", DEMO, *SHORT, "--flows", str(apart), "--json", str(rest))
    left = json.loads(rest.read_text(encoding="utf-8"))
    flows, _ = whole.pop("flows"), (whole.pop("host_run"), left.pop("host_run"))
    assert left == {**whole, "flows": []}
    with np.load(apart) as columns:
        found = {name: columns[name].tolist() for name in columns}
    latencies = [{f"latency_ns.{name}": each for name, each in flow.pop("latency_ns").items()} for flow in flows]
    rows = [{**flow, **latency} for flow, latency in zip(flows, latencies, strict=True)]
    assert len(rows) == 8
    assert list(found) == list(rows[0])
    for name, column in found.items():
        values = [math.nan if row[name] is None else row[name] for row in rows]
        assert column == (values if name in ("from", "to") else pytest.approx(values, rel=1e-12, abs=1e-9, nan_ok=True))
    assert "NaN" not in rest.read_text(encoding="utf-8")
    assert any(row["latency_ns.p999"] is None for row in rows)
