"""The user's commands: `list`, `status`, `refresh`, `login`. They ask the API server and nothing else.

One module a command; what they show, and how far a request has come, is computed by pure functions beside them. None
of them imports kopf or the operator, so that they begin at once.
"""
