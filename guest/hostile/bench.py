"""What every case needs: a device under attack, what must be seen of it, and the list of cases."""

import time

from rawdriver import *

IN, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES, SECURE_ERASE = 0, 1, 4, 8, 11, 13, 14
OK, IOERR, UNSUPP = 0, 1, 2

SECTOR = 512
# The host looks at the image afterwards: cases may write to the first sectors, the probes to theirs, nobody elsewhere.
SCRATCH_SECTORS = 8
FIRST_PROBE_SECTOR = 1024

SPLIT, PACKED = "split", "packed"
BOTH = (SPLIT, PACKED)

CASES = []


def case(identity, formats=BOTH, on="block", pooled_only=False):
    """Makes a function a case: it gets a bench, raises Fail, and returns what it has seen."""

    def enter(function):
        CASES.append((identity, formats, on, pooled_only, function))
        return function

    return enter


def readable(address, length):
    return address, length, 0


def writable(address, length):
    return address, length, WRITE


class Bench:
    """A device with one hand-made ring and buffers that show whatever is written to them."""

    def __init__(self, device, ram, layout, packed):
        self.device, self.ram, self.layout, self.packed = device, ram, layout, packed
        self.ring = None
        self.cursor = 0

    def buffer(self, number):
        """One of 14 pages; the two behind them hold headers and status bytes."""
        return self.ram.buffers + 0x1000 * number

    def begin(self, size=8, wanted=0, unwanted=0):
        """Reset, negotiation, one ring and DRIVER_OK. EVENT_IDX is for those cases that want it."""
        self.prepare(wanted, unwanted)
        self.add_ring(size)
        self.device.start()
        return self.ring

    def prepare(self, wanted=0, unwanted=0):
        features = self.device.offered() & ~(RING_PACKED | EVENT_IDX) | wanted
        if self.packed:
            features |= RING_PACKED
        check(self.device.negotiate(features & ~unwanted), "the negotiation fails")
        self.ram.clear()
        self.cursor = 0

    def add_ring(self, size=8, index=0):
        ring = (PackedRing if self.packed else SplitRing)(self.device, self.ram, index, size)
        check(ring.enable(), f"a good ring of {size} is refused")
        if index == 0:
            self.ring = ring
        return ring

    # --- what must be seen --------------------------------------------------------------------------------------

    def buffers(self):
        return self.ram.read(self.ram.buffers, Ram.BUFFER_BYTES)

    def expect_dropped(self, *segments):
        """A chain that comes back with length 0 and changes nothing; the ring goes on."""
        self.expect_head_dropped(self.ring.post(*segments))

    def expect_head_dropped(self, head):
        before = self.buffers()
        self.ring.publish()
        self.ring.kick()
        self.ring.expect_used(head, 0, "a malformed chain is")
        check(self.device.status == LIVE, f"Status is {self.device.status:#x} after a malformed chain")
        check(self.buffers() == before, "a malformed chain has changed memory")
        self.expect_served()

    def expect_broken(self):
        """Publish, kick: NEEDS_RESET, a configuration interrupt, nothing used and nothing changed, then or later."""
        self.ring.publish()
        self.expect_broken_by_kick()

    def expect_broken_by_kick(self):
        before = self.buffers()
        self.ring.kick()
        wait_until(lambda: self.device.status & NEEDS_RESET, "the broken ring shows in Status")
        wait_until(lambda: self.device.read(INTERRUPT_STATUS) & 2, "there is a configuration interrupt")
        for _ in range(3):
            self.ring.kick()
        check(self.buffers() == before, "a broken ring has changed memory")
        check(self.device.status == LIVE | NEEDS_RESET, f"Status is {self.device.status:#x} on a broken ring")

    def expect_served(self):
        """A well-formed request on the ring as it is."""
        head = self.post_request(GET_ID, 0, room=20)
        self.finish(head)
        self.expect_answer(head, OK, 21)

    def expect_interrupt(self, wanted):
        if wanted:
            wait_until(lambda: self.device.read(INTERRUPT_STATUS) & 1, "there is an interrupt")
        else:
            check(self.device.read(INTERRUPT_STATUS) & 1 == 0, "there is an interrupt that nobody wants")
        self.device.write(INTERRUPT_ACK, 1)

    # --- requests of the block device ---------------------------------------------------------------------------

    def header(self, kind, sector, reserved=0):
        """Writes a header to the next place for one, and 0xEE to the status byte that goes with it."""
        self.cursor = (self.cursor + 1) % 64
        at = self.ram.buffers + 0xE000 + 16 * self.cursor
        self.ram.write(at, b"".join((kind.to_bytes(4, "little"), reserved.to_bytes(4, "little"),
                                     sector.to_bytes(8, "little"))))
        self.ram.fill(self.status_place(), 1, Ram.CANARY)
        return at

    def status_place(self):
        return self.ram.buffers + 0xF000 + 16 * self.cursor

    def post_request(self, kind, sector, data=b"", room=0, reserved=0):
        """Header, data to read and room to fill in one buffer each, status: offered; its head."""
        segments = [readable(self.header(kind, sector, reserved), 16)]
        if data:
            self.ram.write(self.buffer(0), data)
            segments.append(readable(self.buffer(0), len(data)))
        if room:
            segments.append(writable(self.buffer(4), room))
        self.last_status = self.status_place()
        return self.ring.post(*segments, writable(self.last_status, 1))

    def finish(self, head):
        self.ring.publish()
        self.ring.kick()
        self.answer = self.ring.take_used()
        self.last_head = head

    def expect_answer(self, head, status, length=None, what="the request"):
        got = self.ram.read(self.last_status, 1)[0]
        check(got == status, f"{what} is answered with {got}, not {status}")
        check(self.answer[0] == head, f"{what}: chain {self.answer[0]} is used, not {head}")
        check(length is None or self.answer[1] == length, f"{what}: {self.answer[1]} bytes used, not {length}")

    def expect(self, status, kind, sector, data=b"", room=0, length=None, reserved=0):
        """One request and its answer."""
        head = self.post_request(kind, sector, data, room, reserved)
        self.finish(head)
        self.expect_answer(head, status, length, f"type {kind} at sector {sector}, {len(data)} + {room} bytes,")

    def expect_chain(self, status, length, *segments):
        """One chain whose status byte is the last one of the last segment."""
        self.last_status = segments[-1][0] + segments[-1][1] - 1
        head = self.ring.post(*segments)
        self.finish(head)
        self.expect_answer(head, status, length, f"a chain of {len(segments)}")

    # --- afterwards ---------------------------------------------------------------------------------------------

    def probe(self, number):
        """Reset, set-up and a well-formed request of each kind; the host finds what was written."""
        self.begin()
        if self.device.id != 2:
            return self.probe_other()
        text = f"probe {number} of {self.device.name}".ljust(SECTOR).encode()
        sector = FIRST_PROBE_SECTOR + number
        self.expect(OK, OUT, sector, data=text, length=1)
        self.expect(OK, IN, sector, room=SECTOR, length=SECTOR + 1)
        check(self.ram.read(self.buffer(4), SECTOR) == text, "the probe reads something else than it wrote")
        self.expect(OK, FLUSH, 0, length=1)
        self.device.reset()

    def probe_other(self):
        """The same for the other devices: one request that each of them must answer."""
        kind = self.device.id
        at, answer = self.buffer(0), self.buffer(1)
        if kind == 4:
            self.finish(self.ring.post(writable(answer, 64)))
            check(self.answer[1] == 64, f"the probe gets {self.answer[1]} random bytes")
        elif kind == 27:
            self.ram.fill(at, 4, 0)
            self.finish(self.ring.post(readable(at, 4), writable(answer, 4)))
            check(self.ram.read(answer, 4) == bytes(4), "the probe's flush fails")
        elif kind == 24:
            self.ram.write(at, mem_request(3, self.device.config(16, 8), 1))
            self.finish(self.ring.post(readable(at, 24), writable(answer, 10)))
            check(self.answer[1] == 10 and self.ram.read(answer, 2) == bytes(2), "the probe gets no state of a block")
        self.device.reset()


def mem_request(kind, address, blocks):
    """A request of the memory device: 24 bytes (5.15.6)."""
    return (kind.to_bytes(2, "little") + bytes(6) + (address & (1 << 64) - 1).to_bytes(8, "little")
            + blocks.to_bytes(2, "little") + bytes(6))


def settle():
    """A moment in which a device that does what it must not would do it."""
    time.sleep(0.005)
