"""The consumer's Secret, whose it is, and who has to hear of a new token."""
