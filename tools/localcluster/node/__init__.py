"""A real node for the control plane: containerd, kubelet, kube-proxy and kube-scheduler in a network of their own."""
