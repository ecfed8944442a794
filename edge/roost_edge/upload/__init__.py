"""What the spool keeps, brought to the cloud once: shards, part by part, over whatever link there is.

    spool ── sealed list ──▶ Uploader ──▶ open ──▶ missing parts to signed URLs ──▶ commit ──▶ spool forgets
                             │    ▲
                    `retrying`    `token_bucket`: what to do after a failure, and how fast to send; both pure

`uploader` does it, a shard at a time.
A part is made while it is sent (`shard_tar`), and so never stored. The cloud knows which parts it has, so whoever goes
on after a cut or a restart asks it (`delivery`, by the API of `shard_cloud`). What people wait for goes first
(`wishes`). After a failure it waits the longer the more there were, and knocks meanwhile (`reachability`): a cloud
that is back is noticed soon. Heavy (urllib3): for the spooler's process, never for the agent's.
"""
