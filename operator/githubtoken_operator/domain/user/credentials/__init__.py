"""The credential Secret: what it says, whose it is, how it is rewritten, and what of it may be sent."""
