"""Lines, journal, mirror, dataset and project: the only code that writes a project's files."""
