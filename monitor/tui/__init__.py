"""The desk: a Textual app that draws what the cache says."""
