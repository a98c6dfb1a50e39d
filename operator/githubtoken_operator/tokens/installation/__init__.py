"""Installation tokens: minted by an App, and probed before they are published."""
