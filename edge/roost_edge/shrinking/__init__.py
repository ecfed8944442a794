"""Pictures made small before they cross the link, so that a photo need not cross it whole.

    desk ── Inquiry ──▶ Downscaler ── Inquiry, its picture shrunken where that pays ──▶ CloudLink
                          │   ▲                 (`downscaler`)
                          ▼   │
                        Shrinker ◀─▶ a process of its own (`process`): the agent's loads no Pillow
                        (`shrinker`, by `protocol`)

What size a contestant takes is learned from its scores (`asking.sizes`). The picture is made by the code that the
scorer would make it by, and sent without loss, so the model sees the same tensor, bit for bit. Whatever goes wrong,
the original is sent, at the latest when the time for it is all that is left.
"""
