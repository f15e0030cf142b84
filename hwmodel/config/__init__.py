"""Load, check and resolve configurations."""

from __future__ import annotations

from .check_rings import rx_descriptors_in_use
from .defaults import defaults_beside
from .demand import Flow, Load
from .driver import Driver
from .frame_lengths import descriptors_of, mirrored_tag_bytes
from .host import Host, JitterBin
from .load import as_config, config_from_mapping, load_config, place_lines
from .model import Config
from .nic import Nic
from .pcie import Credits, Pcie
from .run import Run
from .schema import json_schema
from .shipped import ShippedConfig, shipped_configs
from .station import Port
from .switch import AclEntry, AddressEntry, EcidList, Mirror, Switch, Uplink
from .wire_port import WirePort
from .workload import External, SizeWeight, Workload

__all__ = [
    "AclEntry",
    "AddressEntry",
    "Config",
    "Credits",
    "Driver",
    "EcidList",
    "External",
    "Flow",
    "Host",
    "JitterBin",
    "Load",
    "Mirror",
    "Nic",
    "Pcie",
    "Port",
    "Run",
    "ShippedConfig",
    "SizeWeight",
    "Switch",
    "Uplink",
    "WirePort",
    "Workload",
    "as_config",
    "config_from_mapping",
    "defaults_beside",
    "descriptors_of",
    "json_schema",
    "load_config",
    "mirrored_tag_bytes",
    "place_lines",
    "rx_descriptors_in_use",
    "shipped_configs",
]
