"""What is known of objects: what the watches have brought and our own writes have left, and whom a change concerns."""
