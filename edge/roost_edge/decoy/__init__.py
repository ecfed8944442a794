"""Records inputs exactly as models see them, with all that was said of them: which are kept, and how."""
