"""What GitHub's answers mean: one pure function for each kind of request, and what it refuses in whose words."""
