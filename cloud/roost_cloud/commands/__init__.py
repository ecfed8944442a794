"""The commands of `roost`, one module for each noun; what is heavy is imported by the command that needs it."""
