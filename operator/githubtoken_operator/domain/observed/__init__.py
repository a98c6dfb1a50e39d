"""What a run sees of one GitHubToken: all that a decision depends on, and what only its kind of token adds."""
