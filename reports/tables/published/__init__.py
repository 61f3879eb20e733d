"""Values that papers print, as data: one CSV file per table, ``sources.toml`` and ``notes.toml``."""
