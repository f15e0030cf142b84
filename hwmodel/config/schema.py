"""Describe configurations as users write them: the JSON schema for editors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .host import VmDriver
from .kinds import Kind, Listing, OrWord
from .model import Config
from .presets import DEVICES, DRIVERS, HOSTS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]
_NULL = {"type": "null"}
OF_A_VM = "as in driver, or as the preset beside it has it"


def json_schema() -> Schema:
    """Return the JSON schema of configuration files, with a description of each key."""
    definitions: Schema = {}
    properties: Schema = {}
    for name, key, field, annotation in fields(Config):
        block = _described(schema_of(annotation, definitions), field.description or "")
        description = block.pop("description")
        forms = [form for form in block.get("anyOf", [block]) if form != _NULL]
        properties[key] = {"anyOf": [*forms, _NULL], "description": description}
        assert name == key, "the blocks have no alias"
    return {
        "$schema": DIALECT,
        "title": "hwmodel configuration",
        "description": "A PCIe network adapter shared by virtual machines, its host and its load.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """Return the JSON schema as the text of configs/schema.json."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=True) + "\n"


def keys_in(schema: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Yield each dotted key of a configuration's schema, at any depth, with its schema's JSON pointer and its schema.

    Entries of lists, and of mappings by names, are left out.
    """
    return _keys_below(schema, schema["properties"], "#/properties", "")


def _keys_below(schema: Schema, properties: Schema, pointer: str, before: str) -> Iterator[tuple[str, str, Schema]]:
    for name, value in properties.items():
        key, at = f"{before}{name}", f"{pointer}/{name}"
        yield key, at, value
        for form in value.get("anyOf", [value]):
            if "$ref" in form:
                block = form["$ref"].rpartition("/")[2]
                inside = schema["$defs"][block]["properties"]
                yield from _keys_below(schema, inside, f"#/$defs/{block}/properties", f"{key}.")


def fields(model: type[BaseModel]) -> Iterator[tuple[str, str, FieldInfo, Any]]:
    """Yield (attribute, key, field, annotation with all its kinds) for each key of a block."""
    hints = get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        yield name, field.alias or name, field, hints[name]


def schema_of(annotation: Any, definitions: Schema) -> Schema:
    """Return the schema of an annotation; the blocks in it are added to `definitions`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *metadata = get_args(annotation)
        kind = next((item for item in metadata if isinstance(item, Kind)), None)
        if isinstance(kind, Listing):
            least = {"minItems": kind.least} if kind.least else {}
            listed = {"type": "array", "items": schema_of(get_args(base)[0], definitions), **least}
            return {"anyOf": [listed, {"type": "string"}]} if kind.or_file else listed
        if isinstance(kind, OrWord):
            return {"anyOf": [{"const": kind.word}, schema_of(kind.other, definitions)]}
        assert kind is not None, f"{annotation} says nothing about what a user types"
        return kind.schema()
    if origin in (Union, UnionType):
        return {"anyOf": [schema_of(part, definitions) for part in get_args(annotation)]}
    if annotation is NoneType:
        return dict(_NULL)
    if origin is dict:
        names, values = get_args(annotation)
        return {
            "type": "object",
            "propertyNames": schema_of(names, definitions),
            "additionalProperties": schema_of(values, definitions),
        }
    assert issubclass(annotation, BaseModel), f"{annotation} has no schema"
    _define(annotation, definitions)
    return {"$ref": f"#/$defs/{annotation.__name__}"}


def _define(model: type[BaseModel], definitions: Schema) -> None:
    if model.__name__ in definitions:
        return
    definition: Schema = definitions.setdefault(model.__name__, {})
    properties: Schema = {}
    required = []
    for _, key, field, annotation in fields(model):
        says = default_text(model, key, field)
        description = f"{field.description}{f' Default: {says}.' if says else ''}"
        properties[key] = _described(schema_of(annotation, definitions), description)
        if has_one_default(model, key, field) and field.default not in ({}, []):
            properties[key]["default"] = field.default
        if field.is_required() and derived_text(field) is None:
            required.append(key)
    definition.update(
        {
            "description": (model.__doc__ or "").strip(),
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
    )


def _described(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description}


def derived_text(field: FieldInfo) -> str | None:
    """Return what an unwritten key is derived from, in words; None if it is not derived."""
    extra = field.json_schema_extra
    return str(extra["derived"]) if isinstance(extra, dict) and "derived" in extra else None


def has_one_default(model: type[BaseModel], key: str, field: FieldInfo) -> bool:
    """Tell whether a key has one default, neither derived from other keys nor set differently by a preset."""
    if model is VmDriver:
        return False
    if field.is_required() or derived_text(field) is not None:
        return False
    return set(_preset_values(model, key)) <= {user_text(field.default)}


def default_text(model: type[BaseModel], key: str, field: FieldInfo) -> str:
    """Return what holds where a key is not written: one value, one for each preset, or what it follows from."""
    derived = derived_text(field)
    if derived is not None:
        return derived
    if field.is_required():
        return ""
    if model is VmDriver:
        return OF_A_VM
    default = user_text(field.default)
    if has_one_default(model, key, field):
        return default
    others = [
        f"{value} ({', '.join(names)})" for value, names in _preset_values(model, key).items() if value != default
    ]
    return ", ".join([*others, f"otherwise {default}"])


def user_text(value: Any) -> str:
    """Write a default as it would stand in a file."""
    return json.dumps(value) if not isinstance(value, str) else value


def _preset_values(model: type[BaseModel], key: str) -> dict[str, list[str]]:
    """Return the values that presets give to a key, each with the presets' names."""
    block = next((name for name, field in Config.model_fields.items() if field.annotation is model), None)
    names: dict[str, list[str]] = {}
    tables = [*DRIVERS.items(), *((name, device.values) for name, device in DEVICES.items()), *HOSTS.items()]
    for preset, values in tables:
        given = {} if block is None else values.get(block, {})
        if key in given and not isinstance(given[key], Mapping):  # a mapping is an inner block
            names.setdefault(user_text(given[key]), []).append(preset)
    return names
