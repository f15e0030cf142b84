"""How many of each thing a run has room for: the machine's tables are so long, and configurations are held to it.

Only what a configuration can exceed stands here. What else the machine has room for stands beside its records.
"""

from __future__ import annotations

# An adapter: what its switch looks up and matches at one Ethernet port, token buckets at all its ports together, bins
# of a histogram of latencies, control frames that a file says come. `LANE_CAP`: pending events of one kind, such as
# the writes of a link that wait for the IOMMU.
MAX_LOOKUP_ENTRIES = 6144
MAX_POLICERS = 1024
MAX_ACL_ENTRIES = MAX_POLICERS
MAX_OWN_IPS = 1024
MAX_MIRRORS = 256
MAX_JITTER_BINS = 256
MAX_RECEIVED = 1 << 12
LANE_CAP = 1 << 12

# Hosts: servers, or their adapters, in all; adapters on a bus, which has numbers for so many devices (PCI Local Bus
# Specification, device numbers of 5 bits); hosts of a shared adapter.
MAX_SERVERS = 256
MOST_ON_BUS = 32
MOST_HOSTS = 16

# All bridges together. `MAX_ADDRESSES`: that they know, each in a VLAN at a bridge; `MAX_HOMES`: that the configuration
# puts behind ports, counted so too; `MAX_STATION_ADDRESSES`: of MAC and of IP each, that
# rules call a station's own; `MAX_LISTED`: entries of all lists of ports and logical ports; `MAX_BRIDGE_MIRRORS`: a bit
# each in a word.
MAX_BOXES = 256
MAX_BRIDGE_PORTS = 1024
MAX_LOGICAL_PORTS = 1 << 13
MAX_BRIDGE_POLICERS = 1024
MAX_BRIDGE_MIRRORS = 62
MAX_BRIDGE_SAMPLERS = 1024
MAX_POLICY = 1 << 14
MAX_STATION_ADDRESSES = 1 << 16
MAX_HOMES = 1 << 20
MAX_ADDRESSES = 1 << 16
MAX_LISTED = 1 << 17

# A workload: headers in all, and those that come to one server; rows of the tables that targets and lengths are drawn
# from; connections that a flow cache tells apart.
MAX_TEMPLATES = 1 << 19
MAX_SOURCES = 1 << 15
MAX_CHOICES = 1 << 19
MAX_CACHED_FLOWS = 1 << 20

# A scenario: its events, the messages and doorbells of all, and changes at one adapter or bridge, of which a message
# makes two and a doorbell one.
MOST_EVENTS = 10_000
MOST_ASKED = 1 << 19
COMMAND_CAP = 1 << 22
