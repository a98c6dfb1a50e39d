"""What the commands say of objects: lists of small pure functions."""
