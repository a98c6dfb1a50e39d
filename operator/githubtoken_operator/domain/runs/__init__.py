"""One run: what to do now, what status says of it, and when the next one is."""
