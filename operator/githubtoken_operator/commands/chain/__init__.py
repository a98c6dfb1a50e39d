"""The chain that a GitHubToken hangs in, from its App's key to the pods that read its Secret, as `status` walks it.

`reading` asks the API server; `links`, `pods` and `workloads` judge what was read, and ask nobody.
"""
