"""One end of many probes: serves every port of its addresses, and sends what it is told to, all at once.

A line of JSON for each round comes in: {"quiet": seconds, "patience": seconds, "probes": [[id, source, destination, protocol, port,
must pass], ...]}. A line goes out: {"passed": [ids], "refused": [ids], "heard": [[source, protocol, port], ...]}. A round ends when all
that must pass has passed, or patience is over, and nothing else has been heard of for the quiet time. SCTP is spoken over raw sockets:
an INIT is answered by an INIT ACK.
"""
import errno, json, os, select, socket, struct, sys, time

TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ 0x82F63B78 if n & 1 else n >> 1
    TABLE.append(n)


def crc32c(data):
    c = 0xFFFFFFFF
    for byte in data:
        c = TABLE[(c ^ byte) & 0xFF] ^ c >> 8
    return c ^ 0xFFFFFFFF


def family(address):
    return socket.AF_INET6 if ':' in address else socket.AF_INET


def sctp(source, destination, verification, kind, tag):
    cookie = struct.pack('!HH', 7, 8) + b'weft' if kind == 2 else b''
    body = struct.pack('!IIHHI', tag, 65536, 1, 1, tag) + cookie
    chunk = struct.pack('!BBH', kind, 0, 4 + len(body)) + body
    head = struct.pack('!HHI', source, destination, verification)
    return head + struct.pack('<I', crc32c(head + bytes(4) + chunk)) + chunk


class Probe:
    def __init__(self, poll, addresses, ports):
        self.poll, self.servers, self.raw, self.ports = poll, {}, {}, ports
        self.waiting, self.by_socket, self.inits, self.heard = {}, {}, {}, []
        self.port = 20000 + os.getpid() * 7 % 20000
        for address in addresses:
            for port in ports:
                self.serve(address, port, socket.SOCK_STREAM)
                self.serve(address, port, socket.SOCK_DGRAM)
            raw = socket.socket(family(address), socket.SOCK_RAW, 132)
            raw.bind((address, 0))
            self.raw[address] = self.watch(raw, ('raw', address))

    def watch(self, sock, what):
        sock.setblocking(False)
        self.servers[sock.fileno()] = (sock, what)
        self.poll.register(sock, select.POLLIN)
        return sock

    def serve(self, address, port, kind):
        sock = socket.socket(family(address), kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        if kind == socket.SOCK_STREAM:
            sock.listen(512)
        self.watch(sock, ('TCP' if kind == socket.SOCK_STREAM else 'UDP', port))

    def start(self, probe):
        number, source, destination, protocol, port, _ = probe
        if protocol == 'SCTP':
            self.port = 20000 + (self.port + 1) % 40000
            self.inits[(destination, port, self.port)] = number
            self.waiting[number] = (probe, self.port, None)
        else:
            kind = socket.SOCK_STREAM if protocol == 'TCP' else socket.SOCK_DGRAM
            sock = socket.socket(family(destination), kind)
            sock.setblocking(False)
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            sock.bind((source, 0))
            error = sock.connect_ex((destination, port))
            if error not in (0, errno.EINPROGRESS):
                sock.close()
                self.refused.append([number, os.strerror(error)])
                return
            self.by_socket[sock.fileno()] = number
            self.waiting[number] = (probe, 0, sock)
            self.poll.register(sock, select.POLLOUT if kind == socket.SOCK_STREAM else select.POLLIN)
        self.send(number)

    def send(self, number):
        probe, port, sock = self.waiting[number]
        try:
            if probe[3] == 'UDP':
                sock.send(b'%d' % number)
            elif probe[3] == 'SCTP':
                self.raw[probe[1]].sendto(sctp(port, probe[4], 0, 1, number + 1), (probe[2], 0))
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOBUFS):
                self.refuse(number, error)

    def refuse(self, number, error):
        self.finish(number)
        self.refused.append([number, str(error)])

    def finish(self, number):
        probe, port, sock = self.waiting.pop(number)
        self.inits.pop((probe[2], probe[4], port), None)
        if sock is not None:
            self.poll.unregister(sock)
            del self.by_socket[sock.fileno()]
            sock.close()

    def passed_one(self, number):
        self.finish(number)
        self.passed.append(number)
        self.last = time.monotonic()

    def client(self, number):
        probe, _, sock = self.waiting[number]
        if probe[3] == 'TCP':
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            return self.refuse(number, os.strerror(error)) if error else self.passed_one(number)
        try:
            if sock.recv(64) == b'%d' % number:
                self.passed_one(number)
        except BlockingIOError:
            pass
        except OSError as error:
            self.refuse(number, error)

    def server(self, sock, what):
        kind, port = what
        for _ in range(64):
            try:
                if kind == 'TCP':
                    accepted, peer = sock.accept()
                    self.heard.append([peer[0], kind, port])
                    accepted.close()
                elif kind == 'UDP':
                    data, peer = sock.recvfrom(2048)
                    self.heard.append([peer[0], kind, port])
                    sock.sendto(data, peer)
                else:
                    self.chunk(sock, port, *sock.recvfrom(2048))
            except OSError:
                return

    def chunk(self, sock, own, packet, peer):
        if family(own) == socket.AF_INET:
            if packet[16:20] != socket.inet_aton(own):
                return
            packet = packet[(packet[0] & 15) * 4:]
        if len(packet) < 20:
            return
        source, destination, _, _, kind = struct.unpack('!HHIIB', packet[:13])
        tag = struct.unpack('!I', packet[16:20])[0]
        if kind == 1 and destination in self.ports:
            self.heard.append([peer[0], 'SCTP', destination])
            sock.sendto(sctp(destination, source, tag, 2, tag), (peer[0], 0))
        elif kind == 2 and (peer[0], source, destination) in self.inits:
            self.passed_one(self.inits[(peer[0], source, destination)])

    def turn(self, seconds):
        for descriptor, _ in self.poll.poll(max(0, int(seconds * 1000))):
            if descriptor == 0:
                return True
            if descriptor in self.servers:
                self.server(*self.servers[descriptor])
            elif descriptor in self.by_socket:
                self.client(self.by_socket[descriptor])
        return False

    def round(self, asked):
        self.passed, self.refused = [], []
        began = self.last = time.monotonic()
        for index, probe in enumerate(asked['probes']):
            self.start(probe)
            if index % 32 == 31:
                self.turn(0)
        again = began + 0.25
        while True:
            now = time.monotonic()
            left = any(probe[5] for probe, _, _ in self.waiting.values())
            if now - began > asked['patience'] or not left and now - max(self.last, began) > asked['quiet']:
                break
            if now > again:
                again = now + 0.25
                for number in list(self.waiting):
                    self.send(number)
            self.turn(0.02)
        for number in list(self.waiting):
            self.finish(number)
        answer = {'passed': self.passed, 'refused': self.refused, 'heard': self.heard}
        self.heard = []
        print(json.dumps(answer), flush=True)


def main():
    poll = select.poll()
    probe = Probe(poll, sys.argv[1].split(','), [int(port) for port in sys.argv[2].split(',')])
    poll.register(0, select.POLLIN)
    print('ready', flush=True)
    while True:
        if probe.turn(1):
            line = sys.stdin.readline()
            if not line:
                return
            poll.unregister(0)
            probe.round(json.loads(line))
            poll.register(0, select.POLLIN)


main()
