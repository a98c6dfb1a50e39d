"""Whose turn it is: when a key runs, how fast GitHub is asked, and whether something may still begin or be sent."""
