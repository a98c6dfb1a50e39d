"""Services that sign for an App whose key is not in the cluster: one module for each, behind `port`."""
