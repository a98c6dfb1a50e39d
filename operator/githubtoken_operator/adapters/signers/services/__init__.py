"""The services that sign, one module for each, and how they are reached."""
