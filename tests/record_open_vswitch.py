"""Let Open vSwitch do what tests/vectors/open_vswitch_learning.txt says: `python -m tests.record_open_vswitch`.

It needs root. Each switch has a network namespace of its own, with an ovsdb-server and an ovs-vswitchd, its datapath in
user space (`datapath_type=netdev`); wires are veth pairs, and raw sockets at the far ends of the others are the
stations. The port `pf` is the bridge's own (LOCAL). Between frames all flows of the datapath are taken out
(`revalidator/purge`): Open vSwitch learns as it translates a flow, not with each frame that hits one, so that an
address that moves back to where a flow is cached would be learned half a second late.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.switching_systems import BRIDGE, FILE, OUTSIDE, UPLINK, Port, Sent, System, drawn, lines_of, with_tag

SEEDS = range(8)
QUIET_S = 0.05  # without any frame, behind which nothing comes of the last one any more
MARK = b"frame %06d"  # at a frame's end: whose delivery is it?
FRAME_BYTES = 60
ALL_TYPES, OUTGOING = 0x0003, 4  # ETH_P_ALL, PACKET_OUTGOING
SOL_PACKET, PACKET_AUXDATA, CLONE_NEWNET, VLAN_VALID = 263, 8, 0x40000000, 0x10
BR = LOCAL = "s"  # the switch in its namespace, and its own port
TAG_TYPE = b"\x81\x00"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


def call(*words: str) -> str:
    """Run a command; return what it says."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def can_record() -> bool:
    """Tell whether Open vSwitch is here, and may have network namespaces and taps."""
    programs = ("ip", "ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl")
    if os.geteuid() != 0 or not all(map(shutil.which, programs)) or not os.access("/dev/net/tun", os.W_OK):
        return False
    tried = ["unshare", "--net", "ip", "link", "add", "type", "veth"]
    return subprocess.run(tried, check=False, capture_output=True).returncode == 0


class Switch:
    """One Open vSwitch in a namespace of its own."""

    def __init__(self, folder: Path, space: str, name: str) -> None:
        self.name, self.folder, self.space = name, folder, space
        self.at = f"unix:{folder}/db.sock"
        self.daemons: list[subprocess.Popen[bytes]] = []
        self.ctl = socket.socket(socket.AF_UNIX)

    def begin(self) -> None:
        self.folder.mkdir()
        call("ip", "netns", "add", self.space)
        self.within("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        database = f"{self.folder}/conf.db"
        call("ovsdb-tool", "create", database, SCHEMA)
        self.start("ovsdb-server", database, f"--remote=punix:{self.folder}/db.sock")
        self.asked("--no-wait", "init")
        self.start("ovs-vswitchd", "--disable-system", self.at)
        self.asked("add-br", BR, "--", "set", "bridge", BR, "datapath_type=netdev", "fail-mode=standalone")
        self.within("ip", "link", "set", "dev", LOCAL, "up")
        self.ctl.connect(f"{self.folder}/ovs-vswitchd.ctl")

    def start(self, program: str, *words: str) -> None:
        own = [f"--unixctl={self.folder}/{program}.ctl", f"--log-file={self.folder}/{program}.log"]
        command = ["ip", "netns", "exec", self.space, program, *words, *own]
        daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.daemons.append(daemon)
        deadline = time.monotonic() + 30
        while not Path(f"{self.folder}/{program}.ctl").exists():
            assert time.monotonic() < deadline and daemon.poll() is None, f"{program} does not start"
            time.sleep(0.05)

    def within(self, *words: str) -> str:
        return call("ip", "netns", "exec", self.space, *words)

    def asked(self, *words: str) -> str:
        return call("ovs-vsctl", f"--db={self.at}", "--timeout=30", *words)

    def told(self, method: str, *words: str) -> str:
        """Ask the daemon by its control socket, as ovs-appctl does."""
        self.ctl.sendall(json.dumps({"id": 0, "method": method, "params": words}).encode())
        text = ""
        while True:
            text += self.ctl.recv(1 << 16).decode()
            with contextlib.suppress(json.JSONDecodeError):
                said: dict[str, Any] = json.loads(text)
                assert said["error"] is None, said
                return str(said["result"])

    def set_port(self, device: str, port: Port) -> None:
        words = [f"tag={port.native}"] if port.native else []
        how = "access" if port.is_access else "native-untagged" if port.native else "trunk"
        if not port.is_access:
            words.append(f"trunks={','.join(map(str, port.vlans))}")
        if device != LOCAL:
            self.asked("add-port", BR, device)
        self.asked("set", "port", device, f"vlan_mode={how}", *words)

    def numbers(self) -> dict[str, str]:
        """Return the number of each device as the forwarding table names it."""
        text = self.asked("--format=json", "--columns=name,ofport", "list", "interface")
        return {"LOCAL": LOCAL} | {str(number): str(name) for name, number in json.loads(text)["data"]}

    def table(self, names: dict[str, str]) -> dict[tuple[str, int, int], str]:
        rows = (line.split() for line in self.told("fdb/show", BR).splitlines()[1:])
        return {(self.name, int(vlan), int(mac.replace(":", ""), 16)): names[port] for port, vlan, mac, _ in rows}

    def close(self) -> None:
        self.ctl.close()
        for daemon in reversed(self.daemons):
            daemon.terminate()
            daemon.wait(30)
        call("ip", "netns", "del", self.space)


def socket_in(space: str, device: str) -> socket.socket:
    """Return a raw socket at a device of a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as home, open(f"/run/netns/{space}") as there:
        assert libc.setns(there.fileno(), CLONE_NEWNET) == 0
        try:
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_TYPES))
            raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            raw.bind((device, ALL_TYPES))
        finally:
            assert libc.setns(home.fileno(), CLONE_NEWNET) == 0
    return raw


def received(raw: socket.socket) -> bytes | None:
    """Return a frame that has come, with the C-TAG that the kernel keeps beside it; None for one that is sent."""
    data, beside, _, address = raw.recvmsg(2048, 128)
    if address[2] == OUTGOING:
        return None
    for level, kind, body in beside:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, tag_type = struct.unpack("=IIIHHHH", body[:20])
            if status & VLAN_VALID:
                data = data[:12] + struct.pack(">HH", tag_type or 0x8100, tci) + data[12:]
    return data


class Machines:
    """The switches of a system, its wires, and a raw socket for each station."""

    def __init__(self, system: System, folder: Path, at_end: contextlib.ExitStack) -> None:
        self.switches: dict[str, Switch] = {}
        self.sockets: dict[str, socket.socket] = {}
        self.names: dict[str, dict[str, str]] = {}
        for name in system.switches:
            self.switches[name] = switch = Switch(folder / name, f"hw{os.getpid() % 10000}-{name}", name)
            at_end.callback(switch.close)
            switch.begin()
        for name, ports in system.switches.items():
            if name != BRIDGE:
                self.wire(self.switches[name], UPLINK, self.switches[BRIDGE], name)
            for port in ports:
                if port == OUTSIDE or port.startswith("vf"):
                    self.wire(self.switches[name], port, self.switches[name], f"of-{port}")
        for name, ports in system.switches.items():
            devices = {LOCAL if port == "pf" else port: port for port in ports}
            for device, port in devices.items():
                self.switches[name].set_port(device, ports[port])
            numbers = self.switches[name].numbers()
            self.names[name] = {at: devices[device] for at, device in numbers.items() if device in devices}
        for station, name, port in system.stations():
            device = LOCAL if port == "pf" else f"of-{port}"
            self.sockets[station] = at_end.enter_context(socket_in(self.switches[name].space, device))

    def wire(self, one: Switch, device: str, other: Switch, its: str) -> None:
        call("ip", "link", "add", device, "netns", one.space, "type", "veth", "peer", "name", its, "netns", other.space)
        one.within("ip", "link", "set", "dev", device, "up")
        other.within("ip", "link", "set", "dev", its, "up")

    def table(self) -> dict[tuple[str, int, int], str]:
        found: dict[tuple[str, int, int], str] = {}
        for name, switch in self.switches.items():
            found |= switch.table(self.names[name])
        return found

    def send(self, number: int, sent: Sent, before: dict[tuple[str, int, int], str]) -> Sent:
        """Send a frame; return it with what has come of it."""
        for switch in self.switches.values():
            switch.told("revalidator/purge")
        mark = MARK % number
        own = bytes.fromhex(sent.header)
        self.sockets[sent.sender].send(own + bytes(FRAME_BYTES - len(own) - len(mark)) + mark)
        came: dict[str, str] = {}
        by_number = {raw.fileno(): station for station, raw in self.sockets.items()}
        while ready := select.select(list(by_number), [], [], QUIET_S)[0]:
            for at in ready:
                station = by_number[at]
                data = received(self.sockets[station])
                if data is not None and mark in data:
                    assert station not in came, "a frame comes once"
                    tag = data[14:16].hex() if data[12:14] == TAG_TYPE else ""
                    rest = bytes.fromhex(with_tag(sent.header, tag))
                    assert data.startswith(rest), "addresses and type are as they were sent"
                    assert not any(data[len(rest) : data.index(mark)]), "and so is what is behind them"
                    came[station] = tag
        after = self.table()
        changed: dict[tuple[str, int, int], str | None] = {
            key: after.get(key) for key in {**before, **after} if before.get(key) != after.get(key)
        }
        before.clear()
        before.update(after)
        return replace(sent, came=came, learned=changed)


def recorded(system: System) -> System:
    """Return a system with what Open vSwitch does with its frames."""
    with contextlib.ExitStack() as at_end:
        folder = at_end.enter_context(tempfile.TemporaryDirectory())
        machines = Machines(system, Path(folder), at_end)
        known = machines.table()
        assert not known, "nobody has sent yet"
        return System(system.switches, [machines.send(at, sent, known) for at, sent in enumerate(system.frames)])


def main() -> None:
    """Record all systems into the file, or into the one that is named."""
    systems = [recorded(drawn(seed)) for seed in SEEDS]
    Path(sys.argv[1] if len(sys.argv) > 1 else FILE).write_text("\n".join(lines_of(systems)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
