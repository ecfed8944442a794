"""Where inputs come in: each intake turns what it received into an `Input` with a way back."""
