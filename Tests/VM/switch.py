"""An Ethernet switch in user space: joins guests, records what it delivers, and does harm on demand.

Each guest's network card is one end of a datagram socket pair; one datagram is one frame. The
switch learns addresses as a real one does, keeps a bounded queue per port, and loses what does not
fit. It has no loop of its own: the owner's selector calls `receive` and `flush`.
"""

import collections
import heapq
import random
import selectors
import struct
import time

QUEUE_LIMIT = 4096  # frames waiting for one guest; as a real switch, more are lost
FRAME_LIMIT = 65536
BURST = 64  # frames taken from one guest before another has its turn


class Capture:
    """A pcap file with nanosecond stamps."""

    def __init__(self, path):
        self.file = open(path, "wb", buffering=1 << 20)
        self.file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, FRAME_LIMIT, 1))

    def write(self, frame):
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        header = struct.pack("<IIII", seconds, nanoseconds, len(frame), len(frame))
        self.file.write(header + frame)

    def close(self):
        self.file.close()


class Port:
    def __init__(self, number, socket):
        self.number = number
        self.socket = socket
        self.serve = None  # what the selector calls
        self.queue = collections.deque()
        self.cut = False
        self.loss = 0.0  # share of the frames towards this guest that is lost
        self.delay = 0.0  # seconds by which frames towards this guest are late


class Switch:
    def __init__(self, selector, capture):
        self.selector = selector
        self.capture = capture
        self.ports = []
        self.learned = {}
        self.late = []  # heap of (due, order, ports, frame)
        self.order = 0
        self.lost = 0
        self.random = random.Random(1)

    def add(self, socket):
        socket.setblocking(False)
        port = Port(len(self.ports), socket)
        self.ports.append(port)
        port.serve = lambda events: self.serve(port, events)
        self.selector.register(socket, selectors.EVENT_READ, port.serve)

    def serve(self, port, events):
        if events & selectors.EVENT_WRITE:
            self.flush(port)
        if events & selectors.EVENT_READ:
            self.receive(port)

    def receive(self, port):
        for _ in range(BURST):
            try:
                frame = port.socket.recv(FRAME_LIMIT)
            except (BlockingIOError, ConnectionError):
                return
            if port.cut or len(frame) < 14:
                continue
            self.learned[frame[6:12]] = port
            known = None if frame[0] & 1 else self.learned.get(frame[:6])
            targets = [known] if known else [each for each in self.ports if each is not port]
            targets = [each for each in targets if each is not port and self.passes(each)]
            if targets:
                self.forward(targets, frame)

    def passes(self, port):
        if port.cut:
            return False
        return not port.loss or self.random.random() >= port.loss

    def forward(self, targets, frame):
        delay = max(port.delay for port in targets)
        if delay or self.late:
            # Also what is not delayed itself waits behind what is, or order on the wire would break.
            due = time.monotonic() + delay
            self.order += 1
            heapq.heappush(self.late, (due, self.order, targets, frame))
        else:
            self.deliver(targets, frame)

    def deliver(self, targets, frame):
        if self.capture:
            self.capture.write(frame)
        for port in targets:
            if port.cut:
                continue
            if port.queue:
                self.enqueue(port, frame)
                continue
            try:
                port.socket.send(frame)
            except BlockingIOError:
                self.enqueue(port, frame)
            except OSError:
                port.cut = True

    def enqueue(self, port, frame):
        if len(port.queue) >= QUEUE_LIMIT:
            self.lost += 1
            return
        port.queue.append(frame)
        if len(port.queue) == 1:
            self.watch(port, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def flush(self, port):
        try:
            while port.queue:
                port.socket.send(port.queue[0])
                port.queue.popleft()
        except BlockingIOError:
            return
        except OSError:
            port.cut = True
            port.queue.clear()
        self.watch(port, selectors.EVENT_READ)

    def watch(self, port, events):
        self.selector.modify(port.socket, events, port.serve)

    def tick(self):
        """Delivers what is due; returns the seconds until the next is, or None."""
        while self.late:
            wait = self.late[0][0] - time.monotonic()
            if wait > 0:
                return wait
            _, _, targets, frame = heapq.heappop(self.late)
            self.deliver(targets, frame)
        return None
