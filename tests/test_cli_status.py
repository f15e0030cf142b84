"""How `main` ends: exit statuses, what stderr says, and what is left behind. The library is replaced by a stand-in."""

from __future__ import annotations

import json
import sys
from functools import partial
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from hwmodel.cli import main
from hwmodel.config.run import MAX_SEED
from hwmodel.errors import InputError, Interrupted, RunError

RESULT_JSON = '{"schema_version": 1}\n'


class StandIn:
    """Stands for config, simulation and report; `failure` is raised where a run would be."""

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self.overrides: list[str] = []
        self.pcap_path: object = "not called"
        self.with_next_steps: object = "not called"
        self.labels: object = "not called"
        self.notice: list[str] = []

    def load_config(self, path, overrides):
        self.overrides = list(overrides)
        return SimpleNamespace(resolved=lambda: {"run": {"seed": 1}})

    def simulate(self, config, *, progress, pcap_path, with_next_steps, **options):
        assert progress is None, "stderr is no terminal here"
        self.pcap_path, self.with_next_steps = pcap_path, with_next_steps
        if self.failure is not None:
            raise self.failure
        return SimpleNamespace(to_json=lambda: RESULT_JSON, config={})

    def render_page(self, results, labels, *, defaults):
        assert (len(results), defaults) == (1, ["what is usual"])
        self.labels = labels
        return "<p>page</p>"


@pytest.fixture
def library(monkeypatch) -> StandIn:
    stand_in = StandIn()
    contents = {
        "config": {
            "read_base": lambda path: SimpleNamespace(
                with_overrides=partial(stand_in.load_config, path),
                files=lambda overrides: [],
                place_lines=lambda overrides, lines: lines,
            ),
            "defaults_beside": lambda resolved: "what is usual",
        },
        "simulation": {
            "simulate": stand_in.simulate,
            "entries_of": lambda config: (),
            "announce_compilation": lambda entries, say: [say(line) for line in stand_in.notice],
        },
        "report": {"render_page": stand_in.render_page},
        "results.summary": {"print_summary": lambda result, verbose: print("SUMMARY")},
    }
    for name, attributes in contents.items():
        module = ModuleType(f"hwmodel.{name}")
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, f"hwmodel.{name}", module)
        monkeypatch.setattr(f"hwmodel.{name}", module, raising=False)
    return stand_in


def test_a_run_prints_a_summary_and_writes_its_files(library, tmp_path, capsys):
    json_path, page_path = tmp_path / "r.json", tmp_path / "r.html"
    argv = ["run", "c.yaml", "--set", "pcie.lanes=8", "--seed", str(MAX_SEED), "--pcap", str(tmp_path / "r.pcap")]
    assert main([*argv, "--json", str(json_path), "--report", str(page_path)]) == 0
    assert capsys.readouterr() == ("SUMMARY\n", "")
    assert json_path.read_text() == RESULT_JSON
    assert page_path.read_text() == "<p>page</p>"
    assert library.overrides == ["pcie.lanes=8", f"run.seed={MAX_SEED}"]
    assert library.labels == [f"c.yaml, pcie.lanes=8, run.seed={MAX_SEED}"]
    assert library.pcap_path == str(tmp_path / "r.pcap")
    assert library.with_next_steps is True  # what is kept says what larger designs would give


def test_json_on_stdout_stands_alone(library, capsys):
    assert main(["run", "c.yaml", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema_version": 1}


def test_the_first_run_says_that_it_compiles_and_where_to(library, capsys):
    library.notice = ["/full: is full", "compiling ..."]
    assert main(["run", "c.yaml", "--json", "-"]) == 0
    captured = capsys.readouterr()
    assert captured.out == RESULT_JSON
    assert [line.split()[0] for line in captured.err.splitlines()] == ["/full:", "compiling"]


@pytest.mark.parametrize(
    ("failure", "status", "stderr"),
    [
        (InputError(["c.yaml:1:2: pcie.lanes: a", "c.yaml:3:4: pcie.tags: b"]), 2, 2),
        (RunError("the event queue is full"), 1, 1),
        (OSError(28, "No space left on device"), 1, 1),
        (MemoryError(), 1, 1),
        (KeyboardInterrupt(), 130, 1),
        (ZeroDivisionError("division by zero"), 1, 2),
        (BrokenPipeError(), 1, 0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_a_failure_is_a_status_and_a_few_lines(failure, status, stderr, library, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("HWMODEL_DEBUG", raising=False)
    old = tmp_path / "r.json"
    old.write_text("old")
    library.failure = failure
    assert main(["run", "c.yaml", "--json", str(old), "--report", str(tmp_path / "r.html")]) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == stderr
    assert "Traceback" not in captured.err
    assert str(failure) in captured.err or isinstance(failure, KeyboardInterrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]
    assert old.read_text() == "old"


def test_an_interrupted_run_keeps_its_figures(library, tmp_path, capsys):
    library.failure = Interrupted(SimpleNamespace(to_json=lambda: RESULT_JSON, config={}))
    files = [tmp_path / "r.json", tmp_path / "r.html"]
    assert main(["run", "c.yaml", "--json", str(files[0]), "--report", str(files[1])]) == 130
    assert capsys.readouterr() == (
        "SUMMARY\n", "hwmodel: interrupted; the figures are those of the part that was measured\n"
    )  # fmt: skip
    assert [path.read_text() for path in files] == [RESULT_JSON, "<p>page</p>"]
    others = ["--trace", str(tmp_path / "t.json"), "--pcap-hop", f"uplink={tmp_path / 'up.pcapng'}"]
    assert main(["run", "c.yaml", *others]) == 130
    assert f"measured; not written: {others[1]}, {tmp_path / 'up.pcapng'}\n" in capsys.readouterr().err


def test_an_interrupted_run_that_has_all_its_window_has_its_files(library, tmp_path, capsys):
    library.failure = Interrupted(SimpleNamespace(to_json=lambda: RESULT_JSON, config={}), "the window is whole")
    assert main(["run", "c.yaml", "--trace", str(tmp_path / "t.json")]) == 130
    assert capsys.readouterr() == ("SUMMARY\n", "hwmodel: interrupted; the window is whole\n")


def test_a_run_interrupted_before_its_window_has_none(library, tmp_path, capsys):
    library.failure = Interrupted()
    assert main(["run", "c.yaml", "--json", str(tmp_path / "r.json")]) == 130
    complaint = "hwmodel: interrupted; no result was written: nothing had been measured\n"
    assert capsys.readouterr() == ("", complaint)
    assert list(tmp_path.iterdir()) == []


def test_what_one_of_several_runs_had_measured_is_not_said_to_be_told(library, tmp_path, capsys, monkeypatch):
    def interrupted(*_arguments, **_more):
        raise Interrupted(SimpleNamespace(to_json=lambda: RESULT_JSON, config={}), "the window is whole")

    explore = ModuleType("hwmodel.explore")
    explore.explain = interrupted
    monkeypatch.setitem(sys.modules, "hwmodel.explore", explore)
    monkeypatch.setattr("hwmodel.explore", explore, raising=False)
    assert main(["explain", "c.yaml", "--json", str(tmp_path / "r.json")]) == 130
    assert capsys.readouterr() == ("", "hwmodel: interrupted; no result was written\n")
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_fails_leaves_the_figures(library, tmp_path, capsys, monkeypatch):
    def fail(*_arguments, **_more):
        raise RunError("no page")

    monkeypatch.setattr(sys.modules["hwmodel.report"], "render_page", fail)
    files = [tmp_path / "r.json", tmp_path / "r.html"]
    assert main(["run", "c.yaml", "--json", str(files[0]), "--report", str(files[1])]) == 1
    assert capsys.readouterr() == ("SUMMARY\n", "hwmodel: no page\n")
    assert [path.exists() for path in files] == [True, False]


def test_a_page_on_stdout_stands_alone(library, capsys):
    assert main(["run", "c.yaml", "--report", "-"]) == 0
    assert capsys.readouterr().out == "<p>page</p>"


def test_input_errors_are_printed_as_they_are(library, capsys):
    library.failure = InputError(["c.yaml:1:2: pcie.lanes: a", "c.yaml:3:4: pcie.tags: b"])
    main(["run", "c.yaml"])
    assert capsys.readouterr().err == "c.yaml:1:2: pcie.lanes: a\nc.yaml:3:4: pcie.tags: b\n"


def test_debug_shows_where_a_fault_happened(library, monkeypatch):
    monkeypatch.setenv("HWMODEL_DEBUG", "1")
    library.failure = ZeroDivisionError("division by zero")
    with pytest.raises(ZeroDivisionError):
        main(["run", "c.yaml"])


def test_debug_leaves_bad_input_a_line(library, monkeypatch, capsys):
    monkeypatch.setenv("HWMODEL_DEBUG", "1")
    library.failure = InputError("c.yaml:1:1: x: y")
    assert main(["run", "c.yaml"]) == 2
    assert capsys.readouterr().err == "c.yaml:1:1: x: y\n"


def test_a_bad_output_is_found_before_the_run(library, tmp_path, capsys):
    library.failure = AssertionError("the run must not start")
    assert main(["run", "c.yaml", "--json", str(tmp_path / "no" / "r.json")]) == 2
    assert library.pcap_path == "not called"
    assert capsys.readouterr().err.count("\n") == 1


def test_a_page_without_its_packages_is_refused_before_the_run(library, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jinja2" else object())
    library.failure = AssertionError("the run must not start")
    assert main(["run", "c.yaml", "--report", str(tmp_path / "r.html")]) == 1
    assert "hwmodel[report]" in capsys.readouterr().err


def test_a_defect_to_leave_out_needs_a_published_model(library, capsys):
    assert main(["limits", "c.yaml", "--without-defect"]) == 2
    assert "--published" in capsys.readouterr().err


def test_what_memory_lacks_is_said_in_one_line_without_the_fields_of_an_array(library, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("HWMODEL_DEBUG", raising=False)
    with pytest.raises(MemoryError) as of_numpy:
        np.zeros(1 << 52, np.dtype([(f"field_{at}", np.int64) for at in range(50)]))
    assert "field_49" in str(of_numpy.value)
    library.failure = of_numpy.value
    assert main(["run", str(tmp_path / "c.yaml")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("hwmodel: out of memory: 1.56 EiB at once are more than there is; ") and len(line) < 150
