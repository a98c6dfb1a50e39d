"""`githubtoken doctor`: the whole cluster looked at, one line a check.

`reading` asks the API server, and GitHub whether it answers. The other modules judge what was read, and ask nobody.
"""
