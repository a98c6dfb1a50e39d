"""User tokens: one rotation of a pair, the sign-in of a human, and the way of GitHub's answer into its Secret."""
