#!/usr/bin/python3 -BES
"""The hostile guest: the first and only program of a stock Debian kernel, which attacks the devices of its machine.

The first disk is the bystander's: the kernel's own driver has it, and a loop writes, flushes, reads and compares all
the time. All other devices are taken away from the kernel and driven by hand, through /dev/mem, as no honest driver
would. After each case: reset, a well-formed request, and a sign of life of the bystander.

Prints a line for each case on each device and each format of the ring, "HOSTILE <id> ok|fail <device> <format>:
<detail>", and at the end what the bystander has seen.
"""

import faulthandler
import os
import sys
import time

BYSTANDER_BLOCKS, BLOCK = 64, 4096


def show_error():
    sys.excepthook(*sys.exc_info())


def run(*command):
    code = os.spawnv(os.P_WAIT, "/bin/busybox", ["busybox", *command])
    if code:
        raise OSError(f"{' '.join(command)}: exit code {code}")


def read_file(path):
    with open(path, "rb") as file:
        return file.read()


def mount_all():
    for kind, place in (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")):
        run("mount", "-t", kind, kind, place)


def load(*modules):
    for module in modules:
        # One that is not there is built in.
        for path in (f"/lib/modules/{module}.ko", f"/lib/modules/{module}.ko.xz"):
            if os.path.exists(path):
                run("insmod", path)


def take_devices():
    """Takes every device but the first disk away from the kernel: address and type of each."""
    taken, bystander = [], None
    base = "/sys/bus/virtio/devices"
    for name in sorted(os.listdir(base), key=lambda name: int(name[6:])):
        platform = os.path.basename(os.path.dirname(os.path.realpath(f"{base}/{name}")))
        kind = int(read_file(f"{base}/{name}/device"), 16)
        if kind == 2 and bystander is None:
            bystander = name
            continue
        with open("/sys/bus/platform/drivers/virtio-mmio/unbind", "w") as file:
            file.write(platform)
        taken.append((int(platform.split(".")[0], 16), kind))
    return taken


class Bystander:
    """A child process on the first disk, and two numbers that it shares: rounds done, and blocks that were wrong."""

    def __init__(self):
        import mmap

        self.shared = memoryview(mmap.mmap(-1, 4096)).cast("Q")
        self.child = os.fork()
        if self.child == 0:
            try:
                self.loop(memoryview(mmap.mmap(-1, BLOCK)))
            except BaseException:
                show_error()
                self.shared[1] += 1
            os._exit(0)

    @property
    def rounds(self):
        return self.shared[0]

    def loop(self, block):
        # Past the page cache, so that each read is one of the device's.
        disk = os.open("/dev/vda", os.O_RDWR | os.O_DIRECT)
        while not self.shared[2]:
            number = self.shared[0]
            text = f"bystander round {number:10}\n".encode()
            text = text * (BLOCK // len(text)) + bytes(BLOCK % len(text))
            at = number % BYSTANDER_BLOCKS * BLOCK
            block[:] = text
            os.pwritev(disk, [block], at)
            os.fsync(disk)
            block[:] = bytes(BLOCK)
            os.preadv(disk, [block], at)
            if block != text:
                self.shared[1] += 1
            self.shared[0] = number + 1
            time.sleep(0.001)

    def expect_progress(self):
        """Waits for two more rounds: one of them has begun after this call."""
        from bench import check

        target, end = self.rounds + 2, time.monotonic() + 20
        while self.rounds < target:
            check(time.monotonic() < end, "the bystander stands still")
            check(self.shared[1] == 0, "the bystander reads something else than it wrote")
            time.sleep(0.0005)

    def stop(self):
        self.shared[2] = 1
        os.waitpid(self.child, 0)
        print(f"BYSTANDER rounds={self.rounds} mismatches={self.shared[1]}", flush=True)


class Layout:
    """Where memory is and where none is: what the device tree and the devices' configuration say."""

    def __init__(self, devices):
        from rawdriver import Ram, Window

        reg = read_file("/proc/device-tree/memory@80000000/reg")
        start, length = (int.from_bytes(reg[i : i + 8], "big") for i in (0, 8))
        used = 0
        for line in read_file("/proc/iomem").decode().splitlines():
            if line.endswith(": System RAM"):
                used = max(used, int(line.split(":")[0].split("-")[1], 16) + 1)
        pmem, mem = devices["pmem"], devices["mem"]
        # The seam of RAM and read-only memory right behind it, then a hole, then memory up to the very end.
        self.seam = start + length
        self.hole = pmem.config(0, 8) + pmem.config(8, 8)
        self.hole_end = mem.config(16, 8)
        self.end = self.hole_end + mem.config(24, 8)
        if pmem.config(0, 8) != self.seam or not used < self.seam or self.hole >= self.hole_end:
            raise OSError(f"The memory is laid out in another way: {vars(self)}, the kernel's ends at {used:#x}.")
        self.rom_start = bytes(Window(self.seam, 4096).u8[:256])
        self.ram = Ram(used)


def attack(devices, layout, bystander):
    from bench import BOTH, CASES, SPLIT, Bench

    probes = {name: 0 for name in devices}
    for identity, formats, on, pooled_only, function in CASES:
        for name, device in devices.items():
            if name.split("-")[0] != on or (pooled_only and not device.pooled):
                continue
            for ring_format in formats:
                where = f"{name} {ring_format}"
                started = time.monotonic()
                try:
                    bench = Bench(device, layout.ram, layout, ring_format != SPLIT)
                    bench.begin()
                    seen = function(bench)
                    device.reset()
                    bench.probe(probes[name])
                    probes[name] += 1
                    bystander.expect_progress()
                    print(f"HOSTILE {identity} ok {where}: {seen} ({time.monotonic() - started:.2f} s)", flush=True)
                except Exception as error:
                    print(f"HOSTILE {identity} fail {where}: {function.__name__}: {error!r}", flush=True)
                    show_error()
    for name, count in probes.items():
        print(f"PROBES {name} {count}", flush=True)


def main():
    mount_all()
    load("virtio_ring", "virtio", "virtio_mmio")
    taken = take_devices()
    load("virtio_blk")
    while not os.path.exists("/dev/vda"):
        time.sleep(0.01)
    import bench  # noqa: F401  /dev/mem is there from now on
    import transport_cases, ring_cases, device_cases  # noqa: E401, F401
    from rawdriver import Device

    names = {2: ["block-inline", "block-pooled"], 4: ["rng"], 24: ["mem"], 27: ["pmem"]}
    devices = {}
    for address, kind in taken:
        name = names[kind].pop(0)
        devices[name] = Device(address, name)
    print(f"INIT uptime {read_file('/proc/uptime').decode().split()[0]} s, devices: {' '.join(devices)}", flush=True)
    bystander = Bystander()
    attack(devices, Layout(devices), bystander)
    bystander.stop()
    print(f"HOSTILE DONE uptime {read_file('/proc/uptime').decode().split()[0]} s", flush=True)


faulthandler.enable()
try:
    main()
except BaseException:
    show_error()
sys.stdout.flush()
os.sync()
run("poweroff", "-f")
