"""ClusterGitHubTokens: one token, whose Secrets are in many namespaces."""
