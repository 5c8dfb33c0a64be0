"""Asks a server: ask.py PROTOCOL ADDRESS PORT [TIMES [SOURCE_PORT]]. A line for each time: what it answered
("NAME CLIENT"), "refused", "silence" (nothing within a second and a half) or "unreachable"."""
import errno
import socket
import sys

protocol, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
times = int(sys.argv[4]) if len(sys.argv) > 4 else 1
source = int(sys.argv[5]) if len(sys.argv) > 5 else 0
family = socket.AF_INET6 if ":" in address else socket.AF_INET
kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM


def ask():
    client = socket.socket(family, kind)
    client.settimeout(1.5)
    if source:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", source))
    try:
        client.connect((address, port))
        if kind == socket.SOCK_DGRAM:
            client.send(b"?")
        answer = client.recv(2048).decode().split()
        return " ".join(answer[:2]) if answer else "closed"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silence"
    except OSError as error:
        known = {errno.EHOSTUNREACH: "unreachable", errno.ENETUNREACH: "unreachable"}
        return known.get(error.errno, str(error))
    finally:
        client.close()


for _ in range(times):
    print(ask(), flush=True)
