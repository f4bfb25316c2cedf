"""One run as a page and as JSON, and the verification of it."""
