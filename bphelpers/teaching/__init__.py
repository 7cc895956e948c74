"""The teaching apparatus: what asks, shows and diagnoses. It imports the core, never the other way."""
