"""Values that papers print, as data: one CSV file a table, ``sources.toml`` and ``notes.toml``."""
