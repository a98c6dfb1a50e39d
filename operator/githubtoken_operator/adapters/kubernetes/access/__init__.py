"""How an API server is reached: which, as whom, and by what credential."""
