"""The outer tags: what each says, who is refused by it, and how it is written. Their formats are `rules.switch_modes`.

An interface is a number by which tags name a station, or an S-channel. A tag is read and written as the number that
follows its type; a field of it has a `place` there.
"""

from __future__ import annotations

from hwmodel.compiled.compilation import inlined, kernel
from hwmodel.compiled.records import ints
from hwmodel.forwarding.drop_reason import DropReason
from hwmodel.forwarding.port_set import UPLINK
from hwmodel.forwarding.tables import ECID, VIF, VIF_LIST, group_ecid, key_of
from hwmodel.rules import switch_modes
from hwmodel.rules.switch_modes import DEFAULT_S_VID, E_TAG, OUTER_TAGS, S_TAG, VN_TAG

NO_OUTER_TAG, OUTER_S, OUTER_VN, OUTER_E = range(4)
NO_INTERFACE = -1
LIST_GROUP = 1  # GRP of the E-CIDs that stand for lists

# ---- By kind of outer tag ----

OUTER_TYPES = (0, *(tag.ethertype for tag in OUTER_TAGS))
OUTER_BYTES = (0, *(tag.n_bytes for tag in OUTER_TAGS))  # with the type
WITH_PRIORITY = tuple(kind for kind, tag in enumerate(OUTER_TAGS, start=1) if tag.has_priority)
# Drop reasons by kind of tag: for a frame without that tag, or with another; for a tag that names nobody.
MISSING = (0, 0, DropReason.VNTAG_MISSING.value, DropReason.ETAG_MISSING.value)
UNKNOWN_INTERFACE = (
    DropReason.STAG_UNKNOWN.value, DropReason.STAG_UNKNOWN.value,
    DropReason.VNTAG_UNKNOWN_VIF.value, DropReason.ETAG_UNKNOWN_ECID.value,
)  # fmt: skip
OWN_KEYS = (0, 0, VIF, ECID)  # kinds of keys under which the adapter looks up stations

# ---- Fields ----

# Of a parsed header. S-TAG and E-TAG have outer_pcp and outer_dei.
TAG_FIELDS = (
    *ints("outer_kind", "outer_pcp", "outer_dei", "s_vid"),
    *ints("vn_direction", "vn_pointer", "vn_dvif", "vn_looped", "vn_version", "vn_svif"),
    *ints("e_group", "e_ecid", "e_ingress_ecid"),
)
S_PCP, S_DEI, S_VID = (S_TAG.places[name] for name in ("pcp", "dei", "vid"))
VN_DIRECTION, VN_POINTER, VN_DVIF = (VN_TAG.places[name] for name in ("direction", "pointer", "dvif"))
VN_LOOPED, VN_VERSION, VN_SVIF = (VN_TAG.places[name] for name in ("looped", "version", "svif"))
E_PCP, E_DEI, E_INGRESS_ECID = (E_TAG.places[name] for name in ("pcp", "dei", "ingress_ecid"))
E_GROUP, E_ECID = (E_TAG.places[name] for name in ("group", "ecid"))


field_of, put = inlined(switch_modes.field_of), inlined(switch_modes.put)


@kernel
def reset_tag(header):
    """Set the fields of the outer tag to zero."""
    header.outer_kind = header.outer_pcp = header.outer_dei = header.s_vid = 0
    header.vn_direction = header.vn_pointer = header.vn_dvif = 0
    header.vn_looped = header.vn_version = header.vn_svif = 0
    header.e_group = header.e_ecid = header.e_ingress_ecid = 0


@kernel
def read_tag(header, kind, word):
    """Note the fields of an outer tag."""
    header.outer_kind = kind
    if kind == OUTER_VN:
        header.vn_direction = field_of(word, VN_DIRECTION)
        header.vn_pointer = field_of(word, VN_POINTER)
        header.vn_dvif = field_of(word, VN_DVIF)
        header.vn_looped = field_of(word, VN_LOOPED)
        header.vn_version = field_of(word, VN_VERSION)
        header.vn_svif = field_of(word, VN_SVIF)
    elif kind == OUTER_E:
        header.outer_pcp = field_of(word, E_PCP)
        header.outer_dei = field_of(word, E_DEI)
        header.e_ingress_ecid = field_of(word, E_INGRESS_ECID)
        header.e_group = field_of(word, E_GROUP)
        header.e_ecid = field_of(word, E_ECID)
    else:
        header.outer_pcp = field_of(word, S_PCP)
        header.outer_dei = field_of(word, S_DEI)
        header.s_vid = field_of(word, S_VID)


@kernel
def has_priority(header):
    """Tell whether a header has an outer tag with a priority."""
    return header.outer_kind in WITH_PRIORITY


# ---- From an adapter to the bridge ----


@kernel
def own_interface(tables, port):
    """Return the interface that the tag on the wire names for a station; `NO_INTERFACE` where its frames have none."""
    kind = tables.port[UPLINK].outer_kind
    if kind == OUTER_VN:
        return port.vif
    if kind == OUTER_E:
        return port.ecid
    if kind == OUTER_S and tables.channel[port.channel].s_vid != DEFAULT_S_VID:
        return tables.channel[port.channel].s_vid
    return NO_INTERFACE


@kernel
def tag_from(kind, interface, pcp, dei):
    """Return the tag of a frame that an adapter sends for an interface."""
    if kind == OUTER_VN:
        return put(interface, VN_SVIF)
    if kind == OUTER_E:
        return put(pcp, E_PCP) | put(dei, E_DEI) | put(interface, E_ECID)
    return put(pcp, S_PCP) | put(dei, S_DEI) | put(interface, S_VID)


@kernel
def sender_of(header):
    """Return the interface that the tag of a frame from an adapter names, `NO_INTERFACE` if it has none."""
    if header.outer_kind == OUTER_VN:
        return header.vn_svif
    if header.outer_kind == OUTER_E:
        return header.e_ecid
    if header.outer_kind == OUTER_S and header.s_vid not in (0, DEFAULT_S_VID):
        return header.s_vid
    return NO_INTERFACE


# ---- From the bridge to an adapter ----


@kernel
def tag_for(kind, interface, is_list, sender, pcp, dei):
    """Return the tag of a frame for an interface or a list; `sender`: the sender's interface on the same port, or 0."""
    if kind == OUTER_VN:
        looped = 1 if sender > 0 else 0
        word = put(1, VN_DIRECTION) | put(is_list, VN_POINTER) | put(interface, VN_DVIF)
        return word | put(looped, VN_LOOPED) | put(sender, VN_SVIF)
    if kind == OUTER_E:
        word = put(pcp, E_PCP) | put(dei, E_DEI) | put(sender, E_INGRESS_ECID) | put(interface, E_ECID)
        return word | put(LIST_GROUP, E_GROUP) if is_list else word
    return put(pcp, S_PCP) | put(dei, S_DEI) | put(interface, S_VID)


@kernel
def named_by(header):
    """Return the interface or list that the tag of a frame from the bridge is for."""
    return header.vn_dvif if header.outer_kind == OUTER_VN else header.e_ecid


@kernel
def names_list(header):
    """Tell whether the tag of a frame from the bridge is for a list."""
    return header.vn_pointer != 0 if header.outer_kind == OUTER_VN else header.e_group > 0


@kernel
def why_refused(header):
    """Return why a frame from the bridge is dropped for its tag's version or direction (VN-Tag), or 0."""
    if header.outer_kind == OUTER_VN:
        if header.vn_version != 0:
            return DropReason.VNTAG_VERSION.value
        if header.vn_direction != 1:
            return DropReason.VNTAG_DIRECTION.value
    return 0


@kernel
def key_of_list(kind, number):
    """Return the key under which an adapter looks up a list that the bridge has set up."""
    return key_of(VIF_LIST, number) if kind == OUTER_VN else key_of(ECID, group_ecid(LIST_GROUP, number))


@kernel
def key_of_named(header):
    """Return the key under which an adapter looks up whom a tag is for."""
    if header.outer_kind == OUTER_VN:
        return key_of(VIF_LIST if header.vn_pointer else VIF, header.vn_dvif)
    return key_of(ECID, group_ecid(header.e_group, header.e_ecid))


@kernel
def key_of_sender(header):
    """Return the key of the station that sent a frame, which must not get it back; 0 if the tag names none."""
    if header.outer_kind == OUTER_VN:
        return key_of(VIF, header.vn_svif) if header.vn_looped else 0
    return key_of(ECID, header.e_ingress_ecid) if header.e_ingress_ecid != 0 else 0
