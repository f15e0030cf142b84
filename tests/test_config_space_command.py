"""`hwmodel config-space`: dumps, scripts with their answers, a scenario's events, servers, what is refused."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from hwmodel.cli import main
from hwmodel.cli.config_space_command import AS_OS

ROOT = Path(__file__).resolve().parent.parent
CONFIG = str(ROOT / "configs" / "sriov_10g_gen2x8.yaml")
SERVERS = str(ROOT / "configs" / "two_servers.yaml")
# An 82576, whose first four VFs come and go.
SCENARIO = """\
nic: {preset: "82576", vfs: 4}
workload: {pattern: pairs, frame_bytes: 1518}
run: {duration: 700ms}
scenario:
  - {at: 1ms, reset: vf1}
  - {at: 150ms, unplug: vf2}
  - {at: 160ms, plug: vf2}
  - {at: 300ms, enable_vfs: 0}
  - {at: 310ms, enable_vfs: 2}
  - {at: 500ms, reset: pf}
"""


def told(capsys, *argv: str) -> str:
    assert main(["config-space", *argv]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def document(capsys, *argv: str):
    return json.loads(told(capsys, *argv, "--json", "-"))


def script(folder: Path, text: str) -> str:
    path = folder / "accesses.txt"
    path.write_text(text, encoding="utf-8")
    return str(path)


def registers(functions, name: str) -> dict[str, int]:
    """Return some of a function's registers as they stand in a document."""
    (content,) = (bytes.fromhex(one["bytes"]) for one in functions if one["name"] == name)
    places = {"command": (0x04, 2), "bar": (0x10, 4), "msix": (0x72, 2), "control": (0x168, 2), "n_vfs": (0x170, 2)}
    return {key: int.from_bytes(content[at : at + n], "little") for key, (at, n) in places.items()}


class TestDump:
    def test_to_stdout_and_to_a_file(self, tmp_path, capsys):
        path = tmp_path / "functions.txt"
        assert told(capsys, CONFIG, "--out", str(path)) == ""
        text = path.read_text(encoding="utf-8")
        assert told(capsys, CONFIG) == text
        headings = [line for line in text.splitlines() if "Ethernet" in line]
        assert headings == [f"01:{place} Ethernet controller" for place in
                            ("00.0", "10.0", "10.2", "10.4", "10.6", "11.0", "11.2", "11.4", "11.6")]  # fmt: skip
        assert len(text.splitlines()) == 9 * (1 + 256) + 8

    def test_ids_of_vfs(self, capsys):
        as_os, as_hardware = (document(capsys, CONFIG, "--as", ids)["functions"] for ids in (AS_OS, "hardware"))
        assert document(capsys, CONFIG)["functions"] == as_os
        assert [one["name"] for one in as_os] == ["pf", *(f"vf{number}" for number in range(8))]
        assert as_os[0] == as_hardware[0]
        assert as_os[0]["bytes"][:8] == "8680fb10"
        for seen, raw in zip(as_os[1:], as_hardware[1:], strict=True):
            assert (seen["bytes"][:8], raw["bytes"][:8]) == ("8680ed10", "ffffffff")
            link = 2 * 0xB2  # the link's status is the PF's, to an operating system
            assert (seen["bytes"][link : link + 4], raw["bytes"][link : link + 4]) == ("8210", "0000")
            assert seen["bytes"][8:link] + seen["bytes"][link + 4 :] == raw["bytes"][8:link] + raw["bytes"][link + 4 :]

    def test_of_one_of_several_servers(self, tmp_path, capsys):
        path = tmp_path / "servers.yaml"
        path.write_text(
            "servers:\n"
            "  - {name: a, set: {nic: {preset: '82576', vfs: 2}}}\n"
            "  - {name: b, set: {nic: {preset: XL710, vfs: 4}}}\n"
            "workload: {pattern: to_wire}\n"
            "run: {duration: 400ms}\n"
            "scenario: [{at: 1ms, reset: a.vf1}, {at: 2ms, enable_vfs: 0, of: b}]\n",
            encoding="utf-8",
        )
        found = {}
        for name in "ab":
            found[name] = [one["name"] for one in document(capsys, str(path), "--server", name)["functions"]]
        assert found == {"a": ["pf", "vf0", "vf1"], "b": ["pf", "vf0", "vf1", "vf2", "vf3"]}
        a, b = (document(capsys, str(path), "--server", name, "--at", "3ms")["functions"] for name in "ab")
        assert [registers(a, name)["command"] for name in ("vf0", "vf1")] == [4, 0]
        assert [one["name"] for one in b] == ["pf"]


class TestAt:
    @pytest.fixture
    def at(self, tmp_path, capsys):
        path = tmp_path / "c.yaml"
        path.write_text(SCENARIO, encoding="utf-8")
        return lambda time, *more: document(capsys, str(path), "--at", time, *more)

    # Of each VF, in order: whether a driver has started it.
    @pytest.mark.parametrize(
        ("time", "expected"),
        [
            ("0ms", "++++"),
            ("999us", "++++"),
            ("1001us", "+-++"),
            ("101ms", "+-++"),  # reset, but its driver has still to ask the PF: 100 ms + 10 ms for RESET alone
            ("111ms", "+-++"),
            ("140ms", "++++"),
            ("151ms", "++-+"),
            ("161ms", "++-+"),
            ("290ms", "++++"),
            ("301ms", ""),
            ("311ms", ""),
            ("409ms", ""),  # VF Enable at 310 ms
            ("411ms", "--"),
            ("450ms", "++"),
            ("501ms", ""),
            ("650ms", ""),  # who resets a PF has to enable its VFs again
        ],
    )
    def test_which_functions_answer_and_run(self, time, expected, at):
        functions = at(time)["functions"]
        found = [registers(functions, one["name"]) for one in functions[1:]]
        assert {(one["command"] == 4, one["msix"] == 0x8002) for one in found} <= {(True, True), (False, False)}
        assert "".join("-+"[one["command"] == 4] for one in found) == expected

    @pytest.mark.parametrize(
        ("time", "n_vfs", "control"),
        [("299ms", 4, 0x19), ("305ms", 0, 0x10), ("315ms", 2, 0x19), ("510ms", 0, 0), ("650ms", 0, 0)],
    )
    def test_what_the_pf_says_of_its_vfs(self, time, n_vfs, control, at):
        found = registers(at(time)["functions"], "pf")
        assert (found["n_vfs"], found["control"]) == (n_vfs, control)

    def test_a_pf_has_its_ranges_again(self, at):
        before, reset, after = (registers(at(time)["functions"], "pf") for time in ("499ms", "501ms", "650ms"))
        assert (reset["command"], reset["bar"], reset["msix"]) == (0, 0, 9)
        assert after["bar"] == before["bar"] > 0
        assert after["command"] == before["command"] == 0x407

    def test_the_link_changes(self, tmp_path, capsys):
        path, reads = tmp_path / "c.yaml", script(tmp_path, "read pf 0xa8 2\nread pf 0xb2 2\n")
        events = "{at: 1ms, set: {pcie.lanes: 2}}, {at: 2ms, set: {pcie.max_read_request: 128B}}"
        path.write_text(f"nic: {{preset: '82599'}}\nrun: {{duration: 5ms}}\nscenario: [{events}]\n", encoding="utf-8")
        found = {}
        for time in ("0ms", "1ms", "3ms"):
            answers = document(capsys, str(path), "--at", time, "--script", reads)["answers"]
            found[time] = [one["value"] for one in answers]
            assert answers[0]["took_ns"] == pytest.approx(450 + 44 * (0.25 if time == "0ms" else 1), abs=0.2)
        assert found == {"0ms": [0x2830, 0x1082], "1ms": [0x2830, 0x1022], "3ms": [0x0830, 0x1022]}

    def test_a_script_goes_on_from_there(self, at, tmp_path):
        path = script(tmp_path, "read vf0 0x08 4\nwait 1ms\nread vf0 0x08 4\n")
        first, _, second = at("409200us", "--script", path)["answers"]
        assert (first["value"], second["value"]) == (0xFFFFFFFF, 0x02000001)
        assert first["at_ns"] == 409.2e6
        assert second["at_ns"] == 409.2e6 + first["took_ns"] + 1e6


class TestScript:
    # As the page says; with the time that each takes on Gen2 x8: 20 + 24 B, flight, latency.
    TEXT = """\
        read pf 0x16c 4              # InitialVFs, TotalVFs
        write pf 0x168 2 0           # VF Enable off

        write pf 0x170 2 4
        write pf 0x168 2 0x19
        read vf0 0 4
        write vf0 4 2 4
        wait 100ms
        read vf0 0 4
        read vf0 0x04 2
        write vf0 4 1 0xff
        read vf4 4 1
    """
    SAID = """\
        read pf 0x16c 4 -> 0x00400040
        write pf 0x168 2 0x0000 -> 0x0010
        write pf 0x170 2 0x0004 -> 0x0004
        write pf 0x168 2 0x0019 -> 0x0019
        read vf0 0x000 4 -> 0xffffffff, does not answer
        write vf0 0x004 2 0x0004 -> 0xffff, does not answer
        wait 100ms
        read vf0 0x000 4 -> 0xffffffff
        read vf0 0x004 2 -> 0x0000
        write vf0 0x004 1 0xff -> 0x04
        read vf4 0x004 1 -> 0xff, does not answer
    """

    def test_answers(self, tmp_path, capsys):
        said = told(capsys, CONFIG, "--script", script(tmp_path, self.TEXT)).splitlines()
        assert [line.partition(" (")[0] for line in said] == [line.strip() for line in self.SAID.splitlines()[:11]]
        assert all(re.search(r" \(46[01]\.0 ns\)$", line) for line in said if not line.startswith("wait"))

    def test_the_document(self, tmp_path, capsys):
        found = document(capsys, CONFIG, "--script", script(tmp_path, self.TEXT))
        answers = found["answers"]
        assert [one["name"] for one in found["functions"]] == ["pf", "vf0", "vf1", "vf2", "vf3"]
        assert [one["value"] for one in answers[:3]] == [0x00400040, 0x10, 4]
        assert answers[6]["value"] is None and answers[6]["took_ns"] == 100e6
        assert answers[0]["at_ns"] == 0
        for one, following in pairwise(answers):
            assert following["at_ns"] == pytest.approx(one["at_ns"] + one["took_ns"], abs=1e-5)

    def test_the_dump_is_of_what_it_leaves(self, tmp_path, capsys):
        path, out = script(tmp_path, "write pf 0x168 2 0\nwrite pf 0x3c 1 9\n"), tmp_path / "functions.txt"
        assert len(told(capsys, CONFIG, "--script", path, "--out", str(out)).splitlines()) == 2
        text = out.read_text(encoding="utf-8")
        assert text.count("Ethernet") == 1
        assert "\n30: 00 00 c0 ff 40 00 00 00 00 00 00 00 09 01 00 00\n" in text


VFS_AT_THE_END = """\
write pf 0x168 2 0
write pf 0x184 4 0xfffe0000
write pf 0x188 4 0xffffffff
write pf 0x170 2 {}
write pf 0x168 2 0x19
"""
# Of a script's text: the line that is wrong, and what is said of it.
REFUSED = [
    ("read qf 0 4", 1, "no function is called 'qf' (pf, or vf0 to vf63)"),
    ("read vf01 0 4", 1, "no function is called 'vf01' (pf, or vf0 to vf63)"),
    ("wait 1ms\nread vf64 0 4", 2, "vf64: the 82599 has 64 VFs at most (vf0 to vf63)"),
    ("write vf64 0 4 0", 1, "vf64: the 82599 has 64 VFs at most (vf0 to vf63)"),
    ("write pf 0x168 2 0\nwrite pf 0x170 2 65", 2, "NumVFs 65 is more than TotalVFs, 64"),
    (
        "write pf 0x168 2 0\nwrite pf 0x170 2 64\nread pf 0x170 2\nwrite pf 0x168 2 1",
        4,
        "VF Enable with NumVFs 64: beside the PF's driver 63 VFs of the 82599 work, though TotalVFs is 64 "
        "(Linux limits sriov_numvfs so)",
    ),
    ("write pf 0x170 4 0x48", 1, "NumVFs 72 is more than TotalVFs, 64"),
    ("write pf 0x171 1 1", 1, "NumVFs 264 is more than TotalVFs, 64"),
    (VFS_AT_THE_END.format(9), 5, "VF BAR 0 at 0xfffffffffffe0000: 9 VFs of 16KiB end behind the last address"),
    ("read pf 0x1000 4", 1, "offset 0x1000 is not in the 4 KiB of configuration space"),
    ("write pf 0xffe 4 0", 1, "offset 0xffe is not in the 4 KiB of configuration space"),
    ("read pf 0 8", 1, "8 B cannot be accessed at once (1, 2 or 4)"),
    ("read pf 0 0", 1, "0 B cannot be accessed at once (1, 2 or 4)"),
    ("read vf0 2 4", 1, "offset 0x2 is not aligned to the 4 B of the access"),
    ("write pf 3 2 0", 1, "offset 0x3 is not aligned to the 2 B of the access"),
    ("write pf 4 1 0x100", 1, "the value 0x100 has more than 1 B"),
    ("write pf 4 1 -1", 1, "VALUE is -1, which is less than 0"),
    ("peek pf 0 4", 1, "no access is called 'peek' (read, write, raise, wait)"),
    ("# a\n\nread pf 4", 3, "read takes 3 words, not 2 (read FUNCTION OFFSET BYTES)"),
    ("write pf 4 1", 1, "write takes 4 words, not 3 (write FUNCTION OFFSET BYTES VALUE)"),
    ("wait", 1, "wait takes 1 word, not 0 (wait TIME)"),
    ("read pf four 1", 1, "OFFSET is 'four', which is no whole number (as 12 or 0x0c)"),
    ("wait 3", 1, "'3' has no unit; write a time like 500ns"),
    ("wait -3ms", 1, "'-3ms' is negative; a time is 0 or more"),
]


class TestRefused:
    def refused(self, capsys, tmp_path, *argv: str) -> list[str]:
        """Return the lines that a command ends with, which has said and written nothing else."""
        before = sorted(tmp_path.iterdir())
        outputs = ["--out", str(tmp_path / "functions.txt"), "--json", str(tmp_path / "answers.json")]
        assert main(["config-space", *outputs, *argv]) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and sorted(tmp_path.iterdir()) == before
        return captured.err.splitlines()

    @pytest.mark.parametrize(("text", "line", "message"), REFUSED)
    def test_a_line_of_a_script(self, text, line, message, tmp_path, capsys):
        path = script(tmp_path, text)
        assert self.refused(capsys, tmp_path, CONFIG, "--script", path) == [f"{path}:{line}: {message}"]

    def test_all_lines_that_cannot_be_read(self, tmp_path, capsys):
        path = script(tmp_path, "peek\nread pf 0 4\nread pf\nwait long\n")
        found = self.refused(capsys, tmp_path, CONFIG, "--script", path)
        assert [line.partition(": ")[0] for line in found] == [f"{path}:{number}" for number in (1, 3, 4)]

    def test_ranges_that_just_fit_and_vfs_that_are_not_there(self, tmp_path, capsys):
        path = script(tmp_path, VFS_AT_THE_END.format(8) + "wait 100ms\nread vf8 0 4\nread vf63 0 4\n")
        *_, first, second = told(capsys, CONFIG, "--script", path).splitlines()
        assert first.startswith("read vf8 0x000 4 -> 0xffffffff, does not answer")
        assert second.startswith("read vf63 0x000 4 -> 0xffffffff, does not answer")

    def test_a_byte_order_mark_is_no_part_of_a_script(self, tmp_path, capsys):
        path = tmp_path / "script"
        path.write_text("read pf 0 4\n", encoding="utf-8-sig")
        assert told(capsys, CONFIG, "--script", str(path)).startswith("read pf 0x000 4 -> 0x")

    def test_a_script_that_cannot_be_read(self, tmp_path, capsys):
        binary = tmp_path / "binary"
        binary.write_bytes(b"read pf 0 4\n\xff\xfe\x00")
        for path, why in (
            (str(tmp_path / "none"), "No such file or directory"),
            (str(tmp_path), "Is a directory"),
            (str(binary), "it is no text in UTF-8"),
        ):
            assert self.refused(capsys, tmp_path, CONFIG, "--script", path) == [f"{path}: cannot be read: {why}"]

    def test_a_script_that_would_be_overwritten(self, tmp_path, capsys):
        path = script(tmp_path, "read pf 0 4")
        (line,) = self.refused(capsys, tmp_path, CONFIG, "--script", path, "--out", path)
        assert line == f"{path}: --out: is {path} too, which would be overwritten"

    def test_servers(self, tmp_path, capsys):
        for config, argv, message in (
            (SERVERS, [], "of which server? --server says it (a, b)"),
            (SERVERS, ["--server", "c"], "--server: no server is called 'c' (a, b)"),
            (CONFIG, ["--server", "a"], "--server: no server is called 'a' (there is one adapter, which has no name)"),
        ):
            assert self.refused(capsys, tmp_path, config, *argv) == [message]

    def test_an_event_that_cannot_be(self, tmp_path, capsys):
        path = tmp_path / "c.yaml"
        path.write_text(SCENARIO.replace("enable_vfs: 2", "enable_vfs: 5"), encoding="utf-8")
        (line,) = self.refused(capsys, tmp_path, str(path), "--at", "1us")
        assert line.startswith(f"{path}:9:29: scenario.4.enable_vfs: NumVFs 5 is above the 4 (nic.vfs)")

    @pytest.mark.parametrize("argv", [["--at", "3"], ["--as", "root"], ["--at=-3ms"]])
    def test_options(self, argv, tmp_path, capsys):
        with pytest.raises(SystemExit) as ended:
            self.refused(capsys, tmp_path, CONFIG, *argv)
        assert ended.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1
