"""A real site and its cloud for the scenario `site`: its parts, what is thrown at them, and what must hold."""
