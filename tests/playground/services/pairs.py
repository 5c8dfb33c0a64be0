"""Sends pairs of datagrams as a resolver asks for A and AAAA at once: pairs.py ADDRESS PORT PAIRS HOW. HOW is "one": all from one
socket; "each": each pair from a socket of its own. Sixty-four pairs at a time are under way. Says as JSON how many answers
came, how many did not within five seconds, and how long the slowest took."""
import json
import selectors
import socket
import sys
import time

address, port, pairs, how = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
family = socket.AF_INET6 if ":" in address else socket.AF_INET
selector = selectors.DefaultSelector()
waiting, slowest, answers, lost, refused, endpoints, users = {}, 0.0, 0, 0, 0, {}, {}


def make():
    client = socket.socket(family, socket.SOCK_DGRAM)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    client.connect((address, port))
    client.setblocking(False)
    selector.register(client, selectors.EVENT_READ)
    users[client] = 0
    return client


def leave(client):
    users[client] -= 1
    if how == "each" and users[client] == 0:
        selector.unregister(client)
        client.close()
        del users[client]


def hear(client):
    global slowest, answers, refused
    while True:
        try:
            answer = client.recv(2048).split()
        except BlockingIOError:
            return
        except ConnectionRefusedError:
            refused += 1
            return
        query = answer[2].decode()
        if query in waiting:
            since, _ = waiting.pop(query)
            slowest = max(slowest, time.monotonic() - since)
            answers += 1
            endpoints[answer[0].decode()] = endpoints.get(answer[0].decode(), 0) + 1
            leave(client)
            if client not in users:
                return


one = make() if how == "one" else None
begin, sent = time.monotonic(), 0
while sent < pairs or waiting:
    while sent < pairs and len(waiting) < 128:
        client = one or make()
        for kind in ("A", "AAAA"):
            users[client] += 1
            waiting[f"{kind}-{sent}"] = (time.monotonic(), client)
            client.send(f"{kind}-{sent}".encode())
        sent += 1
    for key, _ in selector.select(0.01):
        hear(key.fileobj)
    oldest = next(iter(waiting), None)
    while oldest and time.monotonic() - waiting[oldest][0] > 5:
        lost += 1
        leave(waiting.pop(oldest)[1])
        oldest = next(iter(waiting), None)
print(json.dumps({"answers": answers, "lost": lost, "refused": refused, "slowest_ms": round(slowest * 1000),
                  "seconds": round(time.monotonic() - begin, 2), "endpoints": endpoints}))
