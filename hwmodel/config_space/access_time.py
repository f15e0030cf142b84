"""How long an access to configuration space takes, on a link that is taken as idle."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hwmodel.rules.pcie_link import REGISTER_BYTES, link_rate_of, tlp_overhead_of

if TYPE_CHECKING:
    from hwmodel.config import Config


class AccessTimes(NamedTuple):
    """Hold the time until a request reaches its function, and the time from then until the core has its completion.

    Reads are answered by a completion with data (`data_fs`); writes, and requests that reach no function, by one
    without (`empty_fs`).
    """

    read_request_fs: int = 0
    write_request_fs: int = 0
    data_fs: int = 0
    empty_fs: int = 0

    @classmethod
    def of(cls, config: Config) -> AccessTimes:
        """Return the times on a configuration's link, after PCI Express Base 3.0, 2.2.7 and 2.2.9.

        A request has a header of 3 double words and addresses one double word, however few of its bytes are accessed.
        The way through the root complex takes `host.read_latency`, as for other registers (assumption); it is counted
        with the completion.
        """
        rate, overhead = link_rate_of(config.pcie), tlp_overhead_of(config.pcie)
        to_function_fs = config.pcie.flight_fs
        to_core_fs = config.pcie.flight_fs + config.host.read_latency_fs
        return cls(
            read_request_fs=to_function_fs + rate.transfer_fs(overhead.configuration_request_bytes),
            write_request_fs=to_function_fs + rate.transfer_fs(overhead.configuration_request_bytes + REGISTER_BYTES),
            data_fs=to_core_fs + rate.transfer_fs(overhead.completion_bytes + REGISTER_BYTES),
            empty_fs=to_core_fs + rate.transfer_fs(overhead.completion_bytes),
        )


AT_ONCE = AccessTimes()
