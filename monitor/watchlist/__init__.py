"""What to watch: typed model, TOML loader with exact errors, bundled watchlists."""
