"""What is counted while the machine runs: histograms, the ledger, each frame's journey."""
