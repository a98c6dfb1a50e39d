"""Everything that touches the world: GitHub, Kubernetes, metrics, logs, health."""
