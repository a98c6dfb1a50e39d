"""What is known of objects, whose turn it is, how fast GitHub is asked, and whether something may still be sent."""
