"""The Kubernetes API. The only place that knows `kubernetes.aio`."""
