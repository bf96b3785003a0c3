"""The desk's widgets: one file a widget."""
