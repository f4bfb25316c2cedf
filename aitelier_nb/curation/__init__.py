"""Summary, splits, duplicates, tokens and agreement of a set of examples. Pure."""
