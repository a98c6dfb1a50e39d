"""`make e2e`: the chart on a real node, and pods that use mounted tokens while they are renewed.

The outer part (`__main__`) builds what is needed and makes a `Sandbox`; inside it `trial` starts control plane and
node, installs the release, and lets pods call the simulator once a second with the token of their mounted file.
`tally` says what the pods' logs mean.
"""
