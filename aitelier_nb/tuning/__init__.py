"""From training files and a provider to a run, once."""
