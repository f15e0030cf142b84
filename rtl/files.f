// The Verilog files of the switch core, for tools that take a file list; run them in this folder, or name it.
// With a stream of its own for each port: wrappers/eth_switch_streams.v, above these.
+incdir+.
address_table.v
axi_lite_registers.v
bus_window.v
bus_writer.v
classify.v
counters.v
eth_switch_core.v
forward.v
forwarding_engine.v
ingress_fifo.v
input_arbiter.v
list_table.v
output_port.v
output_queues.v
output_reader.v
output_scheduler.v
parameter_check.v
parser.v
switch_control.v
switch_egress.v
switch_ingress.v
switch_tables.v
tag_out.v
vlan_table.v
