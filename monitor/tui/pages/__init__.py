"""What the drill-down pages say: pure functions from records to lines, no Textual."""
