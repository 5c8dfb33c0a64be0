"""Answers every connection and datagram with its own name and who asks: serve.py NAME PORT...

TCP and UDP, both families, one process. Says "up" when it listens."""
import selectors
import socket
import sys

name, ports = sys.argv[1], [int(port) for port in sys.argv[2:]]
selector = selectors.DefaultSelector()
for port in ports:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        for family, every in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            server = socket.socket(family, kind)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if kind == socket.SOCK_DGRAM:
                server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            server.bind((every, port))
            if kind == socket.SOCK_STREAM:
                server.listen(4096)
            server.setblocking(False)
            selector.register(server, selectors.EVENT_READ, kind)
print("up", flush=True)
while True:
    for key, _ in selector.select():
        try:
            while True:
                if key.data == socket.SOCK_STREAM:
                    client, peer = key.fileobj.accept()
                    client.sendall(f"{name} {peer[0]}".encode())
                    client.close()
                else:
                    asked, peer = key.fileobj.recvfrom(2048)
                    key.fileobj.sendto(f"{name} {peer[0]} ".encode() + asked, peer)
        except BlockingIOError:
            pass
        except OSError:
            pass
