"""What PCI and drivers see of the adapter: functions, their registers, the mailbox between PF and VFs."""
