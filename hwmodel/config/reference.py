"""Write docs/configuration.md: every key with its values, its default and its meaning, from the models themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from .host import VmDriver
from .model import Config, block_in
from .presets import DEVICES, DRIVERS, HOSTS, Values
from .schema import default_text, fields, schema_of, user_text

_INTRODUCTION = """\
# Configuration

<!-- Written by hwmodel.config.reference; a test keeps it current. -->

A configuration is a YAML file with up to ten blocks. Every key has a default, so a file says only what matters to it;
`hwmodel check FILE` prints all keys with the values that hold. The files in `configs/` are places to start from, and
begin with a line that lets editors complete keys and show these descriptions.

**Units are written out**: bytes as `256B`, `64KiB`, `1MiB` (1 KiB is 1024 B), times as `450ns`, `2ms` (fs, ps, ns, us,
ms, s), rates as `10Gbps` (bps, Kbps, Mbps, Gbps; powers of 1000), frame rates as `2Mpps` (pps, Kpps, Mpps, Gpps),
frequencies as `156.25MHz`. Frame lengths alone are bare numbers, because the field writes them so: bytes with the FCS.
Fractions are welcome where they come out whole: `1.5KiB` is 1536 B, `0.5B` is an error.

**Files are read strictly.** Unknown and repeated keys, anchors, aliases and tags, a second document, other encodings
than UTF-8 and files over 1 MiB are errors. A plain `on`, `yes`, `1e3` or `12:30` is a text, never a number. All that is
wrong is reported at once, a line each, and the exit status is 2:

    configs/mine.yaml:4:16: pcie.max_payload: '500ns' is a time, but this is a byte count; write it like 256B
    configs/mine.yaml:9:3: nic.rx_rings: unknown key (did you mean rx_ring?)

**`--set KEY=VALUE`** changes any key of a file: `--set pcie.lanes=8`, `--set workload.sizes='[[64, 7], [1518, 1]]'`.
An entry of a list goes by its name, or by its position from 0: `--set switch.ports.vf0.vlans='[1, 2]'` (which adds the
entry if the file has none), `--set workload.flows.0='[vf0, vf1, 1Gbps]'`. File names in `--set` start at the current
directory, those in a file at the file's own.

A block given whole changes only the keys that it names: `--set 'pcie={lanes: 4, credits: {ph: 32}}'` keeps the file's
`tags`. So does an entry of a list, by its name or position: `--set 'switch.ports={vf0: {weight: 2}}'`. Anything else
takes the place of what was there: lists written as lists, and tables such as `switch.s_channels`. `--set pcie=null`
goes back to the defaults. `load_config(path, {"pcie": {"lanes": 4}})` in Python does the same, with dotted keys or
without; numbers, texts and arrays of numpy are welcome there. In place of the path it takes a mapping,
`load_config({"pcie": {"lanes": 4}})`. For many changes of one file, `base = hwmodel.config.read_base(path)` reads it
once, and `base.with_overrides({"pcie.lanes": 8})` gives one configuration after another.

**Who wins**: a written key, then the driver's preset (`driver.preset`), then the device's (`nic.preset`), then the
default. `preset: null` leaves a stage out; without a device its limits are not checked either. A host's preset
(`host.preset`) gives keys of `host` alone, which the other two do not.

**Several servers** stand in `servers`, each with what differs from the file's own blocks; `bridge` joins them, a
learning one with all its defaults where it is not written. Their VMs are then called `a.vf0` in `workload` and
`bridge`. Patterns run over the VFs of all servers, in order; a share as `load` is one of the rates of all their ports
together. Default addresses have the server's number in them, 02:00:00:SS:NN:NN; written ones belong into a `set`.
`--set servers.b.set.pcie.lanes=8` changes a key of one server. Several `adapters` of a server are called `a.x`, their
VMs `a.x.vf0`; `--set servers.a.adapters.x.set.pcie.lanes=8` changes a key of one. What is wrong in a `set` has such a
key in its message; what is wrong in the file's own blocks for some servers alone has their names beside it.

    servers: [{name: a}, {name: b, set: {pcie.lanes: 8, switch.ports.all.max_frame: 9018B}}]
    bridge: {latency: 300ns, ports: {outside: {rate: 40Gbps}}}
    workload: {pattern: flows, flows: [[a.vf0, b.vf3, 2Gbps], [uplink, a.vf1, 1Gbps]]}

**Several Ethernet ports** of one adapter, behind one PCIe link, are `port: {count: 2}` (or 4): p0, p1, each with a
wire and a switch of its own. VFs go to them in turn, or as `switch.ports.vf3.port: p0` says; stations outside are
`p1.uplink` in `flows` ([more](loads.md#patterns)). A wire that is dead stands in `port.down`. With `bridge` or
`servers` adapters have one port each.

    port: {count: 2, down: [p1]}

**Several bridges** stand in `bridges`, in place of `bridge`: each with a name and that block's keys, and joined in a
tree by wires between two of their ports. `--set bridges.left.ports.trunk.rate=40Gbps` changes a key of one
([more](bridge.md#several-bridges)).

    servers: [{name: a}, {name: b}]
    bridges:
      - {name: left, ports: {a: {}, trunk: {to: right.trunk, rate: 2.5Gbps, propagation: 1us}}}
      - {name: right, ports: {b: {}, trunk: {}}}

**What changes in mid-run** stands in `scenario`, or in a file of its own that it names: events, each with a time,
counted from the run's first instant, or a condition that it waits for, and keys with the values that they have from
then on ([more](scenario.md)); or what a VF asks of the PF's driver, which may refuse it ([more](mailbox.md)).

    scenario:
      - {at: 2ms, set: {switch.ports.vf3.rate_limit: 1Gbps}}
      - {at: 4ms, set: {switch.ports.vf3.rate_limit: null, port.rate: 1Gbps}}
      - {at: 5ms, mailbox: {from: vf2, message: set_vlan, vlan: 20, add: true}}
      - {when: {vm: vf1, delivered: 1000}, reset: vf3}

**Results** carry the resolved configuration, which is a valid file itself, and its hash: the first 16 hexadecimal
digits of its SHA-256. A capture counts by its content there, not by its name.
"""


_ATTRIBUTES = """\
## Attributes in Python

`load_config` returns the configuration with an attribute for each key: `config.pcie.lanes`. Quantities are whole
numbers there, with the unit in the attribute's name: bytes, fs (femtoseconds), bps (bits a second), hz. These keys have
another name than their attribute; all others have the same.
"""
# Of names in mappings whose entries are blocks.
_EXAMPLES = {"ports": "adapter", "extenders": "fex0", "vms": "vf1", "hosts": "a"}
_HOSTS = """`xeon_e5_2630v4` is calibrated with measurements ([validation](validation.md)). The others are not: what is
published are percentiles of the latency of reads, and the cache's size; the rest is as in the calibrated host. Written
keys win, so another host is the nearest preset with a `read_latency` and a `cache.size` of its own."""
# What the table of devices calls a limit, and its attribute in `presets.Device`.
_LIMITS = {
    "most VFs": "max_vfs",
    "most queue pairs": "max_queues",
    "most queue pairs of a function": "max_queues_per_function",
    "shortest ring": "ring_least",
    "longest ring": "ring_most",
    "rings are multiples of": "ring_step",
    "most addresses": "max_macs",
    "most VLANs": "max_vlans",
    "most mirrors": "max_mirrors",
    "most Ethernet ports": "max_ports",
}


def reference_text() -> str:
    """Return the text of docs/configuration.md."""
    parts = [_INTRODUCTION]
    for _, key, field, annotation in fields(Config):
        parts.append(f"## {key}\n\n{field.description}\n")
        block = block_in(annotation)
        assert block is not None, "a configuration is made of blocks"
        parts.extend(_tables(key, block))
    return "\n".join([*parts, _attribute_table(), _preset_tables()])


def _attribute_table() -> str:
    """Return the keys whose attribute in Python has another name, since it carries the unit."""
    rows = [[f"`{key}`", f"`{attribute}`"] for key, attribute in _attributes(Config) if _last(key) != _last(attribute)]
    return f"{_ATTRIBUTES}\n{markdown_table(['key', 'attribute'], rows)}"


def _attributes(model: type[BaseModel], path: str = "", attributes: str = "") -> Iterator[tuple[str, str]]:
    for name, key, _, annotation in fields(model):
        yield f"{path}{key}", f"{attributes}{name}"
        block = block_in(annotation)
        if block is not None:
            of_key, of_attribute = _entry(key, _value_text(schema_of(annotation, {})))
            yield from _attributes(block, f"{path}{key}{of_key}.", f"{attributes}{name}{of_attribute}.")


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _entry(key: str, value: str) -> tuple[str, str]:
    """Return how an example of an entry goes on, as a key and in Python, where a value has entries that are blocks."""
    name = _EXAMPLES.get(key, "")
    if value.startswith("a list"):
        return "[0]", "[0]"
    if value.startswith("a mapping of numbers"):
        return ".10", "[10]"
    return (f".{name}", f'["{name}"]') if value.startswith("a mapping") else ("", "")


def _tables(path: str, model: type[BaseModel]) -> Iterator[str]:
    """Yield the table of a block, then those of the blocks in it; a VM's own driver has the keys of `driver`."""
    if model is VmDriver:
        yield "The keys of `driver` but `vms`; one that is not said is as there, or beside a `preset` as in that.\n"
        return
    rows = []
    inside = []
    for _, key, field, annotation in fields(model):
        default = default_text(model, key, field)
        block = block_in(annotation)
        if block is not None:
            inside.append((f"{path}.{key}", block))
            default = "" if default == "{}" else default
        value = _value_text(schema_of(annotation, {}))
        rows.append([f"`{key}`", value, f"{default}", field.description or ""])
    yield markdown_table(["key", "value", "default", "meaning"], rows)
    for block_path, block in inside:
        yield f"### {block_path}\n\n{(block.__doc__ or '').strip()}\n"
        yield from _tables(block_path, block)


def _value_text(schema: dict[str, Any]) -> str:
    """Say in a few words what the JSON schema of a value allows."""
    if "title" in schema:
        return str(schema["title"])
    if "$ref" in schema:
        return "keys, below"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        words = [item for item in schema["enum"] if not isinstance(item, int) or schema.get("type") == "integer"]
        return ", ".join(f"`{user_text(word)}`" for word in words)
    if "anyOf" in schema:
        return ", or ".join(_value_text(part) for part in schema["anyOf"])
    if schema["type"] == "array" and "items" in schema:
        items = _value_text(schema["items"])
        return "a list of entries, below" if items == "keys, below" else f"a list: {items}"
    if schema["type"] == "array":
        return "[" + "; ".join(_value_text(part) for part in schema["prefixItems"]) + "]"
    if schema["type"] == "object":
        names = "names" if "title" in schema["propertyNames"] else "numbers"
        return f"a mapping of {names} to: {_value_text(schema['additionalProperties'])}"
    return {"null": "`null`", "number": "a number", "boolean": "`true`, `false`", "string": "a text"}[schema["type"]]


def _preset_tables() -> str:
    devices = dict(sorted(DEVICES.items()))
    rows = _rows_of([device.values for device in devices.values()])
    for what, attribute in _LIMITS.items():
        values = (getattr(device, attribute) for device in devices.values())
        rows.append([what, *("not checked" if value is None else str(value) for value in values)])
    return (
        "\n".join(
            [
                "## Presets\n\nThe sources of the numbers stand beside them in `hwmodel/config/presets.py`.\n",
                "### Devices (nic.preset)\n",
                markdown_table(["key or limit", *devices], rows),
                "### Drivers (driver.preset)\n",
                _table_of(dict(sorted(DRIVERS.items(), reverse=True))),
                f"### Hosts (host.preset)\n\n{_HOSTS}\n",
                _table_of(HOSTS),
            ]
        ).rstrip("\n")
        + "\n"
    )


def _table_of(presets: Mapping[str, Values]) -> str:
    return markdown_table(["key", *presets], _rows_of(presets.values()))


def _rows_of(presets: Iterable[Values]) -> list[list[str]]:
    """Return a row for each key that a preset sets: the key, and its value in each preset."""
    columns = [dict(_leaves(one)) for one in presets]
    keys = dict.fromkeys(key for column in columns for key in column)
    return [[f"`{key}`", *(user_text(column[key]) if key in column else "" for column in columns)] for key in keys]


def _leaves(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the keys that are no blocks, by their dotted names, with their values."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
