// Perfetto's trace processor, from the WebAssembly module given, on stdin and stdout: length and bytes of each message.
// A message without bytes begins anew, without the trace: the module takes a second to compile, its instance nothing.
import { readFileSync, readSync, writeSync } from "node:fs";

const REQUEST_BYTES = 1 << 22;
const BAD_DESCRIPTOR = 8; // of WASI
const NO_ENTRY = -44; // ENOENT of Emscripten

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
let memory;
const bytes = () => new Uint8Array(memory.buffer);
const words = () => new DataView(memory.buffer);

const does = {
  emscripten_err: () => {}, // it warns that pages cannot be protected
  emscripten_get_now: () => performance.now(),
  emscripten_date_now: () => Date.now(),
  emscripten_get_heap_max: () => 2 ** 31,
  emscripten_resize_heap(wanted) {
    try {
      memory.grow((Math.max(wanted, 0) - memory.buffer.byteLength + 65535) >>> 16);
      return 1;
    } catch {
      return 0;
    }
  },
  clock_time_get(_clock, _precision, at) {
    words().setBigUint64(at, BigInt(Math.round(Date.now() * 1e6)), true);
    return 0;
  },
  environ_sizes_get(count, size) {
    words().setUint32(count, 0, true);
    words().setUint32(size, 0, true);
    return 0;
  },
  environ_get: () => 0,
  fd_write(fd, vectors, n, written) {
    let total = 0;
    for (let i = 0; i < n; i++) {
      const at = words().getUint32(vectors + 8 * i, true);
      const length = words().getUint32(vectors + 8 * i + 4, true);
      writeSync(2, bytes().slice(at, at + length)); // its log
      total += length;
    }
    words().setUint32(written, total, true);
    return 0;
  },
  _tzset_js(timezone, daylight, standard, summer) {
    words().setUint32(timezone, 0, true);
    words().setUint32(daylight, 0, true);
    bytes().set([85, 84, 67, 0], standard);
    bytes().set([85, 84, 67, 0], summer);
  },
};
const imports = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  const missing = () => {
    if (from === "env" && !name.startsWith("__syscall")) throw new Error(`${name} was called`);
    return from === "env" ? NO_ENTRY : BAD_DESCRIPTOR; // there are no files
  };
  (imports[from] ??= {})[name] = does[name] ?? missing;
}
// A JavaScript function enters the table as the export of a module of its own: type (i32, i32) -> (), import, export.
const wrapper = new WebAssembly.Module(
  new Uint8Array([
    0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 2, 127, 127, 0, 2, 7, 1, 1, 101, 1, 102, 0, 0, 7, 5, 1, 1, 102, 0, 0,
  ]),
);
function send(data) {
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, data.length, true);
  for (const part of [head, data]) for (let at = 0; at < part.length; ) at += writeSync(1, part.subarray(at));
}
const answer = (at, length) => send(bytes().slice(at, at + length));

let made;
let request;
function begin() {
  made = new WebAssembly.Instance(module, imports).exports;
  memory = made.memory;
  made.emscripten_stack_init();
  made.__wasm_call_ctors();
  const table = made.__indirect_function_table;
  const place = table.grow(1);
  table.set(place, new WebAssembly.Instance(wrapper, { e: { f: answer } }).exports.f);
  request = made.trace_processor_rpc_init(place, REQUEST_BYTES);
}

function receive(length) {
  const data = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const n = readSync(0, data, at, length - at);
    if (n === 0) process.exit(0);
    at += n;
  }
  return data;
}
begin();
for (;;) {
  const length = new DataView(receive(4).buffer).getUint32(0, true);
  if (length === 0) {
    begin();
    continue;
  }
  bytes().set(receive(length), request);
  made.trace_processor_on_rpc_request(length);
}
