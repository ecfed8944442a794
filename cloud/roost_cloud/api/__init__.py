"""HTTP: translates requests into calls to the rooms, and what they say into responses. It decides nothing."""
