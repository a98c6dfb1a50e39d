"""The run: observe, decide, act, record; and the end of an object with `deletionPolicy: Revoke`."""
