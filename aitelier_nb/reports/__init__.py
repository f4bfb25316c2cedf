"""One run as a page, as JSON and as Markdown; and the proof that it can be made again."""
