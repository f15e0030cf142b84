"""The tables of docs/configuration.md: every key with its values, its default and its meaning, from the models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from docs_site.command_line import markdown_table
from hwmodel.config.device_bounds import Varying
from hwmodel.config.device_limits import LIMITS
from hwmodel.config.host import VmDriver
from hwmodel.config.model import Config, block_in
from hwmodel.config.presets import DEVICES, DRIVERS, HOSTS, Values
from hwmodel.config.schema import default_text, fields, schema_of, user_text

_ATTRIBUTES = """\
## Attributes in Python

`load_config` returns the configuration with an attribute for each key: `config.pcie.lanes`. Quantities are whole
numbers there, with the unit in the attribute's name: bytes, fs (femtoseconds), bps (bits a second), hz. These keys have
another name than their attribute; all others have the same.
"""
# Of names in mappings whose entries are blocks.
_EXAMPLES = {"agents": "guard", "profiles": "web", "ports": "adapter", "extenders": "fex0", "vms": "vf1", "hosts": "a"}
_HOSTS = """`xeon_e5_2630v4` is calibrated with measurements ([validation](validation.md)). The others are not: what is
published are percentiles of the latency of reads, and the cache's size; the rest is as in the calibrated host. Written
keys win, so another host is the nearest preset with a `read_latency` and a `cache.size` of its own."""

_DEVICE_LIMITS = """#### Limits

What the device of `nic.preset` has; an empty field: not known, or not limited. Whatever says otherwise is wrong, be
it a file, `--set` or an event, and the message names the source. With `nic.strict: false` one warning names it, and
the run, like `hwmodel config-space`, has what was asked for. With `nic.preset: null` there is no device, and no limit
but the model's own. Where no preset is written nobody has named a device: of the 82599, whose numbers then stand in,
only the limits with a * hold. Not known, and so not limited: the largest read request (`pcie.max_read_request`), the
XL710's packet buffers and its VFs' vectors, which its firmware gives. A VF's station is meant where the table says VF;
the stations of a virtual switch (`nic.mode: vswitch`) are none of the adapter's."""


def tables() -> str:
    """Return a section for each block, the attributes in Python, and the presets."""
    parts = []
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
    return (
        "\n".join(
            [
                "## Presets\n\nThe sources of the numbers stand beside them in `hwmodel/config/presets.py`.\n",
                "### Devices (nic.preset)\n",
                markdown_table(["key", *devices], rows),
                f"{_DEVICE_LIMITS}\n",
                markdown_table(["limit of", *devices], _limit_rows(list(devices))),
                "### Drivers (driver.preset)\n",
                _table_of(dict(sorted(DRIVERS.items(), reverse=True))),
                f"### Hosts (host.preset)\n\n{_HOSTS}\n",
                _table_of(HOSTS),
            ]
        ).rstrip("\n")
        + "\n"
    )


def _limit_rows(devices: list[str]) -> list[list[str]]:
    """Return a row for each limit: the keys, and what each device has; empty where nothing is known."""
    rows = []
    for limit in LIMITS:
        what = limit.asks.replace("{}", "N").removesuffix(",")
        cells = (
            "" if bound is None else bound.words if isinstance(bound, Varying) else bound.words(limit.write)
            for bound in map(limit.bounds.get, devices)
        )
        rows.append([f"`{limit.keys}`: {what}{' *' * limit.of_unnamed}", *cells])
    return rows


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
