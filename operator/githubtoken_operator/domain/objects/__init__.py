"""Objects of the API as values: read from what users wrote, and written as Secrets and series."""
