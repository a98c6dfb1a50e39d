"""What the services that sign for an App answer when they refuse: one table for each."""
