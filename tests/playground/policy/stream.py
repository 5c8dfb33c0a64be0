"""Streams between a server and a client: TCP and UDP, with most bytes one way or the other.

`serve ADDRESS` serves: TCP 7000 takes bytes, TCP 7001 gives them, UDP 7002 gives a datagram every 2 ms to whoever has spoken in the last
minute. `fetch ADDRESS` opens all three, speaks UDP every 100 ms, and answers each line at standard input with the seconds since it was
last heard or could last speak: {"up": .., "down": .., "datagrams": ..}. `listen ADDRESS` speaks UDP until it is answered and never again,
and answers as `fetch` does. A server answers with those since bytes last came up: {"up": ..}.
"""
import json, select, socket, sys, time

role, address = sys.argv[1], sys.argv[2]
kind = socket.AF_INET6 if ':' in address else socket.AF_INET
poll, last, chunk = select.poll(), {}, b'x' * 1400
poll.register(0, select.POLLIN)


def answer():
    if not sys.stdin.readline():
        sys.exit(0)
    now = time.monotonic()
    print(json.dumps({name: now - at for name, at in last.items()}), flush=True)


def tcp(port):
    sock = socket.socket(kind, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return sock


def serve():
    takers, givers, peers = {}, {}, {}
    listeners = {}
    for port in (7000, 7001):
        sock = tcp(port)
        sock.bind((address, port))
        sock.listen(64)
        listeners[sock.fileno()] = (sock, port)
        poll.register(sock, select.POLLIN)
    udp = socket.socket(kind, socket.SOCK_DGRAM)
    udp.bind((address, 7002))
    udp.setblocking(False)
    poll.register(udp, select.POLLIN)
    print('ready', flush=True)
    while True:
        for descriptor, _ in poll.poll(2):
            if descriptor == 0:
                answer()
            elif descriptor in listeners:
                sock, port = listeners[descriptor]
                one = sock.accept()[0]
                one.setblocking(False)
                (takers if port == 7000 else givers)[one.fileno()] = one
                if port == 7000:
                    poll.register(one, select.POLLIN)
            elif descriptor == udp.fileno():
                peers[udp.recvfrom(64)[1]] = time.monotonic()
            elif descriptor in takers:
                if take(takers[descriptor], 'up') is False:
                    poll.unregister(descriptor)
                    takers.pop(descriptor).close()
        for descriptor, one in list(givers.items()):
            if give(one) is None:
                givers.pop(descriptor).close()
        for peer in [peer for peer, at in peers.items() if time.monotonic() - at < 60]:
            try:
                udp.sendto(b'reply', peer)
            except OSError:
                pass


def take(sock, name):
    try:
        if not sock.recv(1 << 18):
            return False
        last[name] = time.monotonic()
    except BlockingIOError:
        pass
    except OSError:
        return False
    return True


def give(sock):
    try:
        return sock.send(chunk)
    except BlockingIOError:
        return 0
    except OSError:
        return None


def fetch():
    up, down, udp = tcp(7000), tcp(7001), socket.socket(kind, socket.SOCK_DGRAM)
    up.connect((address, 7000))
    down.connect((address, 7001))
    udp.connect((address, 7002))
    for sock in (up, down, udp):
        sock.setblocking(False)
    poll.register(down, select.POLLIN)
    poll.register(udp, select.POLLIN)
    spoken = 0
    print('ready', flush=True)
    while True:
        for descriptor, _ in poll.poll(2):
            if descriptor == 0:
                answer()
            elif descriptor == down.fileno():
                take(down, 'down')
            else:
                take(udp, 'datagrams')
        give(up)
        if time.monotonic() - spoken > 0.1:
            spoken = time.monotonic()
            try:
                udp.send(b'more')
            except OSError:
                pass


def listen():
    udp = socket.socket(kind, socket.SOCK_DGRAM)
    udp.connect((address, 7002))
    udp.setblocking(False)
    poll.register(udp, select.POLLIN)
    print('ready', flush=True)
    while True:
        for descriptor, _ in poll.poll(100):
            if descriptor == 0:
                answer()
            else:
                take(udp, 'datagrams')
        if 'datagrams' not in last:
            try:
                udp.send(b'once')
            except OSError:
                pass


{'serve': serve, 'fetch': fetch, 'listen': listen}[role]()
