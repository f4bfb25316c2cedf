"""What outside files look like: readers, writers, and the rules of each provider. Pure."""
