"""kopf's edge: all that knows it. It lists and watches; what it tells only wakes keys."""
