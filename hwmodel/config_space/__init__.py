"""The configuration space of PF and VFs: registers in tables, accesses, enumeration, dumps, scripts."""
