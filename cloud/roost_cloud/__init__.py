"""The cloud side and the operators' command line."""
