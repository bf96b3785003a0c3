"""When to look and who is told: schedule, packet budget, collector."""
