"""The PCIe link: queues by ordering class, credits, TLPs and DLLPs, tags and reads."""
