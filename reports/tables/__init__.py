"""The papers' own tables with measured values beside the printed ones."""
