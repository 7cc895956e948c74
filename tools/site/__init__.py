"""The course as pages to read, in which what moves in a notebook moves without one: ``make site``."""
