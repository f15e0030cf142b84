"""The VM-to-VM table of an adapter, as a data sheet would give it: docs/vm_to_vm.md, from two shipped sweeps."""
