// Widths that are the core's own, or follow from parameters. Declarations of ports need them before any localparam.
`ifndef WIDTHS_VH
`define WIDTHS_VH

// Bits of the number of one of n things.
`define INDEX_W(n) (((n) <= 1) ? 1 : $clog2(n))

// Bits of a frame's number of bytes.
`define LENGTH_W 14

// Bits of its number of words of the bus, and of those behind the first.
`define COUNT_W(length_w, bus_w) ((length_w) + 1 - $clog2((bus_w) / 8))
`define MORE_W(length_w, bus_w) ((length_w) - $clog2((bus_w) / 8))

// What goes with a frame's first word: ingress port; swallowed, bad, length.
`define INFO_W(ports, length_w) (`INDEX_W(ports) + 2 + (length_w))

// What is looked at of a frame: addresses, the longest tags, a type.
`define HEADER_BYTES 26
`define HEADER_W (`HEADER_BYTES * 8)

`endif
