"""T: registers as no driver uses them."""

from bench import *

READABLE = (MAGIC, VERSION, DEVICE_ID, VENDOR_ID, DEVICE_FEATURES, QUEUE_NUM_MAX, QUEUE_READY, INTERRUPT_STATUS, STATUS,
            SHM_LEN, SHM_LEN + 4, SHM_BASE, SHM_BASE + 4, QUEUE_RESET, CONFIG_GENERATION)
RESERVED = (0x018, 0x01C, 0x028, 0x02C, 0x03C, 0x040, 0x048, 0x04C, 0x054, 0x058, 0x05C, 0x068, 0x06C, 0x074, 0x078, 0x07C,
            0x088, 0x08C, 0x098, 0x09C, 0x0A8, *range(0x0C4, 0x0FC, 4))


def registers(device):
    return [device.read(register) for register in READABLE]


@case("T01", (SPLIT,))
def other_widths(b):
    """Accesses of 1, 2 and 8 bytes read zero and write nothing. (Unaligned ones end in the CPU, as an alignment fault.)"""
    b.begin()
    before, window = registers(b.device), b.device.window
    for offset in range(0x100):
        check(window.u8[offset] == 0, f"a byte of {offset:#x} is not 0")
        window.u8[offset] = 0xFF
        if offset % 2 == 0:
            check(window.u16[offset >> 1] == 0, f"two bytes of {offset:#x} are not 0")
            window.u16[offset >> 1] = 0xFFFF
        if offset % 8 == 0:
            check(window.u64[offset >> 3] == 0, f"eight bytes of {offset:#x} are not 0")
            window.u64[offset >> 3] = (1 << 64) - 1
    check(registers(b.device) == before, "a register has changed")
    b.expect_served()
    return "zero and ignored"


@case("T02", (SPLIT,))
def eight_bytes(b):
    """An eight-byte write does not half-update an address."""
    b.prepare()
    ring = (PackedRing if b.packed else SplitRing)(b.device, b.ram, 0, 8)
    b.device.write(QUEUE_SEL, 0)
    b.device.write(QUEUE_NUM, 8)
    for register, address in ((QUEUE_DESC, ring.table), (QUEUE_DRIVER, ring.driver), (QUEUE_DEVICE, ring.used)):
        b.device.write_address(register, address)
        b.device.window.u64[register >> 3] = 0x1_8000_1000
    b.device.write(QUEUE_READY, 1)
    check(b.device.read(QUEUE_READY) == 1, "the ring is refused")
    b.device.start()
    b.ring = ring
    b.expect_served()
    return "the ring set up before is used"


@case("T04", (SPLIT,))
def read_only(b):
    """Read-only registers keep their values."""
    b.begin()
    before = registers(b.device)
    for register in (MAGIC, VERSION, DEVICE_ID, VENDOR_ID, DEVICE_FEATURES, QUEUE_NUM_MAX, INTERRUPT_STATUS, SHM_LEN,
                     SHM_LEN + 4, SHM_BASE, SHM_BASE + 4, CONFIG_GENERATION):
        b.device.write(register, 0xFFFFFFFF)
    check(registers(b.device) == before, "a register has changed")
    b.expect_served()
    return "unchanged"


@case("T05", (SPLIT,))
def write_only(b):
    """Write-only registers read 0, and reading QueueNotify notifies nobody."""
    b.begin()
    head = b.post_request(GET_ID, 0, room=20)
    b.ring.publish()
    for register in (0x014, 0x020, 0x024, 0x030, 0x038, 0x050, 0x064, 0x080, 0x084, 0x090, 0x094, 0x0A0, 0x0A4):
        for _ in range(10):
            check(b.device.read(register) == 0, f"{register:#x} does not read 0")
    settle()
    # A device with a thread of its own may look by itself; one without cannot.
    check(b.device.pooled or not b.ring.has_used(), "a read has notified the device")
    b.finish(head)
    b.expect_answer(head, OK, 21)
    return "0, without effect"


@case("T06", (SPLIT,))
def reserved(b):
    """Reserved offsets read 0 and take nothing."""
    b.begin()
    before = registers(b.device)
    for offset in RESERVED:
        b.device.write(offset, 0xFFFFFFFF)
        check(b.device.read(offset) == 0, f"{offset:#x} does not read 0")
    check(registers(b.device) == before, "a register has changed")
    b.expect_served()
    return f"{len(RESERVED)} offsets"


@case("T07", (SPLIT,))
def feature_words(b):
    """Feature words beyond the second read 0, and what is accepted there is nothing."""
    b.device.reset()
    offered = b.device.offered()
    b.device.status = ACKNOWLEDGE
    b.device.status = ACKNOWLEDGE | DRIVER
    b.device.accept(offered & ~RING_PACKED)
    for word in (2, 3, 32, 33, 64, 0x8000_0000, 0xFFFF_FFFF):
        b.device.write(DEVICE_FEATURES_SEL, word)
        check(b.device.read(DEVICE_FEATURES) == 0, f"word {word:#x} has features")
        b.device.write(DRIVER_FEATURES_SEL, word)
        b.device.write(DRIVER_FEATURES, 0xFFFFFFFF)
    b.device.status = ACKNOWLEDGE | DRIVER | FEATURES_OK
    check(b.device.status == 0x0B, "what was accepted in words that do not exist counts")
    return "words 2, 3, 32, 33, 64, 2^31, 2^32-1"


@case("T09", (SPLIT,))
def all_features(b):
    """Accepting everything is refused; DRIVER_OK is then ignored; a fresh negotiation works."""
    check(not b.device.negotiate((1 << 64) - 1), "FEATURES_OK stays set")
    check(b.device.status == 3, f"Status is {b.device.status:#x}")
    b.device.status = LIVE
    check(b.device.status == 3, f"Status is {b.device.status:#x} after DRIVER_OK")
    b.begin()
    b.expect_served()
    return "FEATURES_OK stays clear"


@case("T10", (SPLIT,))
def without_version_1(b):
    """FEATURES_OK without VERSION_1 is refused."""
    check(not b.device.negotiate(b.device.offered() & ~VERSION_1), "FEATURES_OK stays set")
    check(not b.device.negotiate(0), "FEATURES_OK stays set without any feature")
    return "FEATURES_OK stays clear"


@case("T12", (SPLIT,))
def status_out_of_order(b):
    """Steps of the initialisation cannot be left out."""
    for value in (0x04, 0x07, 0x08, 0x0F, 0x42, 0xFFFF_FF0F):
        b.device.reset()
        b.device.status = value
        check(b.device.status == 0, f"{value:#x} is taken from 0: {b.device.status:#x}")
    for value in (0x07, 0x0F, 0x09, 0x05):
        b.device.reset()
        b.device.status = ACKNOWLEDGE
        b.device.status = value
        check(b.device.status == ACKNOWLEDGE, f"{value:#x} is taken from 1: {b.device.status:#x}")
    return "ten wrong steps"


@case("T13", (SPLIT,))
def status_bits_cleared(b):
    """A live device does not let bits be taken back."""
    b.begin()
    for value in (0x0B, 0x07, 0x03, 0x01, 0x08):
        b.device.status = value
        check(b.device.status == LIVE, f"{value:#x} is taken: {b.device.status:#x}")
        b.expect_served()
    return "keeps serving"


@case("T15", (SPLIT,))
def failed(b):
    """After FAILED nothing is served or configured until a reset."""
    for steps in ([], [1], [1, 3], [1, 3, 0x0B], [1, 3, 0x0B, 0x0F]):
        if steps == [1, 3, 0x0B, 0x0F]:
            b.begin()
        else:
            b.device.reset()
            if len(steps) > 1:
                b.device.accept(VERSION_1)
            for value in steps:
                b.device.status = value
        b.device.status = (steps or [0])[-1] | FAILED
        failed_status = b.device.status
        for value in (0x0B, 0x0F, 0x8F, 0x03):
            b.device.status = value
        check(b.device.status == failed_status, f"Status goes from {failed_status:#x} to {b.device.status:#x}")
        b.device.write(QUEUE_SEL, 0)
        b.device.write(QUEUE_READY, 1)
        if steps and steps[-1] == 0x0F:
            b.post_request(GET_ID, 0, room=20)
            b.ring.publish()
            for _ in range(100):
                b.ring.kick()
            settle()
            check(not b.ring.has_used(), "a failed device serves")
        b.begin()
        b.expect_served()
    return "in five states; only a reset helps"


@case("T16", (SPLIT,))
def driver_ok_again(b):
    """DRIVER_OK a thousand times starts the device once."""
    b.begin()
    for _ in range(1000):
        b.device.status = LIVE
    for _ in range(20):
        b.expect_served()
    return "1000 times"


@case("T17", (SPLIT,))
def late_features(b):
    """Features written after FEATURES_OK do not count."""
    b.prepare(unwanted=INDIRECT_DESC)
    b.device.accept((1 << 64) - 1)
    b.add_ring()
    b.device.start()
    b.device.accept((1 << 64) - 1)
    b.device.accept(0)
    b.ram.write_table(b.ram.tables, [readable(b.header(GET_ID, 0), 16), writable(b.status_place(), 1)], b.packed)
    b.expect_dropped((b.ram.tables, 32, INDIRECT))
    return "INDIRECT_DESC is still refused"


@case("T18", (SPLIT,))
def queue_select(b):
    """Queues that do not exist read 0, and 0x10000 is not queue 0."""
    b.begin()
    for queue in (1, 0xFFFF, 0x1_0000, 0x8000_0000, 0xFFFF_FFFF):
        b.device.write(QUEUE_SEL, queue)
        check(b.device.read(QUEUE_NUM_MAX) == 0, f"queue {queue:#x} has a size")
        check(b.device.read(QUEUE_READY) == 0, f"queue {queue:#x} is ready")
        for register in (QUEUE_NUM, QUEUE_READY, QUEUE_RESET, 0x080, 0x084, 0x090, 0x094, 0x0A0, 0x0A4):
            b.device.write(register, 0)
            b.device.write(register, 1)
        check(b.device.read(QUEUE_READY) == 0, f"queue {queue:#x} has become ready")
    b.device.write(QUEUE_SEL, 0)
    check(b.device.read(QUEUE_READY) == 1, "queue 0 has been touched")
    b.expect_served()
    return "1, 0xffff, 0x10000, 2^31, 2^32-1"


@case("T19")
def queue_sizes(b):
    """Sizes that a queue cannot have do not enable it."""
    sizes = [0, 257, 0x8000, 0xFFFF, 0x1_0000, 0x1_0008, 0xFFFF_FFFF] + ([] if b.packed else [3, 7, 255])
    for size in sizes:
        b.prepare()
        ring = (PackedRing if b.packed else SplitRing)(b.device, b.ram, 0, 8)
        ring.size = size
        check(not ring.enable(), f"size {size:#x} is taken")
        b.device.start()
        for _ in range(10):
            ring.kick()
        check(b.device.status == LIVE, f"Status is {b.device.status:#x}")
    return f"{len(sizes)} sizes"


@case("T20")
def misaligned_areas(b):
    """A queue without addresses, or with misaligned ones, is not enabled."""
    tried = 0
    for table, driver, used in ((None, None, None), (8, 0, 0), (0, 1, 0), (0, 0, 2), (4, 2, 2)):
        b.prepare()
        ring = (PackedRing if b.packed else SplitRing)(b.device, b.ram, 0, 8)
        if table is None:
            ring.table = ring.driver = ring.used = 0
        else:
            ring.table, ring.driver, ring.used = ring.table + table, ring.driver + driver, ring.used + used
        check(not ring.enable(), f"({table}, {driver}, {used}) is taken")
        b.device.start()
        ring.kick()
        check(b.device.status == LIVE, f"Status is {b.device.status:#x}")
        tried += 1
    return f"{tried} sets of addresses"


@case("T21")
def areas_outside_ram(b):
    """All of an area must be RAM, not just its two ends."""
    outside = (b.layout.hole, b.layout.hole_end - 8, b.layout.end - 8, (1 << 64) - 16, (1 << 63), 0, 0x0F00_0000)
    for address in outside:
        for area in range(3):
            b.prepare()
            ring = (PackedRing if b.packed else SplitRing)(b.device, b.ram, 0, 8)
            areas = [ring.table, ring.driver, ring.used]
            if b.packed and area > 0 and address in (b.layout.hole_end - 8, b.layout.end - 8):
                address += 6
            areas[area] = address & ~15 if area == 0 else address
            ring.table, ring.driver, ring.used = areas
            check(not ring.enable(), f"area {area} at {address:#x} is taken")
    return f"{len(outside)} addresses for each of three areas"


@case("T23", (SPLIT,))
def frozen_geometry(b):
    """A live ring is the one that was enabled, whatever is written to its registers."""
    b.begin()
    b.device.write(QUEUE_SEL, 0)
    for size in (256, 32768, 0):
        b.device.write(QUEUE_NUM, size)
        for register in (QUEUE_DESC, QUEUE_DRIVER, QUEUE_DEVICE):
            b.device.write_address(register, b.layout.hole + 0x1000)
        b.device.write(QUEUE_READY, 1)
    for _ in range(100):
        b.expect_served()
    return "100 requests"


@case("T24")
def queue_not_ready(b):
    """A queue that is not ready reads nothing and takes no notification; it can be enabled again."""
    b.begin()
    for i in range(2):
        b.post_request(IN, 0, room=SECTOR)
    b.ring.publish()
    b.ring.kick()
    b.device.write(QUEUE_SEL, 0)
    b.device.write(QUEUE_READY, 0)
    wait_until(lambda: b.device.read(QUEUE_READY) == 0, "QueueReady reads 0")
    while b.ring.has_used():
        b.ring.pop_used()
    b.post_request(IN, 0, room=SECTOR)
    b.ring.publish()
    before = b.buffers()
    for _ in range(100):
        b.ring.kick()
    settle()
    check(not b.ring.has_used() and b.buffers() == before, "a queue that is not ready serves")
    b.add_ring()
    b.expect_served()
    return "silent, and enabled again"


@case("T25", (SPLIT,))
def notifications_of_no_queue(b):
    """Notifications of queues that do not exist are ignored."""
    b.begin()
    for value in (1, 2, 0xFFFF, 0x1_0000, 0x3_0000, 0x8000_0000, 0xFFFF_FFFF):
        for _ in range(100):
            b.device.write(QUEUE_NOTIFY, value)
    check(b.device.status == LIVE, f"Status is {b.device.status:#x}")
    b.expect_served()
    return "seven values"


@case("T26", (SPLIT,))
def early_kick(b):
    """Before DRIVER_OK nothing is read; after it the buffers are served without another notification."""
    b.prepare()
    b.add_ring()
    head = b.post_request(GET_ID, 0, room=20)
    b.ring.publish()
    before = b.buffers()
    for _ in range(10):
        b.ring.kick()
    settle()
    check(not b.ring.has_used() and b.buffers() == before, "served before DRIVER_OK")
    b.device.start()
    b.answer = b.ring.take_used()
    b.expect_answer(head, OK, 21)
    return "served after DRIVER_OK"


@case("T27", (SPLIT,))
def acknowledge(b):
    """Only what is pending can be acknowledged, and bit by bit."""
    b.prepare()
    b.device.write(INTERRUPT_ACK, 0xFFFFFFFF)
    check(b.device.read(INTERRUPT_STATUS) == 0, "an interrupt before DRIVER_OK")
    b.add_ring()
    b.device.start()
    b.expect_served()
    wait_until(lambda: b.device.read(INTERRUPT_STATUS) == 1, "the used buffer interrupts")
    for value in (0, 2, 0xFFFFFFFE):
        b.device.write(INTERRUPT_ACK, value)
        check(b.device.read(INTERRUPT_STATUS) == 1, f"{value:#x} has acknowledged the used buffer")
    b.device.write(INTERRUPT_ACK, 0xFFFFFFFF)
    check(b.device.read(INTERRUPT_STATUS) == 0, "the interrupt is not acknowledged")
    return "bit by bit"


@case("T29", (SPLIT,))
def config_reads(b):
    """The configuration space reads alike in every width, and as zero behind its end."""
    b.begin()
    window = b.device.window
    single = bytes(window.u8[CONFIG + i] for i in range(0x100))
    check(single[60:] == bytes(0x100 - 60), "there is something behind the end")
    for width, words in ((2, window.u16), (4, window.u32), (8, window.u64)):
        for offset in range(0, 0x100, width):
            expected = int.from_bytes(single[offset : offset + width], "little")
            check(words[(CONFIG + offset) // width] == expected, f"{width} bytes at {offset} read otherwise")
    return "256 bytes in four widths"


@case("T30", (SPLIT,))
def config_writes(b):
    """Fields that are not the driver's keep their values."""
    b.begin()
    window = b.device.window
    before = bytes(window.u8[CONFIG + i] for i in range(0x100))
    for offset in range(0x100 - 8):
        window.u8[CONFIG + offset] = 0xFF
        if offset % 4 == 0:
            window.u32[CONFIG + offset >> 2] = 0xFFFFFFFF
        if offset % 8 == 0:
            window.u64[CONFIG + offset >> 3] = 0
    after = bytes(window.u8[CONFIG + i] for i in range(0x100))
    check(after[:0x20] == before[:0x20] and after[0x21:] == before[0x21:], "a field has changed")
    b.expect_served()
    return "only writeback takes a byte"


@case("T32")
def resets(b):
    """A thousand resets, in every state and in the middle of I/O; afterwards no byte changes."""
    for _ in range(1000):
        b.device.status = 0
    for steps in ((), (1,), (1, 3), (1, 3, 0x0B)):
        b.device.reset()
        b.device.accept(VERSION_1)
        for value in steps:
            b.device.status = value
        b.device.reset()
    for _ in range(5):
        b.begin(size=256)
        for _ in range(30):
            b.post_request(IN, 0, room=4096)
        b.ring.publish()
        b.ring.kick()
        b.device.reset()
        before = b.buffers(), b.ram.read(b.ring.table, 4096), b.ram.read(b.ring.used, 4096)
        settle()
        after = b.buffers(), b.ram.read(b.ring.table, 4096), b.ram.read(b.ring.used, 4096)
        check(before == after, "memory changes after the reset")
    return "1000 idle, 5 in the middle of I/O"


@case("T33")
def queue_reset(b):
    """QueueReset without its feature is ignored; with it the queue stops and can be set up anew."""
    b.begin(unwanted=RING_RESET)
    b.device.write(QUEUE_SEL, 0)
    b.device.write(QUEUE_RESET, 1)
    check(b.device.read(QUEUE_READY) == 1, "the queue is reset without the feature")
    b.expect_served()
    b.begin()
    for _ in range(2):
        b.post_request(IN, 0, room=4096)
    b.ring.publish()
    b.ring.kick()
    b.device.write(QUEUE_SEL, 0)
    b.device.write(QUEUE_RESET, 1)
    wait_until(lambda: b.device.read(QUEUE_RESET) == 0 and b.device.read(QUEUE_READY) == 0, "the queue is reset")
    for value in (0, 2, 0xFFFFFFFF):
        b.device.write(QUEUE_RESET, value)
    b.add_ring(size=4)
    b.expect_served()
    return "stopped, and set up anew"


@case("T35", (SPLIT,))
def shared_memory(b):
    """Shared memory regions that do not exist have the length and the base of none."""
    b.begin()
    for region in (0, 1, 0xFF, 0xFFFFFFFF):
        b.device.write(SHM_SEL, region)
        words = [b.device.read(register) for register in (SHM_LEN, SHM_LEN + 4, SHM_BASE, SHM_BASE + 4)]
        check(words == [0xFFFFFFFF] * 4, f"region {region:#x}: {words}")
    return "all ones"


@case("T37", (SPLIT,))
def no_queue(b):
    """DRIVER_OK without a queue: notifications do nothing, and the queue can still be enabled."""
    b.prepare()
    b.device.start()
    for _ in range(100):
        b.device.notify(0)
    check(b.device.status == LIVE, f"Status is {b.device.status:#x}")
    b.add_ring()
    b.expect_served()
    return "inert until it is enabled"
