"""How to look: one file a probe kind, one protocol for all."""
