"""Personal tokens: a human's, which are checked and never replaced."""
