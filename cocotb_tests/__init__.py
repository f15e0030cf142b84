"""The co-verification: the Verilog of a switch core against the model. docs/co_verification.md has the overview."""
