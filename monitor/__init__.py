"""watchdesk: a terminal situation monitor."""

__version__ = "0.1.0"
