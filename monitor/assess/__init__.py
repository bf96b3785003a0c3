"""What it means: pure functions and small state machines; no I/O, no clock, no asyncio."""
