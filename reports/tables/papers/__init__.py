"""How each paper lays out its tables."""
