"""What the commands share at a terminal: options, columns, times, waiting."""
