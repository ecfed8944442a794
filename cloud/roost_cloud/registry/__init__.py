"""The bundle registry: blobs by digest, immutable versions, movable aliases, lineage.

Bytes come and go by the object store's signed URLs, and through no route of ours. What may fall apart at any moment is
ordered so that a row never promises an object that is not there; the opposite, an object without a row, is garbage
that `collection` removes.

- Names: `reference` (`NAME:VERSION`, `NAME@ALIAS`; pure), `following` (which version they mean), `running` (as devices
  say them).
- Bytes: `uploads` on their way, `blobs` that are there, `layers` of which a bundle is made.
- Bundles: `candidate` is judged and becomes one of `versions`; `aliases` lead there; `registrar` takes in what a
  training run made. `lineage`: where it comes from; `use`: who needs it still.
"""
