"""Load, check and resolve configurations."""

from __future__ import annotations

from .base_document import BaseDocument, read_base
from .bridge import Bridge, BridgePort, PolicyEntry, ServiceLevel
from .check_rings import rx_descriptors_in_use
from .defaults import defaults_beside
from .demand import Flow, Load
from .driver import Driver, VmDriver
from .extenders import Extender
from .frame_lengths import descriptors_of, mirrored_tag_bytes, named_lengths
from .host import Host, JitterBin
from .joined import JoinedBridge, JoinedPort
from .load import as_config, config_from_mapping, load_config, place_lines
from .model import Config
from .nic import Nic
from .pcie import Credits, Pcie
from .run import Run
from .schema import json_schema
from .servers import AdapterEntry, ServerEntry
from .service_levels import queue_bytes, s_channels_of
from .shipped import ShippedConfig, shipped_configs, shipped_studies, study_path
from .station import Port
from .switch import AclEntry, AddressEntry, EcidList, Mirror, Switch, Uplink
from .system import (
    NamedBridge,
    Server,
    bridge_with,
    bridges_of,
    changes_between,
    outside_rate_bps,
    port_rate_bps,
    reflects,
    servers_of,
    stations_in_use,
)
from .wire_port import WirePort
from .workload import External, SizeWeight, Workload

__all__ = [
    "AclEntry",
    "AdapterEntry",
    "AddressEntry",
    "BaseDocument",
    "Bridge",
    "BridgePort",
    "Config",
    "Credits",
    "Driver",
    "EcidList",
    "Extender",
    "External",
    "Flow",
    "Host",
    "JitterBin",
    "JoinedBridge",
    "JoinedPort",
    "Load",
    "Mirror",
    "NamedBridge",
    "Nic",
    "Pcie",
    "PolicyEntry",
    "Port",
    "Run",
    "Server",
    "ServerEntry",
    "ServiceLevel",
    "ShippedConfig",
    "SizeWeight",
    "Switch",
    "Uplink",
    "VmDriver",
    "WirePort",
    "Workload",
    "as_config",
    "bridge_with",
    "bridges_of",
    "changes_between",
    "config_from_mapping",
    "defaults_beside",
    "descriptors_of",
    "json_schema",
    "load_config",
    "mirrored_tag_bytes",
    "named_lengths",
    "outside_rate_bps",
    "place_lines",
    "port_rate_bps",
    "queue_bytes",
    "read_base",
    "reflects",
    "rx_descriptors_in_use",
    "s_channels_of",
    "servers_of",
    "shipped_configs",
    "shipped_studies",
    "stations_in_use",
    "study_path",
]
