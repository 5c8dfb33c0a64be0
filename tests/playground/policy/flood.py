"""Floods targets with numbered datagrams and echoes what comes: what is lost, and what should never have come, is counted.

Arguments: own addresses, targets, packets a second. Every second packet goes out of a socket that was used before, every other one
opens a connection of its own. It begins on the line "go" at standard input; on any other it stops, waits for what is under way, and prints what it saw.
"""
import collections, json, select, socket, sys, time

PORT, GRACE, KEEP = 5000, 2.0, 1.0
own, targets, rate = sys.argv[1].split(','), [t for t in sys.argv[2].split(',') if t], float(sys.argv[3])


def family(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def fresh(target):
    sock = socket.socket(family(target), socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((next(a for a in own if family(a) == family(target)), 0))
    sock.connect((target, PORT))
    poll.register(sock, select.POLLIN)
    sockets[sock.fileno()] = sock
    return sock


poll, sockets, servers = select.poll(), {}, {}
for address in own:
    server = socket.socket(family(address), socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    server.bind((address, PORT))
    server.setblocking(False)
    poll.register(server, select.POLLIN)
    servers[server.fileno()] = server
poll.register(0, select.POLLIN)
standing = {target: fresh(target) for target in targets}
short = collections.deque()
outstanding = {target: {} for target in targets}
sent, echoed, heard, refused = (collections.Counter() for _ in range(4))
number, began, stopped = 0, time.monotonic(), None
due = began
print('ready', flush=True)
started = False


def send():
    global number
    for target in targets:
        number += 1
        if number // len(targets) % 2:
            sock = standing[target]
        else:
            sock = fresh(target)
            short.append((time.monotonic(), sock))
        try:
            sock.send(b'%d' % number)
        except OSError:
            refused[target] += 1
            continue
        sent[target] += 1
        outstanding[target][number] = time.monotonic() - began


def receive(sock):
    target = sock.getpeername()[0]
    while True:
        try:
            reply = int(sock.recv(64))
        except BlockingIOError:
            return
        except OSError:
            refused[target] += 1
            return
        if outstanding[target].pop(reply, None) is not None:
            echoed[target] += 1


def echo(server):
    for _ in range(256):
        try:
            data, peer = server.recvfrom(64)
            heard[peer[0]] += 1
            server.sendto(data, peer)
        except OSError:
            return


while stopped is None or time.monotonic() - stopped < GRACE:
    now = time.monotonic()
    if started and stopped is None and targets and now >= due:
        due = max(due + 1 / rate, now - 0.2)
        send()
    while short and short[0][0] < now - KEEP - GRACE:
        _, sock = short.popleft()
        poll.unregister(sock)
        del sockets[sock.fileno()]
        sock.close()
    wait = 50 if stopped or not targets else max(0, min(50, (due - time.monotonic()) * 1000))
    for descriptor, _ in poll.poll(wait):
        if descriptor == 0:
            if sys.stdin.readline() == 'go\n':
                started, began, due = True, time.monotonic(), time.monotonic()
            else:
                poll.unregister(0)
                stopped = time.monotonic()
        elif descriptor in servers:
            echo(servers[descriptor])
        elif descriptor in sockets:
            receive(sockets[descriptor])
lost = {target: sorted(round(at, 2) for at in numbers.values()) for target, numbers in outstanding.items()}
print(json.dumps({'sent': sent, 'echoed': echoed, 'heard': heard, 'refused': refused, 'lost': lost}), flush=True)
