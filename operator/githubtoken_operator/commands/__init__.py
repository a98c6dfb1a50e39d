"""The user's commands: `list`, `status`, `refresh`, `login`, `doctor`, `migrate`. They ask the API server.

`doctor` also asks each GitHub whether it answers. One module or folder a command; what they show, and how far a request
has come, is computed by pure functions beside them. None of them imports kopf or the operator, so that they begin at
once.
"""
