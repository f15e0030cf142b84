"""Scripts of accesses to memory ranges: what ends them, in one line each, and ranges that do not answer."""

from __future__ import annotations

import re

import pytest

from hwmodel.cli import main
from hwmodel.config import config_from_mapping, servers_of
from hwmodel.config_space.enumeration import configured
from hwmodel.config_space.memory_ranges import MemoryRanges
from hwmodel.config_space.script import read_script, run_script
from hwmodel.errors import InputError
from hwmodel.units import FS_PER_NS
from tests.memory_range_cases import answers, ranges_of

# A line that ends a script, of an 82599 with two queues a VF, and what is said of it.
ENDS = [
    # widths, offsets, names
    ("read vf0:bar0 0x100 2", "2 B cannot be accessed at once (4; for MSI-X 8 too)"),
    ("read vf0:bar0 0x1000 8", "8 B cannot be accessed at once (4)"),
    ("write vf0:bar3 0 1 0", "1 B cannot be accessed at once (4; for MSI-X 8 too)"),
    ("read vf0 0 8", "8 B cannot be accessed at once (1, 2 or 4)"),
    ("read vf0:bar0 0x102 4", "offset 0x102 is not aligned to the 4 B of the access"),
    ("read vf0:bar3 0x14 8", "offset 0x14 is not aligned to the 8 B of the access"),
    ("read vf0:bar0 0x4000 4", "offset 0x4000 is not in the 16KiB of vf0:bar0"),
    ("read vf0:bar0 0x4 4", "no register is at 0x4"),
    ("write vf0:bar0 0x105c 4 0", "no register is at 0x105c"),
    ("read vf0:bar3 0x30 4",
     "no register is at 0x30 (table: 0x0, 48 B; pending bits: 0x2000, 8 B)"),
    ("read vf0:bar1 0 4", "no memory range is called 'vf0:bar1' (vf0:bar0, vf0:bar3)"),
    ("read pf:bar2 0 4", "no memory range is called 'pf:bar2' (pf:bar0, pf:bar4)"),
    ("read pf:rom 0 4", "no memory range is called 'pf:rom' (pf:bar0, pf:bar4)"),
    ("read vf0: 0 4", "no memory range is called 'vf0:' (vf0:bar0, vf0:bar3)"),
    ("read vf64:bar0 0 4", "vf64: the 82599 has 64 VFs at most (vf0 to vf63)"),
    ("read vm0:bar0 0 4", "no function is called 'vm0' (pf, or vf0 to vf63)"),
    ("read pf:bar0 0 4", "pf:bar0: of the 82599's PF the model has no registers there (MSI-X: bar4)"),
    ("write vf0:bar0 0x1000 4 0x100000000", "the value 0x100000000 has more than 4 B"),
    ("raise vf0 3", "vector 3 is not among its 3 (0 to 2)"),
    ("raise vf0", "raise takes 2 words, not 1 (raise FUNCTION VECTOR)"),
    ("raise vf0 -1", "VECTOR is -1, which is less than 0"),
    ("raise vf70 0", "vf70: the 82599 has 64 VFs at most (vf0 to vf63)"),
    ("raise vf0:bar3 0", "no function is called 'vf0:bar3' (pf, or vf0 to vf63)"),
    # rings
    ("write vf0:bar0 0x1008 4 1000", "a ring of 1000 B is no multiple of 128 B (8 descriptors)"),
    ("write vf0:bar0 0x2048 4 16", "a ring of 16 B is no multiple of 128 B (8 descriptors)"),
    ("write vf0:bar0 0x2008 4 0x40000", "a ring of 16384 descriptors is longer than 8192"),
    ("write vf0:bar0 0x2018 4 512", "VFTDT(0) 512 is not within the ring of 512 descriptors"),
    ("write vf0:bar0 0x1018 4 0xffffffff", "VFRDT(0) 4294967295 is not within the ring of 512 descriptors"),
    ("write vf0:bar0 0x1050 4 512", "VFRDH(1) 512 is not within the ring of 128 descriptors"),
    ("write vf0:bar0 0x1000 4 0",
     "queue 0 is enabled, and VFRDBAL(0) may not change then (clear ENABLE of VFRXDCTL(0))"),
    ("write vf0:bar0 0x2008 4 128",
     "queue 0 is enabled, and VFTDLEN(0) may not change then (clear ENABLE of VFTXDCTL(0))"),
    ("write vf0:bar0 0x1068 4 0x2000000", "VFRDT(1) 300 is not within the ring of 128 descriptors"),
    # queues and vectors of others
    ("write vf0:bar0 0x1080 4 0", "vf0 has 2 queues; 0x1080 is VFRDBAL(2), of queue 2"),
    ("read vf0:bar0 0x2098 4", "vf0 has 2 queues; 0x2098 is VFTDT(2), of queue 2"),
    ("write vf0:bar0 0x124 4 0x80", "VTIVAR(1) maps queue 2, and vf0 has 2"),
    ("write vf0:bar0 0x120 4 0x83", "VTIVAR(0) names vector 3, and vf0 has 3 (0 to 2)"),
    ("write vf0:bar0 0x140 4 0x84", "VTIVAR_MISC names vector 4, and vf0 has 3 (0 to 2)"),
    # a message that changes while it may be sent
    ("write vf0:bar3 0x08 4 5", "vector 0 is unmasked, and its message data may not change then (PCI 6.8.3.5)"),
]  # fmt: skip
BEFORE = [
    "# two queues each way, those of number 0 enabled; vector 0 of VF 0 may be sent",
    *(f"write vf0:bar0 {at:#x} 4 8192" for at in (0x1008, 0x1048, 0x2008, 0x2048)),
    *(f"write vf0:bar0 {at:#x} 4 0x2000000" for at in (0x1028, 0x2028)),
    "write vf0:bar3 0x0c 4 0",
    "write vf0:bar0 0x1058 4 300",
    "write vf0:bar0 0x1048 4 2048",
]
DISABLED = ["write vf0:bar0 0x1028 4 0", "write vf0:bar0 0x2028 4 0"]


@pytest.mark.parametrize(("line", "said"), ENDS, ids=lambda part: part[:40])
def test_what_ends_a_script(line, said):
    disabled = DISABLED if "a ring of" in said else []
    lines = [*BEFORE, *disabled, line, "read vf0:bar0 0 4"]
    with pytest.raises(InputError) as ended:
        answers(ranges_of(queues_per_vf=2), *lines)
    assert ended.value.lines == [f"s.txt:{len(lines) - 1}: {said}"]


@pytest.mark.parametrize(
    "line",
    [
        "write vf0:bar0 0x1018 4 511", "write vf0:bar0 0x2018 4 0", "write vf0:bar0 0x120 4 0x82818081",
        "write vf0:bar0 0x124 4 0x7f7f7f7f", "write vf0:bar0 0x140 4 0x82", "write vf0:bar3 0x08 4 0",
        "write vf0:bar0 0x2058 4 511", "write vf0:bar0 0x1040 4 0", "read vf0:bar0 0x1068 4", "read vf0:bar3 0x28 8",
    ],
)  # fmt: skip
def test_what_is_next_to_it_does_not(line):
    assert answers(ranges_of(queues_per_vf=2), *BEFORE, line)[-1].startswith(line.split()[0])


def test_a_device_whose_vfs_have_no_registers_here_says_so():
    with pytest.raises(InputError) as ended:
        answers(ranges_of("XL710"), "read vf0:bar0 0 4")
    assert ended.value.lines == ["s.txt:1: vf0:bar0: of the XL710's VFs the model has no registers there (MSI-X: bar3)"]


def test_ranges_answer_while_memory_space_is_enabled_and_the_function_is_there():
    said = answers(
        ranges_of("82576"),
        "write pf:bar3 0x8 4 5",
        "write vf0:bar3 0x8 4 6",
        "write pf 4 2 4",  # Memory Space Enable of the PF is not that of its VFs
        "read pf:bar3 0x8 4",
        "write pf:bar3 0x8 4 9",
        "read vf0:bar3 0x8 4",
        "write pf 4 2 6",
        "write pf 0x168 2 0x11",  # VF Memory Space Enable off
        "read vf0:bar3 0x8 4",
        "read vf0:bar3 0x8 8",
        "write vf0:bar0 0xc40 4 4",
        "read pf:bar3 0x8 4",
        "write pf 0x168 2 0x19",
        "read vf0:bar3 0x8 4",
        "write pf 0x44 2 3",
        "read pf:bar3 0x8 4",
        "read vf0:bar3 0x8 4",
        "read vf5:bar3 0x8 4",
        "raise vf5 0",
    )
    assert [text.partition("-> ")[2] for text in said if ":bar" in text or text.startswith("raise")] == [
        "0x00000005",
        "0x00000006",
        "0xffffffff, does not answer (Memory Space Enable is clear)",
        "0xffffffff, does not answer (Memory Space Enable is clear)",
        "0x00000006",
        "0xffffffff, does not answer (VF Memory Space Enable is clear)",
        "0xffffffffffffffff, does not answer (VF Memory Space Enable is clear)",
        "0xffffffff, does not answer (VF Memory Space Enable is clear)",
        "0x00000005",
        "0x00000006",
        "0xffffffff, does not answer (it is in D3hot)",
        "0xffffffff, does not answer (its PF is in D3hot)",
        "0xffffffff, does not answer (it is not there)",
        "it is not there",
    ]


def test_accesses_take_their_time():
    """Gen2 x8, 0.25 ns a byte: 24 B there, 24 B back, 100 ns each way, 300 ns in the host; a write is posted."""
    config = config_from_mapping({
        "pcie": {"generation": 2, "lanes": 8, "propagation": "100ns"},
        "host": {"read_latency": "300ns"},
        "driver": {"doorbell_time": "70ns"},
    })  # fmt: skip
    server = servers_of(config)[0]
    ranges = MemoryRanges(configured(server), server, 0)
    began_fs = ranges.adapter.now_fs
    script = read_script("read vf0:bar0 0x10 4\nwrite vf0:bar3 0x10 4 0\nraise vf0 0", "s.txt")
    read, write, raised = run_script(ranges, script, "s.txt")
    assert read.text == "read vf0:bar0 0x010 4 -> 0x70000000 (512.0 ns)"
    assert read.took_fs == pytest.approx(512 * FS_PER_NS, rel=1e-3)
    assert (write.at_fs, write.took_fs) == (began_fs + read.took_fs, 70 * FS_PER_NS)
    assert (raised.at_fs, raised.took_fs, raised.value) == (write.at_fs + write.took_fs, 0, None)


def test_from_the_command_line(tmp_path, capsys):
    config, script = tmp_path / "c.yaml", tmp_path / "accesses.txt"
    config.write_text("servers: [{name: a}, {name: b, set: {nic.queues_per_vf: 2}}]\n")
    script.write_text("write vf0:bar0 0x1048 4 128\nwrite vf0:bar0 0x200 4 8\nwrite vf0:bar0 0x204 4 2\n"
                      "write vf0:bar0 0x2fc 4 1 # REQ\nread vf0:bar0 0x200 4\n")  # fmt: skip
    arguments = ["config-space", str(config), "--script", str(script), "--server"]
    assert main([*arguments, "b"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-2].endswith("-> 0x000000b0 (100.0 ns); the PF answers 0xa0000008")
    assert printed[-1].startswith("read vf0:bar0 0x200 4 -> 0xa0000008 (")
    assert main([*arguments, "a"]) == 2
    failed = capsys.readouterr()
    assert failed.out == ""
    assert re.fullmatch(r"\S*accesses.txt:1: vf0 has 1 queue; 0x1048 is VFRDLEN\(1\), of queue 1\n", failed.err)
