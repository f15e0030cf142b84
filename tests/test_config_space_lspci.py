"""What `lspci -F` makes of dumps: devices and capabilities named, fields as they are known, a real dump beside ours."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from hwmodel.config import config_from_mapping, servers_of
from hwmodel.config_space.adapter import PciAdapter
from hwmodel.config_space.dump import address_text, content_of, shown_functions, text_of
from hwmodel.config_space.enumeration import adapter_of as out_of_reset
from hwmodel.config_space.enumeration import configured

REAL = Path(__file__).parent / "vectors" / "82576_config_space.txt"
NAMES = ("82576", "82599", "X540", "X550", "XL710")
# Ids of PF and VF, InitialVFs = TotalVFs, offset and stride with ARI, kind of VF BARs, link, MSI-X vectors, BAR, PBA.
KNOWN = {
    "82576": ("10c9", "10ca", 8, (128, 2), "64-bit, non-prefetchable", "2.5GT/s, Width x4", (10, 3, "00002000")),
    "82599": ("10fb", "10ed", 64, (128, 2), "64-bit, prefetchable", "5GT/s, Width x8", (64, 4, "00002000")),
    "X540": ("1528", "1515", 64, (128, 2), "64-bit, prefetchable", "5GT/s, Width x8", (64, 4, "00002000")),
    "X550": ("1563", "1565", 64, (128, 2), "64-bit, non-prefetchable", "8GT/s, Width x4", (64, 4, "00002000")),
    "XL710": ("1583", "154c", 128, (16, 1), "64-bit, prefetchable", "8GT/s, Width x8", (129, 3, "00001000")),
}
PF_CAPABILITIES = [
    "[40] Power Management version 3",
    "[50] MSI: Enable- Count=1/1 Maskable+ 64bit+",
    "[70] MSI-X: Enable+",
    "[a0] Express (v2) Endpoint, MSI 00",
    "[e0] Vital Product Data",
    "[100 v1] Advanced Error Reporting",
    "[140 v1] Device Serial Number 02-00-00-ff-ff-00-00-01",
    "[150 v1] Alternative Routing-ID Interpretation (ARI)",
    "[160 v1] Single Root I/O Virtualization (SR-IOV)",
]
VF_CAPABILITIES = [PF_CAPABILITIES[at] for at in (2, 3, 5, 7)]
TPH, ACS = "Transaction Processing Hints", "Access Control Services"
LTR, SECONDARY = "Latency Tolerance Reporting", "Secondary PCI Express"
NO_PRODUCT_DATA = ("82576", "X550")
OF_VF = [f"[1a0 v1] {TPH}", f"[1d0 v1] {ACS}"]
# Further ones of a PF, of a VF: see docs/config_space.md for the listings.
MORE = {
    "X540": ([f"[1d0 v1] {ACS}"], [f"[1d0 v1] {ACS}"]),
    "X550": ([f"[1a0 v1] {TPH}", f"[1b0 v1] {ACS}", f"[1c0 v1] {LTR}", f"[1d0 v1] {SECONDARY}"], OF_VF),
    "XL710": ([f"[1a0 v1] {TPH}", f"[1b0 v1] {ACS}", f"[1d0 v1] {SECONDARY}"], OF_VF),
}
# A VF's link status is reserved (SR-IOV 3.5.8) and reads 0 on the bus: that is how lspci tells it.
VF_LINK = "LnkSta: Speed unknown (downgraded), Width x0 (downgraded)"


def adapter_of(name: str, **keys: object) -> PciAdapter:
    (server,) = servers_of(config_from_mapping({"nic": {"preset": name, "vfs": 4, "strict": False}, **keys}))
    return configured(server)


def dump_text(adapter: PciAdapter, *, as_os: bool) -> str:
    return text_of(shown_functions(adapter, as_os=as_os))


def lspci(text: str, folder: Path, *options: str) -> str:
    path = folder / "functions.txt"
    path.write_text(text, encoding="utf-8")
    command = ["lspci", "-F", str(path), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, env={"LC_ALL": "C"}).stdout


def functions_in(decoded: str) -> list[list[str]]:
    """Return each function's lines, without the white space around and within them."""
    return [[" ".join(line.split()) for line in each.splitlines()] for each in decoded.strip().split("\n\n")]


@cache
def _decoded(name: str, folder: Path) -> tuple[tuple[str, ...], ...]:
    return tuple(map(tuple, functions_in(lspci(dump_text(adapter_of(name), as_os=True), folder, "-vvv"))))


@pytest.fixture(scope="module")
def decoded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lspci")
    return lambda name: _decoded(name, folder)


def line_of(lines: tuple[str, ...], begin: str) -> str:
    (found,) = (line for line in lines if line.startswith(begin))
    return found


def capabilities(lines: tuple[str, ...]) -> list[str]:
    return [line.partition(": ")[2] for line in lines if line.startswith("Capabilities: ")]


def version_1(lines: list[str]) -> list[str]:
    return [re.sub(r"^(\[\w+) v\d\]", r"\1 v1]", line) for line in lines]


@pytest.mark.parametrize("name", NAMES)
def test_devices_and_capabilities_are_named(name, decoded):
    pf, *vfs = decoded(name)
    assert len(vfs) == 4
    for is_vf, lines in ((False, pf), *((True, each) for each in vfs)):
        heading = lines[0]
        assert " Ethernet controller: Intel Corporation " in heading
        assert ("Virtual Function" in heading) == is_vf and not re.search(r"Device [0-9a-f]{4}", heading)
        found = version_1(capabilities(lines))
        found = [line if not line.startswith("[70] ") else line.partition(" Count")[0] for line in found]
        of_pf, of_vf = MORE.get(name, ([], []))
        listed = [one for one in PF_CAPABILITIES if "Vital" not in one or name not in NO_PRODUCT_DATA]
        assert found == (VF_CAPABILITIES + of_vf if is_vf else listed + of_pf)
        for word in ("unknown", "corrupt", "denied", "unassigned", "invalid", "broken", "<?"):
            assert word not in "\n".join(lines).lower()


def test_a_vf_has_the_link_that_it_shares_with_its_pf_but_on_the_bus(decoded, tmp_path):
    link = KNOWN["X550"][5]
    assert [line_of(lines, "LnkSta:") for lines in decoded("X550")] == [f"LnkSta: Speed {link}"] * 5
    on_bus = functions_in(lspci(dump_text(adapter_of("X550"), as_os=False), tmp_path, "-vvv"))
    assert [line_of(lines, "LnkSta:") for lines in on_bus] == [f"LnkSta: Speed {link}", *[VF_LINK] * 4]


@pytest.mark.parametrize("name", NAMES)
def test_ids(name, tmp_path):
    pf, vf, total, (first, stride), *_ = KNOWN[name]
    adapter = adapter_of(name)
    places = [0x100 + first + number * stride for number in range(4)]
    revision = "02" if name == "XL710" else "01"
    expected = [f"01:00.0 0200: 8086:{pf} (rev {revision})"]
    for as_os, ids in ((True, f"8086:{vf}"), (False, "ffff:ffff")):
        vfs = [f"{at >> 8:02x}:{at >> 3 & 31:02x}.{at & 7} 0200: {ids} (rev {revision})" for at in places]
        assert lspci(dump_text(adapter, as_os=as_os), tmp_path, "-n").splitlines() == expected + vfs
    adapter.write("pf", 0x168, 2, 0)
    assert lspci(dump_text(adapter, as_os=True), tmp_path, "-n").splitlines() == expected
    (lines,) = functions_in(lspci(dump_text(adapter, as_os=True), tmp_path, "-vvv"))
    assert line_of(lines, "IOVCtl:").startswith("IOVCtl: Enable- Migration- Interrupt- MSE- ARIHierarchy+")
    assert f"Initial VFs: {total}, Total VFs: {total}, Number of VFs: 4" in line_of(lines, "Initial VFs")


@pytest.mark.parametrize("name", NAMES)
def test_fields_are_those_that_are_known(name, decoded):
    _, vf_id, total, (first, stride), vf_range, link, (vectors, bar, pba) = KNOWN[name]
    pf, vf, *_ = decoded(name)
    text = "\n".join(pf)
    for expected in (
        f"Initial VFs: {total}, Total VFs: {total}, Number of VFs: 4, Function Dependency Link: 00",
        f"VF offset: {first}, stride: {stride}, Device ID: {vf_id}",
        "Supported Page Size: 00000553, System Page Size: 00000001",
        "IOVCtl: Enable+ Migration- Interrupt- MSE+ ARIHierarchy+",
        f"MSI-X: Enable+ Count={vectors} Masked-",
        f"Vector table: BAR={bar} offset=00000000\nPBA: BAR={bar} offset={pba}",
        f"Speed {link}, ASPM",
        f"LnkSta: Speed {link}\n",
        "Interrupt: pin A routed",
        "FLReset+ SlotPowerLimit",
        "MaxPayload 256 bytes, MaxReadReq 512 bytes",
        "DevCap2: Completion Timeout: Range ABCD, TimeoutDis+",
        "DevCtl2: Completion Timeout: 50us to 50ms, TimeoutDis-",
    ):
        assert expected in text, expected
    assert len([line for line in pf if re.match(rf"Region [03]: Memory at [0-9a-f]{{16}} \({vf_range}\)$", line)]) == 2
    assert "DevCtl: CorrErr- NonFatalErr- FatalErr- UnsupReq-" in vf
    assert not any(line.startswith(("Region", "Interrupt", "Expansion")) for line in vf)
    assert line_of(vf, "Control:").startswith("Control: I/O- Mem- BusMaster+")


def test_what_the_82576_and_the_82599_have_in_common(decoded):
    for name in ("82576", "82599"):
        pf = decoded(name)[0]
        assert line_of(pf, "DevCap:").startswith("DevCap: MaxPayload 512 bytes, PhantFunc 0")
        assert line_of(pf, "ExtTag").startswith("ExtTag- ")
        bits = "DLP+ SDES- TLP- FCP+ CmpltTO- CmpltAbrt- UnxCmplt- RxOF+ MalfTLP+ ECRC- UnsupReq- ACSViol-"
        assert line_of(pf, "UESvrt:") == f"UESvrt: {bits}"
        for register in ("CESta", "CEMsk"):
            expected = f"{register}: RxErr- BadTLP- BadDLLP- Rollover- Timeout- AdvNonFatalErr+"
            assert line_of(pf, f"{register}:") == expected


@pytest.mark.parametrize(("name", "flr"), [("82576", "FLReset+"), ("82599", "FLReset-"), ("XL710", "FLReset+")])
def test_whether_a_vf_says_that_it_resets(name, flr, decoded):
    assert flr in line_of(decoded(name)[1], "ExtTag")


def test_ranges_of_the_pf(decoded):
    kinds = {
        "82576": ["0: Memory 32-bit, non-prefetchable", "1: Memory 32-bit, non-prefetchable", "2: I/O ports",
                  "3: Memory 32-bit, non-prefetchable"],
        "82599": ["0: Memory 64-bit, prefetchable", "2: I/O ports", "4: Memory 64-bit, prefetchable"],
        "X540": ["0: Memory 64-bit, prefetchable", "4: Memory 64-bit, prefetchable"],
        "X550": ["0: Memory 64-bit, prefetchable", "4: Memory 64-bit, prefetchable"],
        "XL710": ["0: Memory 64-bit, prefetchable", "3: Memory 64-bit, prefetchable"],
    }  # fmt: skip
    for name, expected in kinds.items():
        pf = decoded(name)[0]
        regions = [line for line in pf[: pf.index("Capabilities: [40] Power Management version 3")] if "Region" in line]
        found = [re.sub(r"^Region | at [0-9a-f]+|[()]", "", line) for line in regions]
        assert found == expected


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"generation": 1, "lanes": 4}, "LnkSta: Speed 2.5GT/s (downgraded), Width x4 (downgraded)"),
        ({"generation": 3, "lanes": 16}, "LnkSta: Speed 8GT/s, Width x16"),
        ({"max_payload": "512B", "max_read_request": "4096B"}, "MaxPayload 512 bytes, MaxReadReq 4096 bytes"),
        ({"max_payload": "128B", "max_read_request": "128B"}, "MaxPayload 128 bytes, MaxReadReq 128 bytes"),
        ({"read_completion_boundary": "128B"}, "LnkCtl: ASPM Disabled; RCB 128 bytes, Disabled- CommClk+"),
        ({"tags": 64}, "RlxdOrd+ ExtTag+ PhantFunc- AuxPwr- NoSnoop+ FLReset-"),
        ({"generation": 4, "lanes": 16}, "LnkSta: Speed 16GT/s, Width x16"),
        (
            {"generation": 5, "lanes": 8},
            "LnkCap2: Supported Link Speeds: 2.5-32GT/s, Crosslink- Retimer- 2Retimers- DRS-",
        ),
        (
            {"generation": 4, "tags": 257},
            "DevCtl2: Completion Timeout: 50us to 50ms, TimeoutDis- LTR- 10BitTagReq+ OBFF Disabled,",
        ),
        (
            {"generation": 4, "tags": 256},
            "DevCtl2: Completion Timeout: 50us to 50ms, TimeoutDis- LTR- 10BitTagReq- OBFF Disabled,",
        ),
        ({"ecrc": True}, "AERCap: First Error Pointer: 00, ECRCGenCap+ ECRCGenEn+ ECRCChkCap+ ECRCChkEn+"),
    ],
)
def test_the_link_is_the_configured_one(keys, line, tmp_path):
    text = dump_text(adapter_of("82599", pcie=keys), as_os=True)
    assert line in functions_in(lspci(text, tmp_path, "-vvv", "-s", "01:00.0"))[0]


# Bytes in which a real 82576's PF, four VFs on and ARI, differs from ours with its address and payload, and why.
DIFFERING = {
    **dict.fromkeys((0x12, 0x13), "BAR 0: the address that its system picked"),
    **dict.fromkeys((0x16, 0x17), "BAR 1: the same"),
    0x18: "BAR 2, of I/O: the same",
    **dict.fromkeys((0x1D, 0x1E, 0x1F), "BAR 3: the same"),
    **dict.fromkeys((0x185, 0x186, 0x187), "VF BAR 0: the same as BAR 0"),
    **dict.fromkeys((0x191, 0x192, 0x193), "VF BAR 3: the same"),
}
# What lines of lspci begin with that differ, and why; the last two are of VF BARs.
DIFFERING_LINES = (
    ("09:00.0", "its bus"),
    ("Region 0: Memory", "the address that its system picked"),
    ("Region 1: Memory", "the same"),
    ("Region 2: I/O", "the same"),
    ("Region 3: Memory", "the same"),
    ("Region 0: Memory", "the same"),
    ("Region 3: Memory", "the same"),
)


@cache
def like_the_real_one() -> PciAdapter:
    ports = [{"name": "pf", "macs": ["00:1b:21:12:17:4c"]}]  # as its serial number says
    ports += [{"name": f"vf{number}", "port": "p0"} for number in range(4)]
    return adapter_of("82576", switch={"ports": ports}, pcie={"max_payload": "256B"}, port={"count": 2})


def dumped(path: Path) -> list[bytes]:
    """Return the functions of a dump, in order."""
    return [
        bytes.fromhex("".join(re.findall(r"^[0-9a-f]{2,3}: (.*)$", each, re.MULTILINE)))
        for each in path.read_text(encoding="utf-8").split("\n\n")
    ]


def test_a_real_82576_byte_for_byte():
    (real,) = dumped(REAL)
    ours = content_of(like_the_real_one(), "pf", as_os=True)
    assert len(real) == len(ours) == 4096
    assert [at for at in range(4096) if real[at] != ours[at]] == sorted(DIFFERING)


# Bytes of functions of real adapters that their systems set: ids of the subsystem, cache line, errors found by probing.
OF_SYSTEM = {0x0C, 0x2C, 0x2D, 0x2E, 0x2F, 0xAA}
BARS = {*range(0x10, 0x34)}


def test_both_functions_of_a_real_82599():
    """After a reset, on a link of two lanes at 2.5 GT/s."""
    pcie = {"generation": 1, "lanes": 2, "max_payload": "128B"}
    (server,) = servers_of(config_from_mapping({"nic": {"preset": "82599"}, "port": {"count": 2}, "pcie": pcie}))
    ours = out_of_reset(server)
    for name, real in zip(("pf", "pf1"), dumped(REAL.with_name("82599_config_space.txt")), strict=True):
        own = ours.pf_of(name).content()
        assert {at for at in range(256) if real[at] != own[at]} <= OF_SYSTEM, name


def test_both_functions_of_a_real_x710_but_for_its_id_and_lanes():
    """And but for the product data that most boards list, at 0xa1."""
    ours = adapter_of("XL710", port={"count": 2}, pcie={"lanes": 4, "tags": 64})
    for name, real in zip(("pf", "pf1"), dumped(REAL.with_name("x710_config_space.txt")), strict=True):
        own = ours.pf_of(name).content()
        assert {at for at in range(256) if real[at] != own[at]} <= OF_SYSTEM | BARS | {0x02, 0xA1, 0xAC}, name


# Vectors of the kind that listings print: offset, bytes, value, by device; of one function.
LISTED = {
    "82599": ((0x40, 4, 0x48235001), (0xAC, 4, 0x00023482), (0x118, 4, 0xA0), (0x16C, 4, 0x00400040)),
    "X550": ((0x42, 2, 0x4823), (0x44, 2, 0x2008), (0xAC, 4, 0x00425C43), (0x1A4, 4, 1), (0x118, 4, 0xA0)),
    "XL710": ((0x42, 2, 0xC823), (0x44, 2, 0x2008), (0xAC, 4, 0x00425883), (0x10C, 4, 0x62030), (0x1A4, 4, 5)),
}


@pytest.mark.parametrize("name", LISTED)
def test_registers_are_the_device_s_own(name):
    pf = adapter_of(name).pf
    for at, n_bytes, value in LISTED[name]:
        assert pf.get(at, n_bytes) == value, hex(at)
    assert pf.get(0x154, 2) == 0 and pf.get(0x0E, 1) == 0  # one function: no next one, not a multi-function device


# Next function, dependency link, TotalVFs, First VF Offset with ARI and without, VF Stride: of functions in turn.
BY_PORTS = {
    ("82599", 2): [(1, 0, 64, 128, 384, 2), (0, 1, 64, 128, 384, 2)],  # an X520-2's listing
    ("XL710", 2): [(1, 0, 64, 16, 272, 1), (0, 1, 64, 79, 335, 1)],  # VFs of two-port XXV710s at 02.0 and 0a.0
    ("XL710", 4): [(1, 0, 32, 16, 272, 1), (2, 1, 32, 47, 303, 1), (3, 2, 32, 78, 334, 1), (0, 3, 32, 109, 365, 1)],
}


@pytest.mark.parametrize(("name", "count"), BY_PORTS)
def test_each_port_has_a_function(name, count):
    adapter = adapter_of(name, port={"count": count}, nic={"preset": name, "vfs": 8})
    places = {}
    for ari in (0x10, 0):
        for pf in adapter.pf_names:
            adapter.write(pf, 0x168, 2, 0)
        adapter.write("pf", 0x168, 2, ari)
        assert [adapter.pf_of(pf).get(0x168, 2) for pf in adapter.pf_names] == [ari, *[0] * (count - 1)]
        places[ari] = [adapter.pf_of(pf).get(0x174, 2) for pf in adapter.pf_names]
    found = [
        (pf.get(0x155, 1), pf.get(0x172, 1), pf.get(0x16E, 2), with_ari, without, pf.get(0x176, 2))
        for pf, with_ari, without in zip(adapter.pfs, places[0x10], places[0], strict=True)
    ]
    assert found == BY_PORTS[name, count]


def test_vfs_are_where_their_port_s_function_puts_them():
    names = ("vf0", "vf1", "vf2", "vf3", "vf4")
    for preset, places in (
        ("82599", ["10.0", "10.1", "10.2", "10.3", "10.4"]),
        ("XL710", ["02.0", "0a.0", "02.1", "0a.1", "02.2"]),
    ):
        adapter = adapter_of(preset, port={"count": 2}, nic={"preset": preset, "vfs": 4})
        assert [address_text(adapter.routing_id_of(name)) for name in names] == [f"01:{place}" for place in places]
        assert [pf.n_vfs for pf in adapter.pfs] == [2, 2]
        assert sorted({adapter.routing_id_of(f"vf{n}") for n in range(128)})[-1] < 0x200


def test_a_real_82576_line_by_line(tmp_path):
    (real,) = functions_in(lspci(REAL.read_text(encoding="utf-8"), tmp_path, "-vvv"))
    ours = functions_in(lspci(dump_text(like_the_real_one(), as_os=True), tmp_path, "-vvv"))[0]
    assert len(real) == len(ours) > 60
    differing = [line for line, own in zip(real, ours, strict=True) if line != own]
    assert len(differing) == len(DIFFERING_LINES)
    for line, (begin, _) in zip(differing, DIFFERING_LINES, strict=True):
        assert line.startswith(begin)
