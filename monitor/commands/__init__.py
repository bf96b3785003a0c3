"""The commands of the program, one file a command or two: each parses, wires and starts."""
