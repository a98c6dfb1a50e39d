"""What Prometheus reads: work, objects, the process, and who waits for GitHub."""
