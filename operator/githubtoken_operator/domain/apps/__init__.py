"""What an App says and needs: its private key, the hosts and proxies on the way, and the namespaces that it admits."""
