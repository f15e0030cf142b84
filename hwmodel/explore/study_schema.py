"""Describe sweep and sizing files as users write them: JSON schemas for editors, around that of configurations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from hwmodel.config import json_schema
from hwmodel.config.schema import DIALECT, Schema, keys_in
from hwmodel.explore.sizing.sizing_file import MONOTONE, MOST_REPEATS
from hwmodel.explore.sizing.targets import LATENCIES, METRICS, RATES
from hwmodel.explore.study.axes import COST, COSTS
from hwmodel.explore.sweep.plan import MOST_SEEDS

# No `$id`: editors and validators then seek the file beside the one that refers to it, wherever both were put.
CONFIGURATION_SCHEMA = "schema.json"
_NULL = {"type": "null"}
_AMOUNT = {"type": ["number", "string"]}
_COST = {"type": "number", "minimum": 0}
_COST_KEYS: Schema = {
    COST: {**_COST, "description": "What one unit of the value costs, as it is written: of 64KiB one KiB."},
    COSTS: {"type": "array", "items": _COST, "description": "What each value costs, in the order of the values."},
}
_RANGE_KEYS: Schema = {
    "from": {**_AMOUNT, "description": "The first value."},
    "to": {**_AMOUNT, "description": "The last value, where the steps meet it; else the greatest below it."},
    "step": {**_AMOUNT, "description": "How far one value is above the one before it."},
    "steps": {"type": "integer", "minimum": 2, "description": "How many values, evenly apart, both ends among them."},
    "times": {
        "type": "number",
        "exclusiveMinimum": 1,
        "description": "By how much a value is multiplied for the next.",
    },
}
_MONOTONE: Schema = {
    "enum": [True, False, "auto"],
    "description": "Whether a later value is never worse for any target; auto: what is known of the key.",
}


def study_schema(what: str) -> Schema:
    """Return the JSON schema of sweep files (`sweep`) or of sizing files (`sizing`).

    Whatever it says of a configuration, it says by references to `CONFIGURATION_SCHEMA`, a file in the same folder.
    """
    configuration = json_schema()
    keys = dict(_keys_of(configuration))
    # Below lists and user-given names, such as switch.ports.vf0, any key is accepted.
    inner = f"^({'|'.join(sorted(map(re.escape, _named_parts(configuration))))})\\."
    blocks = {block: {"$ref": f"{CONFIGURATION_SCHEMA}#/properties/{block}"} for block in configuration["properties"]}
    values = {key: {"$ref": pointer} for key, (pointer, _) in keys.items()}
    more = {MONOTONE: _MONOTONE} if what == "sizing" else {}
    listed = {"values": {"type": "array", "minItems": 1, "description": "What may be chosen."}}
    one_of = [{"type": "array", "minItems": 1}, {"$ref": "#/$defs/Values"}, {"$ref": "#/$defs/Range"}]
    axes = {key: {**_axis({"$ref": pointer}), "description": says} for key, (pointer, says) in keys.items()}
    definitions = {
        "Axes": {**_mapping(axes, {inner: {"$ref": "#/$defs/Axis"}}), "minProperties": 1},
        "Axis": {"anyOf": one_of},
        "Range": _mapping({**_RANGE_KEYS, **_COST_KEYS, **more}, {}, ["from", "to"]),
        "Set": _mapping({**values, **blocks}, {inner: {}}),
        "Values": _mapping({**listed, **_COST_KEYS, **more}, {}, ["values"]),
    }
    properties = {
        "base": {
            "anyOf": [{"type": "string"}, {"$ref": CONFIGURATION_SCHEMA}],
            "description": "The configuration that is varied: its file, seen from this one, a shipped one, or itself.",
        },
        "set": {
            "anyOf": [{"$ref": "#/$defs/Set"}, _NULL],
            "description": "Keys over the base, for all of it.",
        },
    }
    of_kind = _sweep(values, inner) if what == "sweep" else _sizing()
    return {
        "$schema": DIALECT,
        "title": f"hwmodel {what}",
        **of_kind,
        "type": "object",
        "properties": {**properties, **of_kind["properties"]},
        "additionalProperties": False,
        "$defs": definitions,
    }


def study_schema_text(what: str) -> str:
    """Return the JSON schema as the text of configs/sweep_schema.json or configs/sizing_schema.json."""
    return json.dumps(study_schema(what), indent=1, ensure_ascii=True) + "\n"


def _sweep(values: Schema, inner: str) -> Schema:
    cost = {COST: {**_COST, "description": "What this point costs."}}
    point = {**_mapping({**values, **cost}, {inner: {}}), "minProperties": 1}
    axes = {"$ref": "#/$defs/Axes"}
    return {
        "description": "Points around one configuration: `hwmodel sweep`.",
        "properties": {
            "grid": {**axes, "description": "Axes, each against all others; the first varies slowest."},
            "zip": {**axes, "description": "Axes that go in step: equally many values."},
            "list": {
                "type": "array",
                "minItems": 1,
                "items": point,
                "description": "Points one by one, all with the same keys; each may have a cost.",
            },
            "seeds": {"type": "integer", "minimum": 1, "maximum": MOST_SEEDS, "description": "Runs of each point."},
            "where": {"type": "string", "description": 'Only such points are run: "pcie.lanes < 8 and nic.vfs >= 4".'},
        },
        "required": ["base"],
        "anyOf": [{"required": [key]} for key in ("grid", "zip", "list", "seeds")],
    }


def _sizing() -> Schema:
    described = {
        **dict.fromkeys(RATES, "At least so much of it is delivered."),
        **dict.fromkeys(LATENCIES, "At most so much, from post to delivery, like 10us."),
        "loss": "At most this share of the frames, or of their copies, is dropped: 0, 0.001 or 0.1%.",
    }
    targets = {metric: {**_AMOUNT, "description": described[metric]} for metric in METRICS}
    knobs = "The keys that may move, each with what may be chosen and what that costs."
    repeats = "Seeds that the answer is run with; 3 where it is not said."
    return {
        "description": "A target, and what may be chosen to meet it: `hwmodel size`.",
        "properties": {
            "target": {**_mapping(targets, {}), "minProperties": 1, "description": "Bounds that all have to hold."},
            "knobs": {"$ref": "#/$defs/Axes", "description": knobs},
            "repeats": {"type": "integer", "minimum": 1, "maximum": MOST_REPEATS, "description": repeats},
        },
        "required": ["base", "target", "knobs"],
    }


def _axis(value: Schema) -> Schema:
    """Return the schema of an axis: a list, a list with costs, a range; `value`: that of each value."""
    return {"$ref": "#/$defs/Axis", "items": value, "properties": {"values": {"items": value}}}


def _mapping(properties: Schema, patterns: Schema, required: Sequence[str] = ()) -> Schema:
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if patterns:
        found["patternProperties"] = patterns
    if required:
        found["required"] = list(required)
    return found


def _keys_of(configuration: Schema) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each dotted key of a configuration with the reference to its schema and what it is."""
    for key, pointer, value in keys_in(configuration):
        if "." in key:
            yield key, (f"{CONFIGURATION_SCHEMA}{pointer}", value["description"])


def _named_parts(configuration: Schema) -> set[str]:
    """Return the keys whose values are blocks by user-given names."""
    return {
        key
        for key, _, value in keys_in(configuration)
        for form in value.get("anyOf", [value])
        if "additionalProperties" in form or "$ref" in json.dumps(form.get("items", {}))
    }
