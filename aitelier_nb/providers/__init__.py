"""Models that answer and train: hosted, compatible, and local."""
