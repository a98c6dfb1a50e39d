"""The configuration files of containerd, of the pods' network and of the kubelet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from localcluster.node.binaries import CNI_FOLDER
from localcluster.node.network import ADDRESS, POD_RANGE

PAUSE_IMAGE: Final = "localhost/pause:1"
CLUSTER_DOMAIN: Final = "cluster.local"

# A negative oom_score_adj takes CAP_SYS_RESOURCE, which root in a container lacks.
_CONTAINERD: Final = """\
version = 2
root = "{folder}/containerd/root"
state = "{folder}/containerd/state"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni}"
    conf_dir = "{folder}/cni"
"""


def write_containerd(folder: Path, socket: Path) -> Path:
    """The configuration of containerd, and beside it that of the pods' network: a bridge."""
    (folder / "cni").mkdir()
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "dataDir": str(folder / "ipam"), "ranges": [[{"subnet": POD_RANGE}]]}
        | {"routes": [{"dst": "0.0.0.0/0"}]},
    }
    network = {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}
    (folder / "cni" / "10-bridge.conflist").write_text(json.dumps(network), encoding="utf-8")
    path = folder / "containerd.toml"
    path.write_text(
        _CONTAINERD.format(folder=folder, socket=socket, pause=PAUSE_IMAGE, cni=CNI_FOLDER), encoding="utf-8"
    )
    return path


def write_kubelet(folder: Path, socket: Path, cgroup: str) -> Path:
    """The kubelet's configuration; what a mounted Secret's age depends on is left as it is by default."""
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        # Only the sandbox reaches it.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "containerRuntimeEndpoint": f"unix://{socket}",
        "podLogsDir": str(folder / "pod-logs"),
        "volumePluginDir": str(folder / "volume-plugins"),
        "clusterDNS": [ADDRESS],
        "clusterDomain": CLUSTER_DOMAIN,
        # A pod knows no other names than the cluster's.
        "resolvConf": "",
        # A machine that is short of room is no reason to lose what is being tried.
        "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
    }
    path = folder / "kubelet.yaml"
    path.write_text(json.dumps(configuration, indent=2), encoding="utf-8")
    return path
