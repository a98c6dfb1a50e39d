"""One run for one GitHubToken: what it knows, what a kind of token does in it, and what it leaves behind.

`runs` has the run itself, `consumer` those who use the token; each kind of token has a folder of its own.
"""
