"""The bundle registry: blobs by digest, immutable versions, movable aliases, lineage.

Bytes come and go by the object store's signed URLs, and through no route of ours. What may fall apart at any moment is
ordered so that a row never promises an object that is not there; the opposite, an object without a row, is garbage
that `collection` removes.
"""
