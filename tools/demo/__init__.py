"""The demo: a control plane, a GitHub and the operator on this machine, and tokens that live for about a minute.

__main__     the command line, and how it ends
stage        starts the processes and ends them
manifests    what is applied
watching     looks at every token once a second, and tells what happened
consumer     what a pod does with its Secret, and a good consumer of a user token with a 401
tally        pure: what a row of looks means, and whether all went well
words        pure: the sentences
interrupts   Ctrl-C and SIGTERM
"""
