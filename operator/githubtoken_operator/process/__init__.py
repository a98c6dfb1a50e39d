"""The process: begins everything, leads while it holds the Lease, and ends it in reverse order."""
