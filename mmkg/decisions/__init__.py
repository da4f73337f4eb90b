"""What people decided about matches: a file that outlives runs."""
