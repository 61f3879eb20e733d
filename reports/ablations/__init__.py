"""The ablations of the papers: which networks stand in which table, and a command that trains and scores them."""
