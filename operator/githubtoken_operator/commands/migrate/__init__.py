"""`githubtoken migrate`: objects of others that get tokens of GitHub, as the equivalent ones of ours.

`external_secrets` and `token_manager` translate, `adoption` says how an existing Secret is taken over: all three are
pure. What has no equivalent is told as a comment, and nothing is guessed.
"""
