"""Shell completion: the script for bash completes in a real bash; those for zsh and fish name the same words."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from hwmodel.cli import main
from hwmodel.cli.completion import SHELLS, keys_of_schema
from hwmodel.config import json_schema


def completions(script: str, folder, *words: str) -> set[str]:
    """Return what bash offers for the last of the words."""
    typed = " ".join(f"'{word}'" for word in words)
    call = f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _shtab_hwmodel 2>/dev/null"
    code = f"{script}\n{call}; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, cwd=folder, check=True)
    return set(done.stdout.split())


def test_bash_completes(tmp_path, capsys):
    (tmp_path / "sriov_mine.yaml").write_text("")
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert {"run", "check", "configs"} <= completions(script, tmp_path, "hwmodel", "")
    assert completions(script, tmp_path, "hwmodel", "run", "sriov_1") == {"sriov_10g_gen2x4", "sriov_10g_gen2x8"}
    assert completions(script, tmp_path, "hwmodel", "run", "sriov_m") == {"sriov_mine.yaml"}
    assert completions(script, tmp_path, "hwmodel", "run", "x", "--see") == {"--seed", "--seeds"}
    found = completions(script, tmp_path, "hwmodel", "run", "x", "--set", "pcie.credits.p")
    assert found == {"pcie.credits.ph=", "pcie.credits.pd="}


def test_bash_completes_files_of_whatever_name_and_folders(tmp_path, capsys):
    """A study, results, a capture, an output: none is called FILE in the help."""
    for name in ("study.yaml", "sizes.json"):
        (tmp_path / name).write_text("")
    (tmp_path / "steps").mkdir()
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    everything = {"study.yaml", "sizes.json", "steps"}
    for words in (
        ["sweep"],
        ["size"],
        ["report"],
        ["report", "sizes.json"],
        ["switch", "c", "--in"],
        ["run", "--json"],
    ):
        assert completions(script, tmp_path, "hwmodel", *words, "s") == everything, words
    assert completions(script, tmp_path, "hwmodel", "cosim", "--out", "s") == {"steps"}


def test_fish_completes_files_below_other_folders(tmp_path, capsys):
    """`__fish_complete_path` lists the current folder unless it is told what was typed."""
    assert main(["completion", "fish"]) == 0
    script = capsys.readouterr().out
    assert "__fish_complete_path (commandline -ct)" in script
    if (fish := shutil.which("fish")) is not None:
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "deep.yaml").write_text("")
        for typed, found in (("sub/d", {"sub/deep.yaml"}), ("vswitch_s", {"vswitch_segments"})):
            code = f"{script}\ncomplete -C 'hwmodel run {typed}'"
            done = subprocess.run(
                [fish, "--no-config", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
            )
            assert {line.partition("\t")[0] for line in done.stdout.splitlines()} == found


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_has_the_names_and_the_keys(shell, capsys):
    assert main(["completion", shell, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["shell"] == shell
    assert all(word in found["script"] for word in ("sriov_jumbo", "workload.external.rate=", "moderation", "seeds"))


def test_keys_are_those_that_set_takes():
    keys = keys_of_schema(json_schema())
    deep = {"host.virtual_switch.flow_cache.miss_time", "host.virtual_switch.bond.mode", "nic.steering.rss.key"}
    assert {"pcie.lanes", "pcie.credits.ph", "host.iotlb.miss", "workload.external.rate", "run.seed"} <= set(keys)
    assert deep <= set(keys)
    assert len(keys) == len(set(keys)) > 80
