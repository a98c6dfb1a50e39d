"""Pure decisions: the standard library only, no I/O, no clock, no randomness. Time is an argument."""
