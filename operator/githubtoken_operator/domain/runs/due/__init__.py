"""When the next run is due: how a run can end, what follows it, and how urgent it is."""
