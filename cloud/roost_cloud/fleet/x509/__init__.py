"""X.509 without decisions of ours: what each kind of certificate says, key files, signing requests, CRLs.

`profiles` (what certificates say), `signer` (a CA's key and certificate), `signing_request`, `revocation_list`.
"""
