"""Networks of the papers, one file each; torch is imported by those files only."""
