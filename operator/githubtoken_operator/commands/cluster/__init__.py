"""What the commands read of the cluster."""
