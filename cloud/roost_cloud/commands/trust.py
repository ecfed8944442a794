"""`roost trust init|add-key|delegate|sign|rotate|status`: who decides what devices may run, and their signatures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from roost_cloud.client import ApiClient
from roost_cloud.commands.connect import connect
from roost_cloud.commands.output import when
from roost_cloud.commands.trust_status import status
from roost_cloud.errors import ConflictError
from roost_cloud.registry.reference import BadReferenceError, parse_reference
from roost_cloud.transfer import Registry
from roost_cloud.transfer.registry import Version
from roost_shared.digest import digest_of
from roost_shared.topics import check_name

if TYPE_CHECKING:
    from roost_cloud.keyring.ceremony import Ceremony

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Who decides what devices may run: keys, and what they have signed.")
app.command()(status)

_ROOT, _TARGETS, _ASSIGNMENTS = "root", "targets", "assignments"
_YEAR_DAYS: Final = 365.0

_Keys = Annotated[Path, typer.Option("--keys", envvar="ROOST_TRUST_KEYS", help="The folder of keys.", file_okay=False)]
_Days = Annotated[float, typer.Option(help="Until when it holds.", min=1, max=730)]
_Draft = Annotated[Path | None, typer.Option(help="Where to write it if others have to sign too.", dir_okay=False)]
_Passphrase = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="Has the passphrase on its first line; default it is asked for."),
]
_Unlocked = Annotated[bool, typer.Option("--no-passphrase", help="Leave the new private keys unencrypted.")]
_RootDigest = Annotated[
    str | None, typer.Option(help="Of the root to believe, sha256:…; needed where the folder knows none.")
]


@app.command()
def init(
    context: typer.Context,
    keys: _Keys,
    *,
    root_keys: Annotated[int, typer.Option(help="How many root keys to make.", min=1, max=16)] = 1,
    threshold: Annotated[int, typer.Option(help="How many of them sign a root.", min=1, max=16)] = 1,
    days: _Days = _YEAR_DAYS,
    passphrase_file: _Passphrase = None,
    no_passphrase: _Unlocked = False,
) -> None:
    """Begin: make root and targets keys, which devices enrolled from now on believe. Interrupted, say it again."""
    from roost_cloud.commands.trust_keys import expiry, new_passphrase, open_keyring  # noqa: PLC0415 - TUF is slow to load
    from roost_cloud.keyring.ceremony import Ceremony  # noqa: PLC0415 - see above

    if threshold > root_keys:
        raise typer.BadParameter(f"{root_keys} keys cannot give {threshold} signatures", param_hint="--threshold")
    keyring = open_keyring(keys, passphrase_file)
    with connect(context) as cloud:
        names = [f"{_ROOT}-{number}" for number in range(1, root_keys + 1)]
        wanted = [*names, f"{_TARGETS}-1"]
        there = {one.name: one for one in keyring.every()} if keys.is_dir() else {}
        if set(wanted) - set(there):
            passphrase = new_passphrase(passphrase_file, unlocked=no_passphrase)
            there |= {name: keyring.make(name, passphrase) for name in wanted if name not in there}
        ceremony = Ceremony(cloud, keyring, expiry(days))
        ceremony.begin([there[name] for name in names], [there[f"{_TARGETS}-1"]], threshold)
        digest = digest_of(keyring.root or b"")
    typer.echo(f"root {digest}\n  {threshold} of {root_keys} root keys sign; they and {_TARGETS}-1 are in {keys}")
    typer.echo("  keep copies offline: whoever has them decides what devices run, and nobody else can replace them")


@app.command("add-key")
def add_key(
    keys: _Keys,
    name: Annotated[str, typer.Argument(help="The key's name, such as `ann`.")],
    *,
    uri: Annotated[
        str | None, typer.Option(help="Of a signer that holds it: hsm:…, awskms:…, gcpkms:…, azurekms:…, gnupg:…")
    ] = None,
    public: Annotated[
        Path | None, typer.Option(help="Its public key (PEM), with --uri.", exists=True, dir_okay=False)
    ] = None,
    passphrase_file: _Passphrase = None,
    no_passphrase: _Unlocked = False,
) -> None:
    """Make a key, or note one that a device or service holds; others get its .pub file."""
    from roost_cloud.commands.trust_keys import new_passphrase, open_keyring  # noqa: PLC0415 - TUF is slow to load

    keyring = open_keyring(keys, passphrase_file)
    if (uri is None) != (public is None):
        raise typer.BadParameter("--uri and --public come together")
    if uri is not None and public is not None:
        made = keyring.add(name, public.read_bytes(), uri)
    else:
        made = keyring.make(name, new_passphrase(passphrase_file, unlocked=no_passphrase))
    typer.echo(f"{made.name} {made.keyid}\n  {keys / made.name}.pub is for whoever delegates to it")


@app.command()
def delegate(
    context: typer.Context,
    keys: _Keys,
    task: Annotated[str | None, typer.Argument(help="The task.")] = None,
    to: Annotated[
        list[str] | None, typer.Option(help="A releaser: a key's name in the folder, or a .pub file; repeatable.")
    ] = None,
    *,
    online: Annotated[
        bool, typer.Option("--online", help="The cloud itself, by a key of its own: whoever breaks in may release.")
    ] = False,
    assignments: Annotated[
        bool, typer.Option("--assignments", help="No task: have the cloud sign assignments; `init` has done so.")
    ] = False,
    threshold: Annotated[int, typer.Option(help="How many of them sign a release.", min=1, max=16)] = 1,
    days: _Days = _YEAR_DAYS,
    draft: _Draft = None,
    passphrase_file: _Passphrase = None,
) -> None:
    """Say who releases bundles for a task, or signs assignments, in place of whoever did. Needs the targets key."""
    from roost_cloud.commands.trust_keys import expiry, open_keyring, public_of  # noqa: PLC0415 - TUF is slow to load
    from roost_cloud.keyring.ceremony import Ceremony  # noqa: PLC0415 - see above

    keyring = open_keyring(keys, passphrase_file)
    if assignments:
        if task is not None or to or online or threshold > 1:
            raise typer.BadParameter("--assignments is for no task and by the cloud's key alone")
        with connect(context) as cloud:
            Ceremony(cloud, keyring, expiry(days), draft).delegate_assignments()
        typer.echo("assignments: the cloud signs them, by a key of its own")
        return
    if task is None:
        raise typer.BadParameter("say for which task, or --assignments")
    check_name(task, "task")
    if online == bool(to):
        raise typer.BadParameter("say --to whom, or --online")
    releasers = [public_of(keyring, one) for one in to or ()]
    if threshold > len(releasers) + online:
        raise typer.BadParameter(f"{len(releasers)} keys cannot give {threshold} signatures", param_hint="--threshold")
    with connect(context) as cloud:
        ceremony = Ceremony(cloud, keyring, expiry(days), draft)
        if online:
            ceremony.delegate_online(task)
        else:
            ceremony.delegate(task, [one.public for one in releasers], threshold)
    names = "the cloud itself" if online else ", ".join(one.name for one in releasers)
    typer.echo(f"task {task}: {names} may release" + (f", {threshold} together" if threshold > 1 else ""))


@app.command()
def sign(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="NAME:VERSION|DRAFT", help="A registered bundle, or a draft's file.")],
    keys: Annotated[
        Path | None, typer.Option("--keys", envvar="ROOST_TRUST_KEYS", help="The folder of keys.", file_okay=False)
    ] = None,
    *,
    online: Annotated[bool, typer.Option("--online", help="Have the cloud sign, where it may.")] = False,
    expect: Annotated[
        str | None,
        typer.Option(metavar="sha256:…|FOLDER", help="What it has to be, by digest or the bundle here; or we ask."),
    ] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Release it no more.")] = False,
    root_digest: _RootDigest = None,
    days: _Days = _YEAR_DAYS,
    draft: _Draft = None,
    passphrase_file: _Passphrase = None,
) -> None:
    """Release a bundle: from then on devices may run it. Needs a releaser's key of its task."""
    from roost_cloud.commands.trust_keys import believe, expiry, open_keyring  # noqa: PLC0415 - TUF is slow to load
    from roost_cloud.commands.trust_text import check_manifest, show_draft  # noqa: PLC0415 - see above
    from roost_cloud.keyring.ceremony import Ceremony  # noqa: PLC0415 - see above

    if keys is None and not online:
        raise typer.BadParameter("say --keys, or --online")
    with connect(context) as cloud:
        ceremony = None
        if keys is not None and not online:
            keyring = open_keyring(keys, passphrase_file)
            believe(cloud, keyring, root_digest)
            ceremony = Ceremony(cloud, keyring, expiry(days), draft)
            if Path(what).is_file():
                ceremony.cosign(Path(what), show_draft)
                typer.echo(f"{what}: signed and sent")
                return
        found = _find(cloud, what)
        if not withdraw:
            check_manifest(what, digest_of(found.manifest.encode()), expect)
        _release(cloud, ceremony, found, withdraw=withdraw)
    typer.echo(f"{what}: released no more" if withdraw else f"{what}: released for task {found.task}, {found.digest}")


@app.command()
def rotate(
    context: typer.Context,
    keys: _Keys,
    role: Annotated[str, typer.Argument(metavar="root|targets|online|assignments|task.NAME", help="Whose keys.")],
    *,
    add: Annotated[
        list[str] | None, typer.Option(help="A key to name: its name in the folder, or a .pub file; repeatable.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="A key to name no more: its name, .pub file or id; repeatable.")
    ] = None,
    threshold: Annotated[int | None, typer.Option(help="How many sign from now on.", min=1, max=16)] = None,
    days: _Days = _YEAR_DAYS,
    draft: _Draft = None,
    passphrase_file: _Passphrase = None,
) -> None:
    """Change keys, or with none to change, sign anew before it expires. Needs the root keys, for a task targets'."""
    from roost_cloud.commands.trust_keys import expiry, keyid_of, open_keyring, public_of  # noqa: PLC0415 - TUF is slow to load
    from roost_cloud.keyring.ceremony import Ceremony  # noqa: PLC0415 - see above
    from roost_shared.trust.names import task_of_role  # noqa: PLC0415 - see above

    keyring = open_keyring(keys, passphrase_file)
    with connect(context) as cloud:
        ceremony = Ceremony(cloud, keyring, expiry(days), draft)
        if role == _ASSIGNMENTS:
            _rotate_assignments(ceremony)
            return
        if role == "online":
            if ceremony.has_targets_key:
                _rotate_assignments(ceremony)
            else:
                typer.echo(f"{_ASSIGNMENTS}: the key stays, for that of targets is not here: `rotate {_ASSIGNMENTS}`")
            root = ceremony.rekey_online()
        elif (task := task_of_role(role)) is not None:
            ceremony.rekey_task(
                task,
                add=[public_of(keyring, one).public for one in add or ()],
                remove=[keyid_of(keyring, one) for one in remove or ()],
                threshold=threshold,
            )
            typer.echo(f"{role}: changed")
            return
        elif role in (_ROOT, _TARGETS):
            root = ceremony.rekey_root(
                role,
                add=[public_of(keyring, one).public for one in add or ()],
                remove=[keyid_of(keyring, one) for one in remove or ()],
                threshold=threshold,
            )
        else:
            raise typer.BadParameter(
                f"{role!r}: say root, targets, online, assignments or task.NAME", param_hint="ROLE"
            )
    typer.echo(f"root {root.version}, until {when(root.expires)}")


def _rotate_assignments(ceremony: "Ceremony") -> None:
    ceremony.delegate_assignments(anew=True)
    typer.echo(f"{_ASSIGNMENTS}: the cloud signs them by a new key")


def _find(cloud: ApiClient, what: str) -> Version:
    name, sign_, version = parse_reference(what)
    if sign_ != ":":
        raise BadReferenceError(f"{what!r} is an alias, which moves: say which version, as {name}:VERSION")
    found = Registry(cloud).version(name, version)
    if found.task is None:
        raise ConflictError(f"{what} names no task: build it with one, so that its releaser is known")
    return msgspec.structs.replace(found, digest=digest_of(found.manifest.encode()))


def _release(cloud: ApiClient, ceremony: "Ceremony | None", found: Version, *, withdraw: bool) -> None:
    """Release a version or withdraw it, signed here, or by the cloud if there is no ceremony."""
    from roost_cloud.keyring.ceremony import manifest_target  # noqa: PLC0415 - TUF is slow to load
    from roost_shared.trust.names import target_path  # noqa: PLC0415 - see above

    task, name, version = found.task or "", found.name, found.version
    if ceremony is None:
        body = {"withdraw" if withdraw else "release": [f"{name}:{version}"]}
        cloud.call("POST", f"/trust/releases/{task}", dict, body=body)
    elif withdraw:
        ceremony.release(task, withdraw=[target_path(task, name, version)])
    else:
        ceremony.release(task, add=[manifest_target(task, name, version, found.manifest.encode())])
