"""One run for one GitHubToken: observe, decide, act, record. Each kind of token has a folder of its own."""
