"""What GitHub refuses, and what it means by it."""
