"""Classical methods, one file each."""
