"""What both sides that ask scorers share: what they learn of the way, and what they take for a score. Pure."""
