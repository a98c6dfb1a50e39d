"""GitHub over HTTP. The only place that knows httpx."""
