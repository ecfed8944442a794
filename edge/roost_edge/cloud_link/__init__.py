"""The way to cloud contestants: questions out, scores in, and what is known of the link between."""
