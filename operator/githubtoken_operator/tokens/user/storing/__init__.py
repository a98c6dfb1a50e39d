"""The way of GitHub's answer into its credential Secret: at once, later, or as far as the journal; and the Secrets."""
