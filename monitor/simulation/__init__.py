"""A simulated internet and clock; drills are scripts for it, and tests run on it."""
