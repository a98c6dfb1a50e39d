"""The end of an object with `deletionPolicy: Revoke`: what there is of tokens, its revocation, the finalizer."""
