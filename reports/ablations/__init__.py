"""The ablations of the papers: the rows of each table, and a command that trains and scores them."""
