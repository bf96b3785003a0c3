"""Reports: what leaves the desk as text, tables and files."""
