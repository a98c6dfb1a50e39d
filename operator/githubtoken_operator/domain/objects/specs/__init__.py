"""What users ask for, read from the objects of the API."""
