"""X.509 without decisions of ours: what each kind of certificate says, key files, signing requests, CRLs."""
