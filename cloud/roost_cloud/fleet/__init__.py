"""Devices: how they get an identity, prove it, lose it, and what is known of them.

- Coming in: `enrolment_tokens`, then `enrolment`, by the CAs of `authority` and the certificates of `x509/`.
- Coming back: `device_auth` (by `nonces` and `device_tokens`), and where the broker is, `device_broker`.
- Going: `devices` revokes them, `certificates` knows what was issued, `revocations` tells whoever stands at a broker.
- Known of them: `device_records`, `labels`, and `presence`, what their births and wills come to.

Their messages are read in `roost_cloud.ingest`; what they run is not decided here.
"""
