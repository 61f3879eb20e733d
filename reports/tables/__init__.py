"""The papers' own tables with measured values next to the printed ones."""
