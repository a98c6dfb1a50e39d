"""GitHub Apps: read with their Secrets, checked against GitHub, and who may use them."""
