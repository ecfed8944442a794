"""What people sign with, on their own machines: `roost trust`. Nothing here runs in the cloud.

- `keyring.py`: a folder of keys, encrypted files or a signer's URI, and the root that its owner believes.
- `trusted.py`: the cloud's repository, believed as far as that root goes: whoever has the cloud cannot make its people
  sign what they did not mean to.
- `cloud_keys.py`: the keys that the cloud signs with by itself, for root and targets to name.
- `ceremony.py`: what they do with it all.
- `signing.py`: a draft signed with what the keyring has, and sent, or written down for the next person.
"""
