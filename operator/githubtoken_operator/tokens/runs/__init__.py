"""The run: observe, decide, act, record."""
