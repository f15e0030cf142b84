"""The twin of the Verilog switch core, compiled: the same cycles by arithmetic, for co-verification."""
