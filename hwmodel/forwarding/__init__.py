"""What becomes of a frame's header, compiled: parsed, decided on by tables, rewritten, policed, mirrored."""
