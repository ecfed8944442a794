"""The role `director`: what has to be done now and then, whoever asks or not."""
