"""The consumer's side: whose its Secret is, how that is written, and who is told of a new token."""
