"""The figures of the papers: what each shows, as TOML, and the command that draws them from results."""
