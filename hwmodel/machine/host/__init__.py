"""The host behind the link: its end of it, its memory, its IOMMU."""
