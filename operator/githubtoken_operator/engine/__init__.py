"""What runs any object, whatever it is: `cache` has what is known of objects, `scheduling` says whose turn it is."""
