"""From a configuration to a machine at time 0; the same functions fill regions of it again as keys change."""
