"""The `file://` store's signed URLs: GET an object or a range of it, PUT an object or a part of an upload.

The signature is all it takes, as with S3: no token, and the URL's holder may do what it says and nothing else.
Bodies are streamed to and from the disk, by threads.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import anyio
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from roost_cloud.api.errors import raises
from roost_cloud.api.prefix import PREFIX
from roost_cloud.api.sending import BYTES, sending, unsatisfiable
from roost_cloud.objects.disk import StagedFile
from roost_cloud.objects.errors import SizeMismatchError, UnsatisfiableRangeError
from roost_cloud.objects.file_reader import FileReader
from roost_cloud.objects.files import FileStore
from roost_cloud.objects.keys import MAX_KEY_CHARS
from roost_cloud.objects.parts import MAX_PARTS, PART_BYTES
from roost_cloud.objects.ranges import parse_range
from roost_cloud.objects.signing import Grant

__all__ = ["objects_router"]

_WRITE_BYTES: Final = 1 << 20
_MAX_EXPIRES: Final = 1 << 40  # Unix seconds; also keeps the number small
_MAX_ID_CHARS: Final = 64
_BODY: Final[dict[str, Any]] = {"requestBody": {"required": True, "content": BYTES}}

_Key = Annotated[str, Path(max_length=MAX_KEY_CHARS)]
_Expires = Annotated[int, Query(ge=0, le=_MAX_EXPIRES, description="Unix seconds")]
_Signature = Annotated[str, Query(max_length=_MAX_ID_CHARS)]


def objects_router(store_of: Callable[..., FileStore | Awaitable[FileStore]]) -> APIRouter:
    """The routes.

    Args:
        store_of: a FastAPI dependency that gives the store.
    """
    router = APIRouter(prefix=f"{PREFIX}/objects", tags=["objects"])
    Store = Annotated[FileStore, Depends(store_of)]  # noqa: N806 - a type

    @router.get(
        "/{key:path}",
        response_class=Response,
        responses={
            200: {"content": BYTES, "description": "The object"},
            206: {"content": BYTES, "description": "A range of it"},
            **raises(403, 404, 416, 422),
        },
    )
    def get_object(
        store: Store,
        key: _Key,
        expires: _Expires,
        signature: _Signature,
        asked: Annotated[str | None, Header(alias="Range")] = None,
        if_range: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Send an object, or the one range of bytes that is asked for."""
        store.check(Grant("GET", key, expires), signature)
        try:
            # Objects have no validators here, so If-Range never holds, and the whole is sent.
            return _sent(store, key, asked if if_range is None else None)
        except UnsatisfiableRangeError as error:
            return unsatisfiable(error)

    @router.put("/{key:path}", response_class=Response, responses=raises(403, 404, 422), openapi_extra=_BODY)
    async def put_object(
        request: Request,
        store: Store,
        key: _Key,
        expires: _Expires,
        size: Annotated[int, Query(ge=0, le=PART_BYTES)],
        signature: _Signature,
        upload: Annotated[str | None, Query(max_length=_MAX_ID_CHARS)] = None,
        part: Annotated[int | None, Query(ge=1, le=MAX_PARTS)] = None,
    ) -> Response:
        """Store an object, or a part of an upload, of exactly the size that was signed."""
        grant = Grant("PUT", key, expires, size, upload, part)
        store.check(grant, signature)
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) != size:
            raise SizeMismatchError(size, int(announced))
        staged = await run_in_threadpool(store.receive, grant)
        try:
            await _receive(request, staged, size)
            await run_in_threadpool(staged.commit)
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(staged.discard)
        return Response()

    return router


def _sent(store: FileStore, key: str, asked: str | None) -> Response:
    file, info = store.open_file(key)
    try:
        found = parse_range(asked, info.size_bytes)
        start, stop = found or (0, info.size_bytes)
        reader = FileReader(file, info, start, stop)
    except BaseException:
        file.close()
        raise
    return sending(reader, found, info.size_bytes)


async def _receive(request: Request, staged: StagedFile, size_bytes: int) -> None:
    """Write a request's body as it comes, in pieces worth a thread's time."""
    pending = bytearray()
    received_bytes = 0
    try:
        async for chunk in request.stream():
            pending += chunk
            received_bytes += len(chunk)
            if len(pending) >= _WRITE_BYTES:
                await run_in_threadpool(staged.write, pending)
                pending = bytearray()
    except ClientDisconnect as error:
        raise SizeMismatchError(size_bytes, received_bytes) from error
    await run_in_threadpool(staged.write, pending)
