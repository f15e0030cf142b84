"""The configurations that come with hwmodel are found by name, in a checkout and where a wheel was installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hwmodel.cli import main
from hwmodel.config import load_config, read_base
from hwmodel.config.shipped import config_path, shipped_configs, shipped_hint, shipped_studies, study_path
from hwmodel.errors import InputError
from tests.config_cases import CONFIGS, ROOT, SHIPPED

pytestmark = pytest.mark.strict_devices

STUDIES = sorted((CONFIGS / "studies").glob("*.yaml"))


def test_all_files_are_listed_each_with_a_sentence(capsys):
    assert [config.path for config in shipped_configs()] == SHIPPED
    assert [study.path for study in shipped_studies()] == STUDIES
    both = [*SHIPPED, *STUDIES]
    assert main(["configs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [path.stem for path in both]
    assert all(line.endswith((".", "?")) and len(line) > 60 for line in lines)
    assert main(["configs", "--json", "-"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["path"]) for one in listed] == [(path.stem, str(path)) for path in both]
    assert [one["about"] for one in listed] == [one.about for one in [*shipped_configs(), *shipped_studies()]]
    assert {one["kind"] for one in listed if Path(one["path"]).parent == CONFIGS} == {"configuration"}
    assert {one["kind"] for one in listed if Path(one["path"]).parent == CONFIGS / "studies"} == {"study"}


def test_a_name_is_as_good_as_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("sriov_10g_gen2x4", "sriov_10g_gen2x4.yaml"):
        assert load_config(name) == load_config(CONFIGS / "sriov_10g_gen2x4.yaml")
    assert load_config("sriov_pcap").workload.pcap == CONFIGS / "example.pcap"
    path = CONFIGS / "sriov_10g_gen2x4.yaml"
    assert read_base("sriov_10g_gen2x4").place_lines(None, ["pcie.lanes: no"])[0].startswith(f"{path}:")
    with pytest.raises(InputError, match="no such file"):
        load_config("./sriov_10g_gen2x4")


def test_a_file_here_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("sriov_imix").write_text("nic: {vfs: 2}")
    assert load_config("sriov_imix").nic.vfs == 2
    assert config_path("sriov_jumbo") == CONFIGS / "sriov_jumbo.yaml"
    assert config_path("./sriov_jumbo") == Path("./sriov_jumbo")
    assert study_path("vm_to_vm") == CONFIGS / "studies" / "vm_to_vm.yaml"
    Path("vm_to_vm").touch()
    assert study_path("vm_to_vm") == Path("vm_to_vm")


def test_a_name_that_nearly_fits_gets_a_hint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as refusal:
        load_config("sriov_jumb")
    assert refusal.value.lines == [
        "sriov_jumb: no such file (did you mean sriov_jumbo? `hwmodel configs` lists what comes with hwmodel)"
    ]
    assert shipped_hint(Path("nothing_like_it")) == ""


def test_a_name_of_the_other_kind_says_what_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = CONFIGS / "studies" / "lanes.yaml"
    assert main(["run", "lanes"]) == 2
    assert re.fullmatch(rf"{path}:\d+:1: this is a sweep; its command is `hwmodel sweep`\n", capsys.readouterr().err)
    path = CONFIGS / "sriov_10g_gen2x4.yaml"
    for command, what in ((["size"], "sizing"), (["sweep", "--out", "out"], "sweep")):
        assert main([command[0], "sriov_10g_gen2x4", *command[1:]]) == 2
        line = rf"{path}:\d+:1: this is a configuration; a {what} names one as its base\n"
        assert re.fullmatch(line, capsys.readouterr().err)


@pytest.mark.slow
def test_a_wheel_brings_them_along(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    for name in ("hwmodel", "configs"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "MANIFEST.in"):
        shutil.copy(ROOT / name, source)
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", str(target)]
    subprocess.run([sys.executable, *install, str(source)], check=True, cwd=tmp_path)
    shutil.rmtree(source)

    def hwmodel(*arguments: str) -> str:
        code = "import sys; from hwmodel.cli import main; sys.exit(main())"
        environment = {**os.environ, "PYTHONPATH": str(target)}
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, *arguments], capture_output=True, text=True, cwd=tmp_path,
            env=environment, check=True,
        )  # fmt: skip
        return done.stdout

    listed = json.loads(hwmodel("configs", "--json", "-"))
    installed = target / "hwmodel" / "configs"
    assert {Path(one["path"]).parent for one in listed} == {installed, installed / "studies"}
    assert [one["name"] for one in listed] == [path.stem for path in [*SHIPPED, *STUDIES]]
    assert json.loads(hwmodel("check", "sriov_pcap", "--json", "-"))["workload"]["pcap"] == str(
        target / "hwmodel" / "configs" / "example.pcap"
    )
