"""`hwmodel switch` as users type it: output, errors of one line, exit statuses, and nothing half-written."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cocotb_tests.bench_switch import (
    BROADCAST,
    OUTSIDE,
    c_tag,
    frame,
)
from hwmodel.cli import main
from hwmodel.cli.outputs import STDOUT, check_out_folder, text_output
from hwmodel.config import load_config
from hwmodel.errors import InputError
from hwmodel.simulation.run import kernel_cache
from hwmodel.simulation.run.kernel_cache import SWITCH_ENTRIES, fill_cache
from hwmodel.switch_frames import forward_frames
from tests.run_cases import read_capture, write_capture
from tests.switch_cases import config_path, timed

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs"
SENT = [frame("vf1", "vf0"), frame("vf1", "vf2"), frame(BROADCAST, "vf0", c_tag(0, 3)), frame("vf1", OUTSIDE)]


@pytest.fixture(scope="module", autouse=True)
def kernels_on_disk():
    """Compile before: the command tells on stderr when it has to."""
    fill_cache(SWITCH_ENTRIES)


@pytest.fixture
def files(tmp_path):
    """Give the first arguments: a configuration and a capture."""
    capture = write_capture(tmp_path / "in.pcap", timed(SENT))
    return ["switch", str(config_path(tmp_path, {})), "--in", str(capture), "--in-port"]


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


def complaint(capsys, *argv):
    """Run a command that must refuse its input; give its one line."""
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("\n") and captured.err.count("\n") == 1
    return captured.err.rstrip("\n")


def test_a_table_with_totals(files, capsys):
    assert main([*files, "vf0"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert captured.err == ""
    assert [line.split()[0] for line in lines[:5]] == ["No.", "1", "2", "3", "4"]
    assert [line.split("- ")[-1].strip() for line in lines[1:3]] == ["vf1: as is", "dropped: SPOOFED_MAC"]
    assert lines[3].endswith("C 0 p3                 uplink, pf, vf1-vf3: -C")
    assert lines[5:] == [
        "",
        "4 frames: 2 delivered, 2 dropped",
        "dropped: SPOOFED_MAC 2",
        "copies, 6: uplink 1, pf 1, vf1 2, vf2 1, vf3 1",
    ]
    assert main([*files, "vf0", "--summary"]) == 0
    assert capsys.readouterr().out.splitlines() == lines[6:]


def test_json_alone_on_stdout_and_the_same_in_a_file(files, tmp_path, capsys):
    assert main([*files, "vf0", "--json", "-"]) == 0
    text = capsys.readouterr().out
    assert main([*files, "vf0", "--json", str(tmp_path / "r.json")]) == 0
    assert (tmp_path / "r.json").read_text(encoding="utf-8") == text
    assert "SPOOFED_MAC 2" in capsys.readouterr().out, "with a file the table is on stdout"
    untagged = (SENT[2][:12] + SENT[2][16:]).hex()
    assert json.loads(text) == [
        {
            "frame": 0,
            "vlan": 1,
            "priority": 0,
            "deliver": [{"port": "vf1", "hex": SENT[0].hex()}],
            "mirrored": [],
            "drop": None,
        },
        {"frame": 1, "deliver": [], "drop": "SPOOFED_MAC"},
        {
            "frame": 2,
            "vlan": 1,
            "priority": 3,
            "deliver": [{"port": name, "hex": untagged} for name in ("uplink", "pf", "vf1", "vf2", "vf3")],
            "mirrored": [],
            "drop": None,
        },
        {"frame": 3, "deliver": [], "drop": "SPOOFED_MAC"},
    ]


def test_auto_names_the_port_of_each_frame(files, capsys):
    assert main([*files, "auto", "--json", "-"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["in_port"] for entry in entries] == ["vf0", "vf2", "vf0", "uplink"]
    assert {entry["drop"] for entry in entries} == {None}


def test_overrides_change_the_switch(files, capsys):
    assert main([*files, "vf0", "--json", "-", "--set", "switch.mode=vn_tag", "--set", "switch.ports.vf0.vif=9"]) == 0
    (copy,) = json.loads(capsys.readouterr().out)[0]["deliver"]
    assert copy == {"port": "uplink", "hex": (SENT[0][:12] + bytes.fromhex("892600000009") + SENT[0][12:]).hex()}


def test_a_list_that_the_mode_never_asks_is_told(files, capsys):
    denies = ["--set", "switch.acl=[{action: deny}]"]
    assert main([*files, "vf0", *denies]) == 0
    assert "ACL_DENY" in (said := capsys.readouterr()).out and not said.err
    assert main([*files, "vf0", *denies, "--set", "switch.mode=e_tag"]) == 0
    said = capsys.readouterr()
    assert "ACL_DENY" not in said.out and said.err.startswith("Warning: In mode e_tag") and said.err.count("\n") == 1


def test_captures_come_into_a_folder_that_is_made_or_there(files, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        assert main([*files, "vf0", "--out", str(out)]) == 0
        assert left_in(out) == ["pf.pcap", "uplink.pcap", "vf0.pcap", "vf1.pcap", "vf2.pcap", "vf3.pcap"]
        assert read_capture(out / "vf1.pcap") == [
            (timed(SENT)[0][0], SENT[0]),
            (timed(SENT)[2][0], SENT[2][:12] + SENT[2][16:]),
        ]
    (out / "notes.txt").write_text("mine")
    assert main([*files, "vf3", "--out", str(out)]) == 0
    assert (out / "notes.txt").read_text() == "mine"
    assert [read_capture(out / f"{name}.pcap") for name in ("uplink", "vf1")] == [[], []], "vf3 sent none of these"


def test_an_empty_capture_is_no_error(files, tmp_path, capsys):
    write_capture(tmp_path / "in.pcap", [])
    assert main([*files, "auto", "--json", "-"]) == 0
    assert capsys.readouterr().out == "[]\n"
    assert main([*files, "auto", "--summary"]) == 0
    assert capsys.readouterr().out == "0 frames: 0 delivered, 0 dropped\n"


# ---- Bad input: one line, status 2, nothing written. ----


def test_an_unknown_port(files, capsys):
    line = complaint(capsys, *files, "vf7")
    assert line.startswith("--in-port vf7: ") and "uplink, pf, vf0 to vf3 and auto" in line


def test_a_port_without_a_name_is_shown_as_such(files, capsys):
    assert complaint(capsys, *files, "").startswith("--in-port '': there is no such port; ")


def test_options_that_must_be_there(files, capsys):
    for argv, words in ((files[:4], "--in-port"), ([*files[:2], "--in-port", "vf0"], "--in")):
        with pytest.raises(SystemExit) as caught:
            main(argv)
        assert caught.value.code == 2
        captured = capsys.readouterr()
        assert captured.out == "" and captured.err.count("\n") == 1 and words in captured.err


PCAP_HEADER = bytes.fromhex("4d3cb2a1 0200 0400 00000000 00000000 00000400 01000000")


def damaged_captures():
    whole = PCAP_HEADER + b"".join(
        b"".join(number.to_bytes(4, "little") for number in (1, index, len(raw), len(raw))) + raw
        for index, raw in enumerate(SENT)
    )
    # Records of 76 B behind a header of 24 B.
    yield "raw link type", whole[:20] + (101).to_bytes(4, "little") + whole[24:], ["link type 101", "Ethernet"]
    yield "cut in data", whole[:-1], ["truncated", "3 frames were read", "offset 327 inside the data of frame 3"]
    yield "cut in a header", whole[: 24 + 76 + 5], ["truncated", "1 frame was read", "offset 105 inside the header"]
    yield "cut in the file header", whole[:23], ["truncated", "0 frames were read", "offset 23 inside the file header"]
    yield "pcapng", bytes.fromhex("0a0d0d0a") + bytes(24), ["pcapng", "editcap"]
    yield "text", b"not a capture, but text", ["is no pcap file"]
    yield "nothing", b"", []
    snapped = bytearray(whole[: 24 + 16 + 13])
    snapped[24 + 8 : 24 + 12] = (13).to_bytes(4, "little")
    yield (
        "cut in a frame's header",
        bytes(snapped),
        ["frame 0 (No. 1 in Wireshark) holds 13 of 60 bytes", "snapshot length"],
    )


@pytest.mark.parametrize(("content", "words"), [each[1:] for each in damaged_captures()], ids=[
    each[0] for each in damaged_captures()
])  # fmt: skip
def test_a_capture_that_is_damaged(content, words, files, tmp_path, capsys):
    path = tmp_path / "in.pcap"
    path.write_bytes(content)
    before = left_in(tmp_path)
    line = complaint(capsys, *files, "vf0", "--out", str(tmp_path / "out"), "--json", str(tmp_path / "r.json"))
    assert line.startswith(f"{path}: ")
    assert all(word in line for word in words), line
    assert left_in(tmp_path) == before
    assert complaint(capsys, *files, "vf0", "--json", "-") == line, "and nothing of the frames before on stdout"


def test_a_capture_that_is_not_there_is_found_before_anything_is_compiled(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(kernel_cache, "CACHE_DIR", tmp_path / "no cache")
    line = complaint(capsys, *files[:2], "--in", str(tmp_path / "none.pcap"), "--in-port", "vf0")
    assert line == f"{tmp_path / 'none.pcap'}: cannot be read: No such file or directory"


def test_a_configuration_that_is_wrong(files, capsys):
    line = complaint(capsys, *files, "vf0", "--set", "switch.mode=vebb")
    assert "switch.mode" in line and "veb" in line


def test_outputs_that_cannot_be_written(files, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    before = left_in(tmp_path)
    for out, words in (
        ("file", "is not a folder"),
        ("no/out", "there is no folder"),
        ("file/out", "file is a file, not"),
    ):
        path = str(tmp_path / out)
        line = complaint(capsys, *files, "vf0", "--out", path)
        assert line.startswith(f"{path}: --out: ") and words in line
    assert "is a folder" in complaint(capsys, *files, "vf0", "--json", str(tmp_path))
    assert left_in(tmp_path) == before


def test_a_folder_without_permission(tmp_path, monkeypatch):
    # os.access is replaced because root, as whom tests may run, may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(tmp_path))
    for folder in (tmp_path, tmp_path / "new"):
        with pytest.raises(InputError) as refusal:
            check_out_folder(str(folder), [str(folder / "vf0.pcap")], inputs=[])
        assert f"no file may be made in {tmp_path}" in refusal.value.lines[0]


def test_inputs_are_not_overwritten(tmp_path, capsys):
    """The capture may lie in the folder under another port's name, as the output of an earlier call does."""
    config = config_path(tmp_path, {})
    capture = write_capture(tmp_path / "vf2.pcap", timed(SENT))
    content = capture.read_bytes()
    argv = ["switch", str(config), "--in", str(capture), "--in-port", "vf0", "--out", str(tmp_path)]
    assert "would be overwritten" in complaint(capsys, *argv)
    assert left_in(tmp_path) == ["switch.yaml", "vf2.pcap"]
    assert capture.read_bytes() == content
    argv[-1] = str(tmp_path / "out")
    (tmp_path / "out").mkdir()
    assert "would be overwritten" in complaint(capsys, *argv, "--json", str(tmp_path / "out" / "pf.pcap"))
    assert left_in(tmp_path / "out") == []


# ---- Text that waits for the end. ----


@pytest.mark.parametrize("path", [STDOUT, "file"])
def test_text_appears_at_the_end_or_not_at_all(path, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt), text_output(path) as write:
        write("one\n")
        raise KeyboardInterrupt
    assert (capsys.readouterr().out, left_in(tmp_path)) == ("", [])
    with text_output(path) as write:
        write("µ\n")
        assert (capsys.readouterr().out, [name for name in left_in(tmp_path) if name == "file"]) == ("", [])
        write("two\n")
    text = capsys.readouterr().out if path == STDOUT else (tmp_path / "file").read_text(encoding="utf-8")
    assert text == "µ\ntwo\n"


def test_without_a_path_no_text_is_asked_for():
    with text_output(None) as write:
        assert write is None


# ---- As processes. ----

INTERRUPTED = """
import os, signal, sys
from hwmodel.switch_frames import decide
whole = decide.FrameSwitch.decide
def interrupted(self, block):
    if block.first_frame > 0:
        os.kill(os.getpid(), signal.SIGINT)
    return whole(self, block)
decide.FrameSwitch.decide = interrupted
from hwmodel.cli import main
from hwmodel.simulation.run.kernel_cache import SWITCH_ENTRIES, fill_cache
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_leaves_nothing(files, tmp_path):
    """It comes in the middle, when every file has some frames already."""
    write_capture(tmp_path / "in.pcap", timed(SENT * 3000))
    before = left_in(tmp_path)
    argv = [*files, "vf0", "--out", str(tmp_path / "out"), "--json", str(tmp_path / "r.json")]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, *argv], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr.count("\n") == 1 and "interrupted" in done.stderr
    assert left_in(tmp_path) == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_capture_may_come_through_a_pipe(files, tmp_path):
    """As from `zcat frames.pcap.gz |`; the beginning is looked at but once."""
    argv = [*files[:3], "/dev/stdin", "--in-port", "vf0", "--json", "-"]
    command = [sys.executable, "-m", "hwmodel", *argv]
    content = (tmp_path / "in.pcap").read_bytes()
    done = subprocess.run(command, cwd=ROOT, input=content, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [entry["drop"] for entry in json.loads(done.stdout)] == [None, "SPOOFED_MAC", None, "SPOOFED_MAC"]


@pytest.mark.slow
@pytest.mark.nightly  # each run's notice is looked at in test_simulation_kernel_cache
def test_the_first_time_it_compiles_and_says_so(files, tmp_path):
    command = [sys.executable, "-m", "hwmodel", *files, "vf0", "--summary"]
    environment = os.environ | {"HWMODEL_CACHE_DIR": str(tmp_path / "cache")}
    first, second = (
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True) for _ in range(2)
    )
    assert first.stderr.startswith("compiling the kernels") and first.stderr.count("\n") == 1
    assert (second.stderr, second.stdout) == ("", first.stdout)


# ---- The configurations that come along. ----


def test_the_bridge_that_comes_along(capsys):
    example = str(CONFIGS / "example.pcap")
    argv = ["switch", str(CONFIGS / "switch_bridge.yaml"), "--in", example, "--in-port", "auto", "--json", "-"]
    assert main([*argv, "--set", "switch.mirrors=[{to: vf3, from: vf0}]"]) == 0
    entries = json.loads(capsys.readouterr().out)
    # vf0's ARP request: its tenant untagged, firewall and wire; priority 6 by the access list, tag or not.
    assert (entries[0]["vlan"], entries[0]["priority"]) == (10, 6)
    assert [copy["port"] for copy in entries[0]["deliver"]] == ["uplink", "vf1", "vf3"]
    vf3 = next(copy["hex"] for copy in entries[0]["deliver"] if copy["port"] == "vf3")
    assert vf3[24:32] == f"8100{6 << 13 | 10:04x}"
    # The other tenant's frames never reach the first, nor the other way round.
    tenants = {name: entry["vlan"] for entry in entries for copy in entry["deliver"] for name in [copy["port"]]}
    assert tenants["vf0"] == tenants["vf1"] == 10
    assert any(copy["port"] == "vf3" for entry in entries for copy in entry.get("mirrored", []))


def test_the_port_extender_that_comes_along(capsys):
    example = str(CONFIGS / "example.pcap")
    argv = ["switch", str(CONFIGS / "switch_vn_tag.yaml"), "--in", example, "--in-port", "vf3", "--json", "-"]
    for mode, tag in (("vn_tag", "892600000067"), ("e_tag", "893f000000670000")):
        assert main([*argv, "--set", f"switch.mode={mode}"]) == 0
        copies = [copy for entry in json.loads(capsys.readouterr().out) for copy in entry["deliver"]]
        assert {copy["port"] for copy in copies} == {"uplink"}
        assert len(copies) == 100, "vf3 may send under any address"
        untagged = [copy["hex"] for copy in copies if copy["hex"][24 + len(tag) :][:4] != "8100"]
        assert untagged and all(text[24 : 24 + len(tag)] == tag for text in untagged)


def test_of_several_servers_the_switch_of_the_named_one_decides(files, capsys):
    """A broadcast goes to the stations that a server has by its own settings."""
    argv = ["switch", str(CONFIGS / "two_servers.yaml"), *files[2:], "uplink", "--summary"]
    argv += ["--set", "servers.b.set.nic.vfs=5"]
    assert complaint(capsys, *argv) == "of which server? --server says it (a, b)"
    assert complaint(capsys, *argv, "--server", "c") == "--server: no server is called 'c' (a, b)"
    got = {}
    for name in ("a", "b"):
        assert main([*argv, "--server", name]) == 0
        got[name] = re.findall(r"\b(?:pf|vf\d)\b", capsys.readouterr().out)
    assert got == {"a": ["pf", "vf0", "vf1", "vf2", "vf3"], "b": ["pf", "vf0", "vf1", "vf2", "vf3", "vf4"]}


def test_from_python_too_the_switch_of_the_named_server_decides():
    config = load_config("two_servers", {"servers.b.set.nic.vfs": 5})
    sent = [frame(BROADCAST, OUTSIDE)]
    with pytest.raises(InputError, match=r"of which server\? --server says it \(a, b\)"):
        forward_frames(config, sent, "uplink")
    for server, n_vfs in (("a", 4), ("b", 5)):
        (found,) = forward_frames(config, sent, "uplink", server)
        assert [copy.port for copy in found.deliver] == ["pf", *(f"vf{number}" for number in range(n_vfs))]
