"""The scorers: they answer what devices ask of cloud contestants, each with its share of the questions.

    socket ─▶ asked ─▶ fair_queue ─▶ engine ─▶ score ─▶ socket
                           ▲            ▲
                        worker      librarian ◀─ tasks, registry, object store

`worker` is the role; `librarian` keeps the bundles that its tasks name loaded (`shelf`, `choice`, `bundle_cache`).
`input_size` says how small a picture may be sent, `faults` why a question was not scored; `figures` count.
"""
