"""The composition root: makes the parts of a process and hands each what it needs."""
