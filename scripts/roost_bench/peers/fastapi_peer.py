"""FastAPI on uvicorn, the model in the event loop: `fastapi_peer PORT MODEL`."""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, Request

from scripts.roost_bench.peers.model import PeerModel

app = FastAPI()
model = PeerModel(sys.argv[2])


@app.post("/score")
async def score(request: Request) -> dict[str, Any]:
    """Score the body."""
    return model(await request.body())


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False)
