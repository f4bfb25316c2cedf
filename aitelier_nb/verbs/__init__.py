"""The functions that a cell calls: thin, each returns an object that shows itself."""
