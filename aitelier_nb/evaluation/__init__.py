"""Answers, scores, blind comparison and the statistics under a verdict."""
