"""What users' commands have of the API server: which cluster and as whom, as kubectl would, and what they look at."""
