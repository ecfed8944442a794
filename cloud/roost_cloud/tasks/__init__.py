"""Tasks whose contestants run in the cloud: what a task says, and which bundles it stands for."""
