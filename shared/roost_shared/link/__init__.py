"""What both sides that ask scorers learn of the way there, and what they believe of a score. Pure."""
