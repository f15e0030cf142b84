"""The adapter between link and port: fetches, scheduler, switching, receive, write-backs, interrupts."""
