"""Files that vary keys of a base configuration, sweeps and sizings: read strictly, all that is wrong said at once."""
