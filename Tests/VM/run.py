"""The loop that starts the nodes of one run and serves them: channel, barriers, faults, deadline."""

import ctypes
import json
import mmap
import os
import pathlib
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time

from switch import Capture, Switch

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GRACE = 15  # seconds that the other nodes get once one has failed


class Failure(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def log(line):
    print(f"guests: {line}", file=sys.stderr, flush=True)


def address(number):
    return f"10.77.0.{number + 1}"


def die_with_parent():
    """Runs in a child before its program: whatever happens to this process, the child goes too."""
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def tsc_khz():
    """The rate of the time-stamp counter, which an emulated guest sees unscaled. Left to its own
    calibration on a busy host, a guest's clock can be wrong by a factor of two."""
    code = bytes.fromhex("0f3148c1e2204809d0c3")  # rdtsc; shl rdx, 32; or rax, rdx; ret
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    place = ctypes.addressof(ctypes.c_char.from_buffer(page))
    counter = ctypes.CFUNCTYPE(ctypes.c_uint64)(place)
    start, first = time.monotonic_ns(), counter()
    time.sleep(0.1)
    last, end = counter(), time.monotonic_ns()
    return (last - first) * 1_000_000 // (end - start)


class Node:
    def __init__(self, number, folder):
        self.number = number
        self.folder = folder
        self.process = None
        self.code = None  # its exit code, once it has ended
        self.ended_at = 0.0
        self.barrier = None  # the one at which it waits
        self.pending = b""
        self.channel = None
        self.monitor = None

    def answer(self, text):
        try:
            self.channel.sendall(text.encode() + b"\n")
        except OSError:
            pass  # it has ended meanwhile

    def kill(self):
        if self.process and self.process.poll() is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()


class Run:
    """What both kinds of node need; a subclass starts them."""

    def __init__(self, options, share):
        self.options = options
        self.share = share
        self.selector = selectors.DefaultSelector()
        self.nodes = []
        self.started = time.monotonic()
        self.deadline = self.started + options.timeout
        self.switch = None

    def add_node(self, number):
        node = Node(number, self.share / f"node{number}")
        shutil.rmtree(node.folder, ignore_errors=True)
        node.folder.mkdir()
        node.channel, far = socket.socketpair()
        self.nodes.append(node)
        self.selector.register(
            node.channel, selectors.EVENT_READ, lambda events, node=node: self.hear(node)
        )
        return node, far

    def variables(self):
        """What scripts find in their environment, but for what differs between nodes."""
        values = {name: text for name, text in os.environ.items() if name.startswith("VM_")}
        values["COUNT"] = str(self.options.count)
        values["MTU"] = str(self.options.mtu)
        values["ADDRESSES"] = " ".join(address(number) for number in range(self.options.count))
        return values

    def serve(self):
        """Until all nodes have ended. Returns the first exit code that is not 0, or 0."""
        first = 0
        while any(node.code is None for node in self.nodes):
            left = self.deadline - time.monotonic()
            if left <= 0:
                waiting = [str(node.number) for node in self.nodes if node.code is None]
                if first:
                    return first
                raise Failure(124, f"out of time; still running: node {', '.join(waiting)}")
            late = self.switch.tick() if self.switch else None
            wait = min(left, 0.5, 0.5 if late is None else late)
            for key, events in self.selector.select(wait):
                key.data(events)
            for node in self.nodes:
                self.check(node)
            codes = [node.code for node in self.nodes if node.code]
            if codes and not first:
                first = codes[0]
                self.deadline = min(self.deadline, time.monotonic() + GRACE)
        return first

    def check(self, node):
        raise NotImplementedError

    def ended(self, node, code, why=""):
        if node.code is not None:
            return
        node.code = code
        node.ended_at = time.monotonic()
        took = node.ended_at - self.started
        if code or why:
            log(f"node{node.number} ended with {code} after {took:.1f} s {why}".rstrip())
        self.release()

    def hear(self, node):
        try:
            text = node.channel.recv(65536)
        except OSError:
            text = b""
        if not text:
            self.selector.unregister(node.channel)
            return
        *lines, node.pending = (node.pending + text).split(b"\n")
        for line in lines:
            words = line.decode(errors="replace").split(" ")
            try:
                handler = getattr(self, "on_" + words[0], None)
                if handler is None:
                    raise ValueError("unknown request")
                if handler(node, *words[1:]) is not False:
                    node.answer("ok")
            except (ValueError, TypeError, IndexError, OSError) as error:
                node.answer(f"error {error}")

    # The requests of helpers.sh, by their first word.

    def on_say(self, node, *words):
        print(f"node{node.number}: {' '.join(words)}", file=sys.stderr, flush=True)

    def on_barrier(self, node, name):
        node.barrier = name
        self.release()
        return False

    def release(self):
        """Answers the nodes that wait at a barrier, if all are there or one will never be."""
        waiting = [node for node in self.nodes if node.barrier]
        names = {node.barrier for node in waiting}
        if any(node.code is not None for node in self.nodes):
            answer = "error a node has ended"
        elif len(waiting) < len(self.nodes):
            return
        else:
            answer = "ok" if len(names) == 1 else f"error nodes wait at {sorted(names)}"
        for node in waiting:
            node.barrier = None
            node.answer(answer)

    def port(self, number):
        if not self.switch:
            raise ValueError("no switch: the nodes are on this machine's own RDMA device")
        return self.switch.ports[int(number)]

    def on_cut(self, _node, number):
        self.port(number).cut = True

    def on_mend(self, _node, number):
        self.port(number).cut = False

    def on_lose(self, _node, number, percent):
        self.port(number).loss = float(percent) / 100

    def on_delay(self, _node, number, milliseconds):
        self.port(number).delay = float(milliseconds) / 1000

    def on_link(self, _node, number, state):
        self.port(number)
        if state not in ("up", "down"):
            raise ValueError("link: up or down")
        self.nodes[int(number)].monitor.set_link(state == "up")

    def close(self):
        for node in self.nodes:
            node.kill()


class Monitor:
    """The emulator's control connection: pulls and plugs the cable of a card."""

    def __init__(self, connection):
        self.connection = connection
        self.lines = connection.makefile("rb")
        self.ready = False

    def command(self, verb, **arguments):
        text = json.dumps({"execute": verb, "arguments": arguments})
        self.connection.sendall(text.encode() + b"\n")
        while True:
            answer = json.loads(self.lines.readline() or b'{"error": "gone"}')
            if "error" in answer:
                raise ValueError(f"{verb}: {answer['error']}")
            if "return" in answer:
                return

    def set_link(self, up):
        if not self.ready:
            self.lines.readline()  # the greeting
            self.command("qmp_capabilities")
            self.ready = True
        self.command("set_link", name="card", up=up)


class GuestRun(Run):
    def __init__(self, options, share, work, kernel):
        super().__init__(options, share)
        self.work = work
        self.kernel = kernel
        self.capture = Capture(options.pcap) if options.pcap else None
        self.switch = Switch(self.selector, self.capture)

    def hidden(self):
        """What --bare hides: the toolchain, and every build in this repository."""
        folders = [str(folder) for folder in ROOT.glob(".build*")]
        swift = shutil.which("swift")
        if swift:
            home = pathlib.Path(swift).resolve().parents[2]
            system = home == pathlib.Path("/")
            folders += ["/usr/libexec/swift", "/usr/lib/swift"] if system else [str(home)]
        return folders

    def write_environment(self):
        hidden = self.hidden() if self.options.bare else []
        values = self.variables()
        values["GUESTS"] = "1"
        values["DIRECTORY"] = "/" if self.options.bare else os.getcwd()
        values["HOME"] = os.environ.get("HOME", "/root")
        values["PATH"] = ":".join(
            folder
            for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/sbin"]
            if folder and not any(folder.startswith(one) for one in hidden)
        )
        lines = [f"export {name}={shlex.quote(text)}" for name, text in values.items()]
        lines.append(f"SCRIPT={shlex.quote(self.options.script)}")
        lines.append(f"ARGUMENTS=({shlex.join(self.options.arguments)})")
        lines.append(f"HIDDEN=({shlex.join(hidden)})")
        (self.share / "environment").write_text("\n".join(lines) + "\n")

    def make_initrd(self):
        tree = self.work / "initrd"
        (tree / "bin").mkdir(parents=True)
        shutil.copy2(shutil.which("busybox"), tree / "bin/busybox")
        shutil.copy2(HERE / "init", tree / "init")
        shutil.copytree(self.kernel / "modules", tree / "modules")
        names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
        with open(self.work / "initrd.cpio", "wb") as file:
            subprocess.run(
                ["cpio", "-o", "-H", "newc", "--quiet"],
                input=names.encode(), stdout=file, cwd=tree, check=True,
            )

    def start(self):
        self.write_environment()
        self.make_initrd()
        khz = tsc_khz()
        for number in range(self.options.count):
            self.start_guest(number, khz)
        log(f"{self.options.count} booting, MTU {self.options.mtu}")

    def start_guest(self, number, khz):
        options = self.options
        node, channel = self.add_node(number)
        near, card = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        control, monitor = socket.socketpair()
        node.monitor = Monitor(control)
        self.switch.add(near)
        line = (
            "console=ttyS0 quiet panic=-1 mitigations=off nokaslr "
            f"tsc=reliable tsc_early_khz={khz} VM_NODE={number} VM_NODE_PROGRAM={HERE}/node"
        )
        command = ["qemu-system-x86_64", "-nodefaults", "-no-reboot", "-display", "none"]
        command += ["-accel", "tcg,thread=multi", "-machine", "q35", "-cpu", "max"]
        # With one processor at most, the emulator leaves out the guest's memory barriers, though
        # its devices run beside it: now and then a card is not told of frames, and falls silent.
        processors = f"{options.cpus},maxcpus={max(2, options.cpus)}"
        command += ["-smp", processors, "-m", str(options.memory)]
        command += ["-serial", f"file:{node.folder}/console"]
        command += ["-kernel", f"{self.kernel}/vmlinuz", "-initrd", f"{self.work}/initrd.cpio"]
        command += ["-append", line, "-device", "virtio-rng-pci"]
        command += ["-netdev", f"dgram,id=segment,local.type=fd,local.str={card.fileno()}"]
        command += ["-device", "virtio-net-pci,id=card,netdev=segment,"
                    f"mac=52:54:00:77:00:{number + 1:02x},host_mtu={options.mtu}"]
        for tag, path, more in [("root", "/", ",readonly=on"), ("share", self.share, "")]:
            command += ["-fsdev", f"local,id={tag},path={path},security_model=none,"
                        f"multidevs=remap{more}"]
            command += ["-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
        command += ["-device", "virtio-serial-pci"]
        command += ["-chardev", f"socket,id=channel,fd={channel.fileno()}"]
        command += ["-device", "virtserialport,nr=1,chardev=channel"]
        command += ["-chardev", f"socket,id=monitor,fd={monitor.fileno()}"]
        command += ["-mon", "chardev=monitor,mode=control"]
        ends = (card, channel, monitor)
        with open(node.folder / "emulator", "wb") as file:
            node.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                pass_fds=[end.fileno() for end in ends], preexec_fn=die_with_parent,
            )
        for end in ends:
            end.close()

    def check(self, node):
        if node.code is None and node.process.poll() is not None:
            self.ended(node, 125, "the guest died")

    def on_ready(self, node):
        took = time.monotonic() - self.started
        log(f"node{node.number} is up after {took:.1f} s")

    def on_exit(self, node, code, *why):
        self.ended(node, int(code), " ".join(why))

    def close(self):
        super().close()
        if self.capture:
            self.capture.close()


class HostRun(Run):
    """The nodes are processes of this machine, on its own RDMA device, each with an address."""

    def __init__(self, options, share, device):
        super().__init__(options, share)
        self.card = self.network_card(pathlib.Path("/sys/class/infiniband", device))
        self.added = []

    @staticmethod
    def network_card(device):
        """The network interface of a device: of the first port for RoCE, its sibling for IPoIB."""
        file = device / "ports/1/gid_attrs/ndevs/0"
        try:
            return file.read_text().strip()
        except OSError:
            for folder in (device / "device/net").glob("*"):
                return folder.name
        raise Failure(77, f"{device.name} has no network interface")

    def start(self):
        if os.geteuid() != 0:
            raise Failure(77, "needs root, to give each node an address")
        for number in range(self.options.count):
            line = ["ip", "address", "add", f"{address(number)}/16", "dev", self.card]
            if subprocess.run(line, stderr=subprocess.DEVNULL).returncode == 0:
                self.added.append(address(number))
        for number in range(self.options.count):
            self.start_script(number)

    def start_script(self, number):
        node, channel = self.add_node(number)
        values = os.environ | self.variables()
        values |= {
            "GUESTS": "0", "NODE": str(number), "ADDRESS": address(number),
            "PEERS": " ".join(address(n) for n in range(self.options.count) if n != number),
            "SHARE": str(self.share), "HELPERS": str(HERE / "helpers.sh"),
            "CHANNEL": str(channel.fileno()), "LOCK": str(node.folder / "lock"),
        }
        with open(node.folder / "stdout", "wb") as out, open(node.folder / "stderr", "wb") as err:
            node.process = subprocess.Popen(
                ["bash", self.options.script, *self.options.arguments], env=values,
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                pass_fds=[channel.fileno()], preexec_fn=die_with_parent,
            )
        channel.close()

    def check(self, node):
        if node.code is None and node.process.poll() is not None:
            code = node.process.returncode
            self.ended(node, code if code >= 0 else 128 - code)

    def close(self):
        super().close()
        for one in self.added:
            line = ["ip", "address", "del", f"{one}/16", "dev", self.card]
            subprocess.run(line, stderr=subprocess.DEVNULL)
