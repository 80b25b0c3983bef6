"""A virtio driver made by hand, in a program: registers and rings as numbers in memory.

No kernel driver takes part. The registers are read and written through /dev/mem, and the rings lie in RAM that the
kernel was told not to use (mem= on its command line). Everything is written as it is given: whatever an honest
driver would never write can be written here.
"""

import mmap
import os
import time

MAGIC, VERSION, DEVICE_ID, VENDOR_ID = 0x000, 0x004, 0x008, 0x00C
DEVICE_FEATURES, DEVICE_FEATURES_SEL, DRIVER_FEATURES, DRIVER_FEATURES_SEL = 0x010, 0x014, 0x020, 0x024
QUEUE_SEL, QUEUE_NUM_MAX, QUEUE_NUM, QUEUE_READY, QUEUE_NOTIFY = 0x030, 0x034, 0x038, 0x044, 0x050
INTERRUPT_STATUS, INTERRUPT_ACK, STATUS = 0x060, 0x064, 0x070
QUEUE_DESC, QUEUE_DRIVER, QUEUE_DEVICE = 0x080, 0x090, 0x0A0
SHM_SEL, SHM_LEN, SHM_BASE, QUEUE_RESET, CONFIG_GENERATION, CONFIG = 0x0AC, 0x0B0, 0x0B8, 0x0C0, 0x0FC, 0x100

ACKNOWLEDGE, DRIVER, FEATURES_OK, DRIVER_OK, NEEDS_RESET, FAILED = 1, 2, 8, 4, 0x40, 0x80
LIVE = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK

INDIRECT_DESC, EVENT_IDX, VERSION_1, RING_PACKED, RING_RESET = 1 << 28, 1 << 29, 1 << 32, 1 << 34, 1 << 40

NEXT, WRITE, INDIRECT = 1, 2, 4
AVAIL, USED = 1 << 7, 1 << 15

# How long the device may take for what it must do; it usually has done it when the notification returns.
PATIENCE = 10.0


class Fail(Exception):
    """What was seen is not what must be."""


def check(condition, what):
    if not condition:
        raise Fail(what)


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        check(time.monotonic() < end, "waited in vain until " + what)
        os.sched_yield()


class Window:
    """A piece of the physical address space."""

    memory = os.open("/dev/mem", os.O_RDWR | os.O_SYNC)

    def __init__(self, address, length):
        self.address = address
        self.length = length
        view = memoryview(mmap.mmap(self.memory, length, offset=address))
        self.u8, self.u16, self.u32, self.u64 = view, view.cast("H"), view.cast("I"), view.cast("Q")


class Device:
    """The registers of one device, and the steps of the specification's initialisation (3.1.1)."""

    def __init__(self, address, name):
        self.window = Window(address, mmap.PAGESIZE)
        self.name = name
        self.id = self.read(DEVICE_ID)
        self.pooled = name.endswith("-pooled")

    def read(self, register):
        return self.window.u32[register >> 2]

    def write(self, register, value):
        self.window.u32[register >> 2] = value & 0xFFFFFFFF

    def write_address(self, register, value):
        self.write(register, value)
        self.write(register + 4, value >> 32)

    @property
    def status(self):
        return self.read(STATUS)

    @status.setter
    def status(self, value):
        self.write(STATUS, value)

    def reset(self):
        self.status = 0
        wait_until(lambda: self.status == 0, "Status reads 0 after a reset")

    def offered(self):
        features = 0
        for word in (0, 1):
            self.write(DEVICE_FEATURES_SEL, word)
            features |= self.read(DEVICE_FEATURES) << 32 * word
        return features

    def accept(self, features):
        for word in (0, 1):
            self.write(DRIVER_FEATURES_SEL, word)
            self.write(DRIVER_FEATURES, features >> 32 * word)

    def negotiate(self, features):
        """From a reset to FEATURES_OK; whether the device agrees."""
        self.reset()
        self.status = ACKNOWLEDGE
        self.status = ACKNOWLEDGE | DRIVER
        self.accept(features)
        self.status = ACKNOWLEDGE | DRIVER | FEATURES_OK
        return self.status == ACKNOWLEDGE | DRIVER | FEATURES_OK

    def start(self):
        self.status = LIVE
        check(self.status == LIVE, f"Status is {self.status:#x} after DRIVER_OK")

    def set_up_queue(self, index, size, table, driver, device):
        """Writes the registers of a queue and enables it; whether the device takes it."""
        self.write(QUEUE_SEL, index)
        self.write(QUEUE_NUM, size)
        self.write_address(QUEUE_DESC, table)
        self.write_address(QUEUE_DRIVER, driver)
        self.write_address(QUEUE_DEVICE, device)
        self.write(QUEUE_READY, 1)
        return self.read(QUEUE_READY) == 1

    def notify(self, queue=0):
        self.write(QUEUE_NOTIFY, queue)

    def config(self, offset, width):
        return int.from_bytes(bytes(self.window.u8[CONFIG + offset + i] for i in range(width)), "little")


class Ram:
    """Memory that the kernel does not use: three areas for each of two rings, tables, and buffers behind them."""

    RING_BYTES = 0x20_0000
    TABLES = 2 * RING_BYTES
    BUFFERS = TABLES + 0x10_0000
    BUFFER_BYTES = 0x1_0000
    LENGTH = 0x80_0000
    CANARY = 0xEE

    def __init__(self, address):
        self.window = Window(address, self.LENGTH)
        self.address = address
        self.tables = address + self.TABLES
        self.buffers = address + self.BUFFERS

    def clear(self):
        """Fills the buffers so that whatever is written shows."""
        self.fill(self.buffers, self.BUFFER_BYTES, self.CANARY)

    def offset(self, address):
        offset = address - self.address
        check(0 <= offset < self.LENGTH, f"the driver's own error: {address:#x}")
        return offset

    def fill(self, address, length, byte):
        self.write(address, bytes([byte]) * length)

    def write(self, address, content):
        start = self.offset(address)
        self.window.u8[start : start + len(content)] = content

    def read(self, address, length):
        start = self.offset(address)
        return bytes(self.window.u8[start : start + length])

    def write_descriptor(self, address, buffer, length, third, fourth):
        """Split: third is flags and fourth is next; packed: third is the id and fourth is flags."""
        at = self.offset(address)
        self.window.u64[at >> 3] = buffer & 0xFFFF_FFFF_FFFF_FFFF
        self.window.u32[(at >> 2) + 2] = length & 0xFFFFFFFF
        self.window.u16[(at >> 1) + 6] = third & 0xFFFF
        self.window.u16[(at >> 1) + 7] = fourth & 0xFFFF

    def write_table(self, address, segments, packed):
        """An indirect table, also at an odd address: (buffer, length, flags) each, linked where split."""
        content = b""
        for i, (buffer, length, flags) in enumerate(segments):
            more = i + 1 < len(segments)
            third, fourth = (0, flags) if packed else (flags | (NEXT if more else 0), i + 1 if more else 0)
            content += (buffer & (1 << 64) - 1).to_bytes(8, "little") + (length & (1 << 32) - 1).to_bytes(4, "little")
            content += third.to_bytes(2, "little") + fourth.to_bytes(2, "little")
        self.write(address, content)


class Ring:
    """What both formats of a ring have: three areas, and a queue of a device that they belong to."""

    def __init__(self, device, ram, index, size):
        self.device, self.ram, self.index, self.size = device, ram, index, size
        self.table = ram.address + index * Ram.RING_BYTES
        self.driver = self.table + 0x10_0000
        self.used = self.table + 0x18_0000
        ram.fill(self.table, 16 * size, 0)
        ram.fill(self.driver, 8 + 2 * size, 0)
        ram.fill(self.used, 8 + 8 * size, 0)

    def enable(self):
        return self.device.set_up_queue(self.index, self.size, self.table, self.driver, self.used)

    def kick(self):
        self.device.notify(self.index)

    def store16(self, address, value):
        self.ram.window.u16[self.ram.offset(address) >> 1] = value & 0xFFFF

    def load16(self, address):
        return self.ram.window.u16[self.ram.offset(address) >> 1]

    def take_used(self):
        """The next used chain: its id and its length."""
        wait_until(self.has_used, "a chain is used")
        return self.pop_used()

    def expect_used(self, head, length, what=""):
        got = self.take_used()
        check(got == (head, length), f"{what} used {got}, not {(head, length)}")


class SplitRing(Ring):
    """Virtio 1.2, 2.7."""

    packed = False

    def __init__(self, device, ram, index, size):
        super().__init__(device, ram, index, size)
        self.next_descriptor = self.next_avail = self.next_used = 0

    def write(self, slot, buffer, length, flags, next_slot=0):
        self.ram.write_descriptor(self.table + 16 * slot, buffer, length, flags, next_slot)

    def offer(self, head):
        """Puts a head into the available ring; publish shows it to the device."""
        self.store16(self.driver + 4 + 2 * (self.next_avail % self.size), head)
        self.next_avail = self.next_avail + 1 & 0xFFFF

    def publish(self):
        self.set_avail_index(self.next_avail)

    def set_avail_index(self, value):
        self.store16(self.driver + 2, value)

    def used_index(self):
        return self.load16(self.used + 2)

    def post(self, *segments):
        """A chain of (buffer, length, flags) in the next descriptors, offered but not published; its head."""
        head = self.next_descriptor
        for i, (buffer, length, flags) in enumerate(segments):
            slot = (head + i) % self.size
            more = i + 1 < len(segments)
            self.write(slot, buffer, length, flags | (NEXT if more else 0), (slot + 1) % self.size if more else 0)
        self.next_descriptor = (head + len(segments)) % self.size
        self.offer(head)
        return head

    def has_used(self):
        return self.used_index() != self.next_used

    def pop_used(self):
        at = self.ram.offset(self.used + 4 + 8 * (self.next_used % self.size)) >> 2
        self.next_used = self.next_used + 1 & 0xFFFF
        return self.ram.window.u32[at], self.ram.window.u32[at + 1]


class PackedRing(Ring):
    """Virtio 1.2, 2.8."""

    packed = True

    def __init__(self, device, ram, index, size):
        super().__init__(device, ram, index, size)
        self.slot, self.phase = 0, AVAIL
        self.used_slot, self.used_phase = 0, AVAIL | USED
        self.next_id = 0
        self.lengths = {}
        self.held = None

    def write(self, slot, buffer, length, identity, flags):
        self.ram.write_descriptor(self.table + 16 * slot, buffer, length, identity, flags)

    def set_flags(self, slot, flags):
        self.store16(self.table + 16 * slot + 14, flags)

    def flags(self, slot):
        return self.load16(self.table + 16 * slot + 14)

    def post(self, *segments, identity=None):
        """A chain of (buffer, length, flags) in the next slots; publish makes it available; its id."""
        if identity is None:
            identity = self.next_id
            self.next_id = (self.next_id + 1) % self.size
        self.lengths[identity] = len(segments)
        for i, (buffer, length, flags) in enumerate(segments):
            flags |= self.phase | (NEXT if i + 1 < len(segments) else 0)
            if self.held is None:
                # The first slot becomes available last: the device may be looking already.
                self.held = self.slot, flags
                flags ^= AVAIL | USED
            self.write(self.slot, buffer, length, identity, flags)
            self.slot += 1
            if self.slot == self.size:
                self.slot, self.phase = 0, self.phase ^ (AVAIL | USED)
        return identity

    def publish(self):
        if self.held is not None:
            self.set_flags(*self.held)
            self.held = None

    def has_used(self):
        return self.flags(self.used_slot) & (AVAIL | USED) == self.used_phase

    def pop_used(self):
        at = self.ram.offset(self.table + 16 * self.used_slot)
        length, identity = self.ram.window.u32[(at >> 2) + 2], self.ram.window.u16[(at >> 1) + 6]
        self.used_slot += self.lengths.get(identity, 1)
        if self.used_slot >= self.size:
            self.used_slot -= self.size
            self.used_phase ^= AVAIL | USED
        return identity, length
