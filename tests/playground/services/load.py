"""Opens new connections at a steady rate: load.py ADDRESS PORT RATE. Each is to be answered. Says "go" when it begins, ends when
its standard input does, and says then as JSON how many were opened, answered, refused, reset or unanswered after five seconds, and
how long the slowest took."""
import errno
import json
import selectors
import socket
import sys
import time

address, port, rate, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float("inf")
family = socket.AF_INET6 if ":" in address else socket.AF_INET
selector = selectors.DefaultSelector()
open_since = {}
count = {"opened": 0, "answered": 0, "refused": 0, "hung": 0, "other": {}}
slowest, late = 0.0, 0
endpoints = {}


def start():
    client = socket.socket(family, socket.SOCK_STREAM)
    client.setblocking(False)
    client.connect_ex((address, port))
    open_since[client] = time.monotonic()
    selector.register(client, selectors.EVENT_READ)
    count["opened"] += 1


def end(client):
    global slowest, late
    took = time.monotonic() - open_since.pop(client)
    selector.unregister(client)
    try:
        answer = client.recv(256)
        if answer:
            count["answered"] += 1
            name = answer.split()[0].decode()
            endpoints[name] = endpoints.get(name, 0) + 1
            slowest = max(slowest, took)
            late += took > 0.9
        else:
            count["other"]["closed"] = count["other"].get("closed", 0) + 1
    except ConnectionRefusedError:
        count["refused"] += 1
    except OSError as error:
        name = errno.errorcode.get(error.errno, str(error))
        count["other"][name] = count["other"].get(name, 0) + 1
    client.close()


selector.register(sys.stdin, selectors.EVENT_READ)
print("go", flush=True)
begin = time.monotonic()
while True:
    now = time.monotonic() - begin
    due = int(min(now, seconds) * rate)
    for _ in range(min(due - count["opened"], 64)):
        start()
    if now > seconds and count["opened"] >= due and not open_since:
        break
    for key, _ in selector.select(0.001):
        if key.fileobj is sys.stdin:
            seconds = time.monotonic() - begin
            selector.unregister(sys.stdin)
        else:
            end(key.fileobj)
    if now > seconds + 5:
        break
    if count["opened"] % 512 == 0 or now > seconds:
        for client, since in list(open_since.items()):
            if time.monotonic() - since > 5:
                open_since.pop(client)
                selector.unregister(client)
                client.close()
                count["hung"] += 1
count["hung"] += len(open_since)
took = time.monotonic() - begin
print(json.dumps({**count, "rate": round(count["opened"] / min(took, max(seconds, took - 5))),
                  "slowest_ms": round(slowest * 1000), "late": late, "endpoints": endpoints}))
