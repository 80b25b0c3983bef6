"""B, R, E, M: requests of devices that make no sense."""

from bench import *


@case("B01", (SPLIT,))
def past_the_end(b):
    """Transfers at and across the end of the disk."""
    capacity = b.device.config(0, 8)
    for kind, data, room in ((IN, b"", 512), (OUT, bytes(512), 0)):
        b.expect(IOERR, kind, capacity, data=data, room=room)
        b.expect(IOERR, kind, capacity - 1, data=data * 2, room=room * 2)
    return f"capacity {capacity} sectors"


@case("B02", (SPLIT,))
def sector_overflow(b):
    """Sectors whose offset in bytes overflows."""
    for sector in ((1 << 64) - 1, 1 << 55, 1 << 54, 1 << 63, (1 << 63) // 512):
        b.expect(IOERR, IN, sector, room=512)
        b.expect(IOERR, OUT, sector, data=bytes(512))
    return "five sectors"


@case("B03", (SPLIT,))
def parts_of_sectors(b):
    """Data that is not whole sectors."""
    for length in (1, 511, 513):
        b.expect(IOERR, IN, 0, room=length)
        b.expect(IOERR, OUT, 0, data=bytes(length))
    return "1, 511, 513 bytes"


@case("B04", (SPLIT,))
def transfers_of_nothing(b):
    """Transfers without data succeed."""
    b.expect(OK, IN, 0, length=1)
    b.expect(OK, OUT, 0, length=1)
    return "served"


@case("B05", (SPLIT,))
def bad_headers(b):
    """A header that is too short, or writable."""
    b.expect_chain(IOERR, None, readable(b.header(IN, 0), 15), writable(b.status_place(), 1))
    b.expect_chain(IOERR, None, writable(b.header(IN, 0), 16), writable(b.buffer(4), 512), writable(b.status_place(), 1))
    b.expect_dropped(readable(b.header(IN, 0), 15))
    return "answered, or dropped without a status byte"


@case("B06", (SPLIT,))
def no_status(b):
    """Chains without a byte for the status; the next one in the same kick is served."""
    b.begin(size=16)
    heads = [b.ring.post(readable(b.header(IN, 0), 16)),
             b.ring.post(readable(b.header(OUT, 0), 16), readable(b.buffer(0), 512), readable(b.status_place(), 1)),
             b.ring.post(readable(b.header(IN, 0), 16), writable(b.buffer(4), 0))]
    before = b.buffers()
    last = b.post_request(GET_ID, 0, room=20)
    b.ring.publish()
    b.ring.kick()
    for head in heads:
        b.ring.expect_used(head, 0, "a chain without a status is")
    b.answer = b.ring.take_used()
    b.expect_answer(last, OK, 21)
    check(b.buffers()[:0x4000] == before[:0x4000], "memory has changed")
    return "three dropped"


@case("B07", (SPLIT,))
def status_place(b):
    """The status is the last writable byte, wherever the data ends."""
    b.expect_chain(OK, 1025, readable(b.header(IN, 0), 16), writable(b.buffer(4), 512), writable(b.buffer(5), 513))
    b.ram.clear()
    b.expect_chain(IOERR, None, readable(b.header(IN, 0), 16), writable(b.buffer(4), 512), writable(b.buffer(5), 4096))
    check(b.ram.read(b.buffer(4), 0x1FFF) == bytes([Ram.CANARY]) * 0x1FFF, "a refused request has written data")
    return "512 + 513 served, 512 + 4096 refused"


@case("B08", (SPLIT,))
def unknown_types(b):
    """Types that the device does not know."""
    for kind in (2, 3, 5, 7, 10, 12, *range(15, 27), 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF):
        b.expect(UNSUPP, kind, 0, room=512)
    return "21 types"


@case("B10", (SPLIT,))
def get_id_rooms(b):
    """GET_ID fills the room there is, and 20 bytes at most."""
    for room in (0, 1, 19, 20, 21, 4096):
        b.ram.clear()
        b.expect(OK, GET_ID, 0, room=room)
        data = b.ram.read(b.buffer(4), 4097)
        check(data[min(room, 20) :] == bytes([Ram.CANARY]) * (4097 - min(room, 20)), f"more than {room} bytes are written")
    return "0, 1, 19, 20, 21, 4096 bytes"


def ranges(*entries):
    return b"".join(sector.to_bytes(8, "little") + count.to_bytes(4, "little") + flags.to_bytes(4, "little")
                    for sector, count, flags in entries)


@case("B11", (SPLIT,))
def too_many_ranges(b):
    """More ranges than the device takes, a megabyte of them, and a part of one."""
    for kind in (DISCARD, WRITE_ZEROES):
        b.expect(IOERR, kind, 0, data=ranges(*[(0, 1, 0)] * 33))
        b.expect(IOERR, kind, 0, data=bytes(17))
        b.expect(IOERR, kind, 0)
        b.expect_chain(IOERR, None, readable(b.header(kind, 0), 16), readable(b.ram.address, 1 << 20),
                       writable(b.status_place(), 1))
    return "33 ranges, 65,536 ranges, 17 bytes, none"


@case("B12", (SPLIT,))
def range_flags(b):
    """Flags of ranges that are not known; erasing that is not offered."""
    b.expect(UNSUPP, DISCARD, 0, data=ranges((0, 1, 1)))
    b.expect(UNSUPP, DISCARD, 0, data=ranges((0, 1, 0), (1, 1, 32)))
    b.expect(UNSUPP, WRITE_ZEROES, 0, data=ranges((0, 1, 2)))
    b.expect(UNSUPP, WRITE_ZEROES, 0, data=ranges((0, 1, 0), (1, 1, 0x8000_0000)))
    b.expect(UNSUPP, SECURE_ERASE, 0, data=ranges((0, 1, 0)))
    return "UNSUPP"


@case("B13", (SPLIT,))
def ranges_outside(b):
    """Ranges that overflow or leave the disk are refused with all the others; empty ones do nothing."""
    capacity = b.device.config(0, 8)
    for kind in (DISCARD, WRITE_ZEROES):
        for wrong in (((1 << 64) - 1, 2, 0), (0, 0xFFFF_FFFF, 0), (capacity, 1, 0), (capacity - 1, 2, 0)):
            b.expect(IOERR, kind, 0, data=ranges((100, 1, 0), wrong))
        b.expect(OK, kind, 0, data=ranges((100, 0, 0)))
    return "refused as a whole"


@case("B15", (SPLIT,))
def odd_flushes(b):
    """FLUSH ignores sector and data; where it was not negotiated it is unsupported."""
    b.expect(OK, FLUSH, 99)
    b.expect(OK, FLUSH, 0, data=bytes(512))
    b.expect(OK, FLUSH, 0, room=512)
    b.begin(unwanted=1 << 9 | 1 << 11)
    b.expect(UNSUPP, FLUSH, 0)
    return "served and UNSUPP"


@case("B18", (SPLIT,))
def wrong_direction(b):
    """Data in the wrong direction."""
    b.expect(IOERR, IN, 0, data=bytes(512), room=512)
    b.expect(IOERR, OUT, 0, data=bytes(512), room=512)
    b.expect(IOERR, OUT, 0, room=512)
    b.expect(IOERR, DISCARD, 0, data=ranges((0, 1, 0)), room=512)
    return "refused"


@case("B19", (SPLIT,))
def reset_with_io(b):
    """Sixty reads are under way when the device is reset: afterwards not one byte changes."""
    for _ in range(3):
        b.begin(size=256)
        for _ in range(60):
            b.post_request(IN, 0, room=0x4000)
        b.ring.publish()
        b.ring.kick()
        b.device.reset()
        before = b.buffers()
        settle()
        check(b.buffers() == before, "memory changes after the reset")
    return "three times"


@case("B22", (SPLIT,))
def writeback_switch(b):
    """The field writeback is a truth value, switched under writes, and fixed without CONFIG_WCE."""
    window = b.device.window
    for n in range(200):
        window.u8[CONFIG + 32] = 0xFF if n % 2 else 0
        if n % 10 == 0:
            b.expect(OK, OUT, 1, data=bytes(512))
    b.begin(unwanted=1 << 11)
    before = window.u8[CONFIG + 32]
    window.u8[CONFIG + 32] = 1 - before
    check(window.u8[CONFIG + 32] == before, "it can be written without CONFIG_WCE")
    return "200 times"


@case("B24", (SPLIT,))
def reserved_field(b):
    """The reserved field of the header is ignored."""
    b.expect(OK, IN, 0, room=512, length=513, reserved=0xFFFFFFFF)
    return "ignored"


# --- entropy --------------------------------------------------------------------------------------------------------------


@case("R01", (SPLIT,), on="rng")
def gigabytes_of_entropy(b):
    """A chain of two gigabytes yields no more than the device's limit."""
    b.begin(size=64)
    head = b.ring.post(*[writable(b.ram.address + 0x100_0000, 32 << 20) for _ in range(60)])
    b.ring.publish()
    b.ring.kick()
    identity, length = b.ring.take_used()
    check(identity == head and 0 < length <= 65_536, f"{length} bytes are used")
    return f"{length} bytes"


@case("R02", (SPLIT,), on="rng")
def readable_entropy(b):
    """A readable buffer is not filled; of a mix only the writable part is."""
    before = b.buffers()
    head = b.ring.post(readable(b.buffer(0), 64))
    b.ring.publish()
    b.ring.kick()
    b.ring.expect_used(head, 0)
    check(b.buffers() == before, "a readable buffer has changed")
    head = b.ring.post(readable(b.buffer(0), 64), writable(b.buffer(1), 64))
    b.ring.publish()
    b.ring.kick()
    b.ring.expect_used(head, 64)
    check(b.ram.read(b.buffer(0), 64) == before[:64], "a readable buffer has changed")
    return "64 bytes of the mix"


@case("R03", (SPLIT,), on="rng")
def small_and_broken_entropy(b):
    """A buffer of nothing, of one byte, and one into a hole."""
    for segment, length in ((writable(b.buffer(0), 0), 0), (writable(b.buffer(0), 1), 1),
                            (writable(b.layout.hole - 16, 32), 0)):
        head = b.ring.post(segment)
        b.ring.publish()
        b.ring.kick()
        b.ring.expect_used(head, length)
    return "0, 1 and 0 bytes"


# --- persistent memory ------------------------------------------------------------------------------------------------------


@case("E01", (SPLIT,), on="pmem")
def unknown_pmem_requests(b):
    """Requests of an unknown type get an error."""
    for kind in (1, 0x8000_0000, 0xFFFF_FFFF):
        b.ram.write(b.buffer(0), kind.to_bytes(4, "little"))
        head = b.ring.post(readable(b.buffer(0), 4), writable(b.buffer(1), 4))
        b.finish(head)
        check(b.answer == (head, 4) and b.ram.read(b.buffer(1), 4) != bytes(4), f"type {kind:#x} is no error")
    return "three types"


@case("E02", (SPLIT,), on="pmem")
def short_pmem_requests(b):
    """A request or an answer of three bytes, or no answer at all."""
    b.ram.fill(b.buffer(0), 4, 0)
    for chain in ((readable(b.buffer(0), 3), writable(b.buffer(1), 4)), (readable(b.buffer(0), 4), writable(b.buffer(1), 3)),
                  (readable(b.buffer(0), 4), readable(b.buffer(1), 4)), (readable(b.buffer(0), 4),),
                  (writable(b.buffer(1), 4), readable(b.buffer(0), 4))):
        head = b.ring.post(*chain)
        b.finish(head)
        check(b.answer == (head, 0), f"{b.answer} is used")
    check(b.ram.read(b.buffer(1), 4) == bytes([Ram.CANARY]) * 4, "an answer is written")
    return "five dropped"


@case("E05", (SPLIT,), on="pmem")
def pmem_config(b):
    """Start and size are not the driver's to write."""
    before = b.device.config(0, 8), b.device.config(8, 8)
    for offset in range(16):
        b.device.window.u8[CONFIG + offset] = 0xFF
    b.device.window.u64[CONFIG >> 3] = 0
    check((b.device.config(0, 8), b.device.config(8, 8)) == before, "a field has changed")
    return "unchanged"


# --- memory that can be plugged ---------------------------------------------------------------------------------------------

PLUG, UNPLUG, UNPLUG_ALL, STATE = 0, 1, 2, 3
ACK, NACK, BUSY, ERROR = 0, 1, 2, 3
PLUGGED, UNPLUGGED, MIXED = 0, 1, 2


def ask(b, kind, address, blocks):
    """One request to the memory device: its answer, and the state that goes with an ACK."""
    b.ram.write(b.buffer(0), mem_request(kind, address, blocks))
    head = b.ring.post(readable(b.buffer(0), 24), writable(b.buffer(1), 10))
    b.finish(head)
    check(b.answer == (head, 10), f"{b.answer} is used")
    answer = b.ram.read(b.buffer(1), 10)
    return int.from_bytes(answer[:2], "little"), int.from_bytes(answer[8:], "little")


def expect_mem(b, response, kind, address, blocks, state=None):
    got = ask(b, kind, address, blocks)
    check(got[0] == response, f"request {kind} of {blocks} blocks at {address:#x} is answered with {got[0]}, not {response}")
    check(state is None or got[1] == state, f"the state of {blocks} blocks at {address:#x} is {got[1]}, not {state}")


def geometry(b):
    """Block size, first address, length of the region, of its usable part, of what is plugged and requested."""
    return [b.device.config(offset, 8) for offset in (0, 16, 24, 32, 40, 48)]


@case("M01", (SPLIT,), on="mem")
def plugs_outside(b):
    """What cannot be plugged is an error and changes nothing."""
    block, start, length, usable, plugged, _ = geometry(b)
    for address, blocks in ((start, 0), (start + 1, 1), (start + block // 2, 1), (start - block, 1), (start + length, 1),
                            ((1 << 64) - block, 2), (start, 0xFFFF), (start + usable, 1), (start + usable - block, 2), (0, 1)):
        expect_mem(b, ERROR, PLUG, address, blocks)
    check(b.device.config(40, 8) == plugged, "the size of what is plugged has changed")
    return "ten errors"


@case("M02", (SPLIT,), on="mem")
def plug_too_much(b):
    """More than is requested is refused."""
    block, start, _, _, plugged, requested = geometry(b)
    expect_mem(b, NACK, PLUG, start, requested // block + 1)
    check(b.device.config(40, 8) == plugged, "the size of what is plugged has changed")
    return f"{requested // block} blocks are requested"


@case("M03", (SPLIT,), on="mem")
def plug_twice(b):
    """Plugging over a plugged block and unplugging over an unplugged one: all or nothing."""
    block, start, *_ = geometry(b)
    expect_mem(b, ACK, PLUG, start + 2 * block, 1)
    expect_mem(b, ERROR, PLUG, start, 4)
    expect_mem(b, ACK, STATE, start, 2, UNPLUGGED)
    expect_mem(b, ERROR, UNPLUG, start, 4)
    expect_mem(b, ACK, STATE, start + 2 * block, 1, PLUGGED)
    expect_mem(b, ACK, UNPLUG, start + 2 * block, 1)
    check(b.device.config(40, 8) == 0, "something is still plugged")
    return "errors"


@case("M04", (SPLIT,), on="mem")
def states(b):
    """The state of nothing, of what is outside, and of blocks of either kind."""
    block, start, _, usable, _, _ = geometry(b)
    expect_mem(b, ACK, PLUG, start, 2)
    expect_mem(b, ERROR, STATE, start, 0)
    expect_mem(b, ERROR, STATE, start + usable, 1)
    expect_mem(b, ACK, STATE, start, 2, PLUGGED)
    expect_mem(b, ACK, STATE, start + 2 * block, 2, UNPLUGGED)
    expect_mem(b, ACK, STATE, start, 4, MIXED)
    expect_mem(b, ACK, UNPLUG_ALL, 0, 0)
    expect_mem(b, ACK, STATE, start, 4, UNPLUGGED)
    return "ERROR, PLUGGED, UNPLUGGED, MIXED"


@case("M05", (SPLIT,), on="mem")
def broken_mem_requests(b):
    """Unknown types, a request of 23 bytes, and answers with too little room."""
    expect_mem(b, ERROR, 9, b.device.config(16, 8), 1)
    expect_mem(b, ERROR, 0xFFFF, b.device.config(16, 8), 1)
    b.ram.write(b.buffer(0), mem_request(PLUG, b.device.config(16, 8), 1))
    head = b.ring.post(readable(b.buffer(0), 23), writable(b.buffer(1), 10))
    b.finish(head)
    check(b.answer == (head, 10) and b.ram.read(b.buffer(1), 1)[0] == ERROR, "a short request is no error")
    for chain in ((readable(b.buffer(0), 24), writable(b.buffer(1), 9)), (readable(b.buffer(0), 24),),
                  (readable(b.buffer(0), 24), readable(b.buffer(1), 10))):
        head = b.ring.post(*chain)
        b.finish(head)
        check(b.answer == (head, 0), f"{b.answer} is used")
    check(b.device.config(40, 8) == 0, "something is plugged")
    return "errors and three dropped"


@case("M10", (SPLIT,), on="mem")
def reset_keeps_blocks(b):
    """A reset of the device keeps what is plugged."""
    block, start, *_ = geometry(b)
    expect_mem(b, ACK, PLUG, start, 3)
    b.begin()
    check(b.device.config(40, 8) == 3 * block, "the size of what is plugged has changed")
    expect_mem(b, ACK, STATE, start, 3, PLUGGED)
    expect_mem(b, ACK, UNPLUG_ALL, 0, 0)
    return "three blocks"
