"""What the course is built and checked with. Nothing here is needed by a lesson."""
