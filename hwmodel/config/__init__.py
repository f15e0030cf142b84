"""Load, check and resolve configurations."""

from __future__ import annotations

from .bridge import queue_bytes
from .frame_lengths import descriptors_of, mirrored_tag_bytes, named_lengths, rx_descriptors_in_use
from .host import VmDriver
from .load import as_config, config_from_mapping, load_config, read_base
from .model import Config
from .pcie_switches import PcieSwitch, SharedBus, buses_of, cards_of, links_above, switches_of
from .resolve import defaults_beside
from .schema import json_schema
from .shipped import shipped_configs, shipped_studies
from .switch import Switch
from .system import (
    NamedBridge,
    Server,
    bridge_with,
    bridges_of,
    changes_between,
    only_server,
    port_rate_bps,
    reflects,
    servers_of,
)
from .vms import Vm, vms_in_use, vms_of
from .workload import Flow
