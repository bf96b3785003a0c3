"""Where it is remembered: schema, one writer, readers."""
