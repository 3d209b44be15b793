"""Orthanc in a network of its own, and a port of 127.0.0.1 that leads to it.

Orthanc 1.10 listens on every address of its machine, whatever its settings say. So it runs where
there is no address but loopback (a user and network namespace, which need no rights), and two
relays pass bytes on: from the port to a socket in a private folder, and from there to Orthanc.

    python -m pneumo.pacs._relay PORT SOCKET COMMAND...
"""

import asyncio
import ctypes
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

NEW_USER, NEW_NET = 0x10000000, 0x40000000
GET_FLAGS, SET_FLAGS, IS_UP = 0x8913, 0x8914, 0x1

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def main(port: int, path: Path, command: list[str]) -> int:
    """Start ``command``, which listens on ``port``, and relay until it ends; its exit code."""
    path.unlink(missing_ok=True)
    inner = os.fork()
    if inner == 0:
        os._exit(_inside(port, path, command))
    asyncio.run(_outside(port, path, inner))
    return 0


def _inside(port: int, path: Path, command: list[str]) -> int:
    if not _leave_the_network():
        print("no namespace for the network: Orthanc itself refuses other machines", flush=True)
        os.execvp(command[0], command)  # noqa: S606  it listens on the port by itself
    return asyncio.run(_within(port, path, command))


def _leave_the_network() -> bool:
    """Go where loopback is the only network; False where the system does not allow it."""
    user, group = os.getuid(), os.getgid()
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_USER | NEW_NET):
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            asked = struct.pack("16sh14x", b"lo", 0)
            flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, GET_FLAGS, asked))[1]
            fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", flags | IS_UP))
    except OSError:
        return False
    return True


async def _within(port: int, path: Path, command: list[str]) -> int:
    process = await asyncio.create_subprocess_exec(*command)
    server = await asyncio.start_unix_server(
        _to(lambda: asyncio.open_connection("127.0.0.1", port)), path
    )
    async with server:
        return await process.wait()


async def _outside(port: int, path: Path, inner: int) -> None:
    """Relay from the port, once the inner relay is there, until it ends."""
    ended = asyncio.create_task(asyncio.to_thread(os.waitpid, inner, 0))
    while not ended.done() and not path.exists():
        await asyncio.sleep(0.1)
    if not ended.done():
        server = await asyncio.start_server(
            _to(lambda: asyncio.open_unix_connection(path)), "127.0.0.1", port
        )
        async with server:
            await ended


def _to(there: Callable[[], Awaitable[Streams]]) -> Callable[..., Awaitable[None]]:
    """What passes a connection on to another one, both ways."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            far_reader, far_writer = await there()
            await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
        with suppress(OSError):
            writer.close()

    return relay


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(2**16):
            target.write(data)
            await target.drain()
    with suppress(OSError, RuntimeError):
        target.close()


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
