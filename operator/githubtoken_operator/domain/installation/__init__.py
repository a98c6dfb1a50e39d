"""Installation tokens: what a selector means by number, what an App allows, and when a token works."""
