"""One module for each lesson: what it needs and does not show, its exercises and its pictures."""
