"""Q, I, P, Z: rings, indirect tables and descriptors that no honest driver makes."""

from bench import *


# --- Q: chains and the split ring -----------------------------------------------------------------------------------


@case("Q01", (SPLIT,))
def self_loop(b):
    """A descriptor that names itself as the next one."""
    for flags in (0, WRITE):
        b.begin()
        b.ring.write(0, b.buffer(0), 16, flags | NEXT, 0)
        b.ring.offer(0)
        b.ring.next_descriptor = 1
        b.expect_head_dropped(0)
    return "dropped"


@case("Q02", (SPLIT,))
def two_cycle(b):
    """Two descriptors that name each other."""
    for flags in (0, WRITE):
        b.begin()
        b.ring.write(0, b.buffer(0), 16, flags | NEXT, 1)
        b.ring.write(1, b.buffer(1), 16, flags | NEXT, 0)
        b.ring.offer(0)
        b.ring.next_descriptor = 2
        b.expect_head_dropped(0)
    return "dropped"


@case("Q04")
def whole_table(b):
    """A chain of as many descriptors as the ring has is legal."""
    b.begin()
    parts = [writable(b.buffer(4) + 0x200 * i, 0x200 if i < 5 else 0x600) for i in range(6)]
    b.expect_chain(OK, 4097, readable(b.header(IN, 0), 16), *parts, writable(b.status_place(), 1))
    return "served"


@case("Q05", (SPLIT,))
def whole_table_loop(b):
    """All descriptors in a circle."""
    b.begin()
    for i in range(8):
        b.ring.write(i, b.buffer(i), 16, NEXT, (i + 1) % 8)
    b.ring.offer(0)
    b.expect_head_dropped(0)
    return "dropped"


@case("Q06", (SPLIT,))
def next_outside_the_table(b):
    """A next descriptor outside the table."""
    for outside in (8, 9, 0x7FFF, 0xFFFF):
        b.begin()
        b.ring.write(0, b.buffer(0), 16, NEXT, outside)
        b.ring.offer(0)
        b.ring.next_descriptor = 1
        b.expect_head_dropped(0)
    return "8, 9, 0x7fff, 0xffff dropped"


@case("Q07", (SPLIT,))
def head_outside_the_table(b):
    """A head outside the table cannot be given back: the ring is broken."""
    for head in (8, 0x7FFF, 0x8000, 0xFFFF):
        b.begin()
        b.ring.offer(head)
        b.expect_broken()
        check(b.ring.used_index() == 0, "something is used")
    return "8, 0x7fff, 0x8000, 0xffff: NEEDS_RESET"


@case("Q08", (SPLIT,))
def index_ahead(b):
    """An available index more than the ring ahead."""
    for index in (9, 0x8000, 0xFFFF):
        b.begin()
        b.post_request(GET_ID, 0, room=20)
        b.ring.set_avail_index(index)
        b.expect_broken_by_kick()
        check(b.ring.used_index() == 0, "something is used")
    return "9, 0x8000, 0xffff: NEEDS_RESET"


@case("Q09", (SPLIT,))
def index_back(b):
    """An available index that goes back by one."""
    b.begin()
    for _ in range(5):
        b.expect_served()
    b.ring.set_avail_index(4)
    b.expect_broken_by_kick()
    check(b.ring.used_index() == 5, "something is used")
    return "NEEDS_RESET"


def post_many(b, size):
    """A full ring of requests that all use the same indirect table."""
    b.begin(size=size)
    get_id_table(b, b.ram.tables)
    return [b.ring.post((b.ram.tables, 48, INDIRECT)) for _ in range(size)]


def serve_many(b, size, rounds):
    """Full rings, over and over."""
    heads = post_many(b, size)
    for number in range(rounds):
        b.ring.publish()
        b.ring.kick()
        for head in heads:
            b.ring.expect_used(head, 21, f"round {number}:")
        heads = [b.ring.post((b.ram.tables, 48, INDIRECT)) for _ in range(size)]
    return rounds * size


def advance_index(b, size, requests):
    """The ring stays as it is, only the available index goes on, past 65,536 and back to small numbers."""
    post_many(b, size)
    for done in range(size, requests + 1, size):
        b.ring.set_avail_index(done & 0xFFFF)
        b.ring.kick()
        wait_until(lambda: b.ring.used_index() == done & 0xFFFF, f"{done} requests are used")
    b.ring.next_avail = b.ring.next_used = done & 0xFFFF
    return done


@case("Q10", (SPLIT,))
def index_to_zero(b):
    """After 5000 requests the available index is set back to zero."""
    advance_index(b, 8, 5000)
    b.ring.set_avail_index(0)
    b.expect_broken_by_kick()
    return "NEEDS_RESET"


@case("Q11", (SPLIT,))
def index_wrap(b):
    """More requests than an index has values, and the smallest ring."""
    done = advance_index(b, 256, 67_000)
    b.expect_served()
    done_by_one = advance_index(b, 1, 1000)
    return f"{done} requests of a ring of 256, {done_by_one} of a ring of 1"


@case("Q13", (SPLIT,))
def same_head_twice(b):
    """One head offered twice at once: served one after the other, or the ring is broken; nothing else."""
    seen = set()
    for _ in range(20):
        b.begin()
        head = b.post_request(IN, 0, room=4096)
        b.ring.offer(head)
        b.ring.publish()
        b.ring.kick()
        wait_until(lambda: b.ring.used_index() == 2 or b.device.status & NEEDS_RESET, "it ends in one of the two ways")
        count = b.ring.used_index()
        check(count <= 2, f"{count} chains are used")
        for _ in range(count):
            b.ring.expect_used(head, 4097)
        seen.add("broken" if b.device.status & NEEDS_RESET else "served in turn")
    return " or ".join(sorted(seen))


@case("Q15")
def zero_length(b):
    """Empty descriptors are skipped; a chain of nothing else is dropped."""
    b.begin()
    b.expect_dropped(writable(b.buffer(0), 0))
    b.expect_dropped(readable(b.buffer(0), 0), readable(b.buffer(1), 0), writable(b.buffer(2), 0))
    b.begin()
    b.expect_chain(OK, 513, readable(b.header(IN, 0), 16), readable(b.buffer(1), 0), writable(b.buffer(4), 512),
                   writable(0xDEAD_0000, 0), writable(b.status_place(), 1))
    return "skipped or dropped"


@case("Q16")
def huge_length(b):
    """Lengths that are negative as a signed number, or reach past all memory."""
    for length in (0xFFFF_FFFF, 0x8000_0000, 0x7FFF_FFFF):
        b.expect_dropped(readable(b.header(IN, 0), 16), writable(b.buffer(1), length), writable(b.status_place(), 1))
        b.expect_dropped(writable(b.buffer(1), length))
    return "2^32-1, 2^31, 2^31-1"


@case("Q17")
def address_wrap(b):
    """Addresses that wrap around 2^64, or lie where no RAM is."""
    for address, length in ((0xFFFF_FFFF_FFFF_F000, 0x2000), (0xFFFF_FFFF_FFFF_FFFF, 1), (0xFFFF_FFFF_FFFF_FFFF, 2),
                            (0, 512), (1 << 63, 512), (b.layout.hole, 512), (0x0F00_0000, 0x1000)):
        b.expect_dropped(readable(b.header(IN, 0), 16), writable(address, length), writable(b.status_place(), 1))
        b.expect_dropped(readable(b.header(OUT, 0), 16), readable(address, length), writable(b.status_place(), 1))
    return "dropped"


@case("Q18")
def end_of_ram(b):
    """A buffer that ends with the last byte of RAM, and one a byte longer."""
    b.begin()
    b.expect_chain(OK, 1, readable(b.header(OUT, 0), 16), readable(b.layout.end - 512, 512), writable(b.status_place(), 1))
    b.expect_dropped(readable(b.header(OUT, 0), 16), readable(b.layout.end - 511, 512), writable(b.status_place(), 1))
    b.expect_dropped(readable(b.header(GET_ID, 0), 16), writable(b.layout.end - 19, 20), writable(b.status_place(), 1))
    return "served and dropped"


@case("Q19")
def regions(b):
    """A buffer across two adjoining regions is whole; one into a hole is dropped."""
    b.begin()
    seam = b.layout.seam
    b.expect_chain(OK, 1, readable(b.header(OUT, 0), 16), readable(seam - 256, 512), writable(b.status_place(), 1))
    b.expect(OK, IN, 0, room=SECTOR, length=SECTOR + 1)
    check(b.ram.read(b.buffer(4), SECTOR)[256:] == b.layout.rom_start, "the half behind the seam is something else")
    b.expect_dropped(readable(b.header(OUT, 0), 16), readable(b.layout.hole - 256, 512), writable(b.status_place(), 1))
    b.expect_dropped(readable(b.header(OUT, 0), 16), readable(b.layout.hole_end - 256, 512),
                     writable(b.status_place(), 1))
    return "served and dropped"


@case("Q20")
def too_many_bytes(b):
    """250 descriptors of the same 32 MiB: eight GiB of a guest that has not so much."""
    b.begin(size=256)
    segments = [writable(b.ram.address, 32 << 20) for _ in range(250)]
    started = time.monotonic()
    b.expect_dropped(readable(b.header(IN, 0), 16), *segments, writable(b.status_place(), 1))
    check(time.monotonic() - started < 2, "it takes seconds")
    return "dropped"


@case("Q22")
def wrong_order(b):
    """A readable descriptor behind a writable one."""
    b.expect_dropped(writable(b.buffer(0), 512), readable(b.buffer(1), 16))
    b.expect_dropped(readable(b.header(IN, 0), 16), writable(b.buffer(4), 512), readable(b.buffer(1), 1),
                     writable(b.status_place(), 1))
    return "dropped"


@case("Q23")
def undefined_flags(b):
    """Undefined bits of the flags mean nothing."""
    b.begin()
    extra = 0x7F78 if b.packed else 0xFFF8
    head = b.ring.post((b.header(GET_ID, 0), 16, extra), (b.buffer(4), 20, WRITE | extra),
                       (b.status_place(), 1, WRITE | extra))
    b.last_status = b.status_place()
    b.finish(head)
    b.expect_answer(head, OK, 21)
    return "ignored"


@case("Q24")
def read_only_memory(b):
    """Nothing is written where memory is read-only: not a used ring, not a buffer."""
    for area in range(3):
        b.prepare()
        ring = (PackedRing if b.packed else SplitRing)(b.device, b.ram, 0, 8)
        areas = [ring.table, ring.driver, ring.used]
        areas[area] = b.layout.seam + 0x1000
        ring.table, ring.driver, ring.used = areas
        written = area == 2 or (b.packed and area == 0)
        check(ring.enable() != written, f"area {area} in read-only memory")
    b.begin()
    b.expect_dropped(readable(b.header(IN, 0), 16), writable(b.layout.seam, 512), writable(b.status_place(), 1))
    b.expect_chain(OK, 1, readable(b.header(OUT, 0), 16), readable(b.layout.seam, 512), writable(b.status_place(), 1))
    return "refused and dropped"


@case("Q27", (SPLIT,))
def used_ring_overwritten(b):
    """What the driver writes over the used ring does not matter: the device counts for itself."""
    for wanted in (0, EVENT_IDX):
        b.begin(wanted=wanted)
        for _ in range(40):
            b.ram.fill(b.ring.used, 4 + 8 * 8 + 2, 0xFF)
            head = b.post_request(GET_ID, 0, room=20)
            b.ring.publish()
            b.ring.kick()
            expected = b.ring.next_used + 1 & 0xFFFF
            wait_until(lambda: b.ring.used_index() == expected, "the right index is published")
            b.ring.expect_used(head, 21)
    return "40 requests, with and without EVENT_IDX"


@case("Q28")
def kicks_without_anything(b):
    """A thousand notifications of nothing: no work and no interrupt."""
    b.begin()
    b.expect_served()
    b.expect_interrupt(True)
    before = b.buffers()
    for _ in range(1000):
        b.ring.kick()
    settle()
    check(b.buffers() == before and not b.ring.has_used(), "something is done")
    check(b.device.read(INTERRUPT_STATUS) == 0, "there is an interrupt")
    b.begin()
    for _ in range(1000):
        b.ring.kick()
    b.expect_served()
    return "before and after a reset"


@case("Q29", (SPLIT,))
def suppression_flags(b):
    """Without EVENT_IDX bit 0 of the flags suppresses interrupts; with it the flags mean nothing."""
    b.begin()
    b.ring.store16(b.ring.driver, 0xFFFF)
    for _ in range(50):
        b.expect_served()
    settle()
    b.expect_interrupt(False)
    b.begin(wanted=EVENT_IDX)
    b.ring.store16(b.ring.driver, 0xFFFF)
    for i in range(50):
        b.ring.store16(b.ring.driver + 4 + 2 * 8, i)
        b.expect_served()
        b.expect_interrupt(True)
    return "100 requests"


@case("Q30", (SPLIT,))
def senseless_used_event(b):
    """A used_event that no driver would set does no harm, and a sane one works afterwards."""
    b.begin(wanted=EVENT_IDX)
    for value in (0x8000, 0xFFFF, 13, 0x7FFF):
        b.ring.store16(b.ring.driver + 4 + 2 * 8, value)
        for _ in range(10):
            b.expect_served()
    settle()
    b.device.write(INTERRUPT_ACK, 3)
    b.ring.store16(b.ring.driver + 4 + 2 * 8, b.ring.next_used)
    b.expect_served()
    b.expect_interrupt(True)
    return "four values, then a sane one"


@case("Q32")
def garbage_after_the_kick(b):
    """Descriptors become garbage as soon as the notification returns: old or new is used, nothing else."""
    for _ in range(50):
        b.begin()
        b.post_request(IN, 0, room=4096)
        b.ring.publish()
        b.ring.kick()
        for slot in range(3):
            b.ring.write(slot, 0xFFFF_FFFF_FFFF_0000, 0x7FFF_FFFF, 0x5555, 0x5555)
        b.device.reset()
    b.begin()
    b.expect_served()
    return "50 times"


@case("Q33")
def full_ring(b):
    """As many requests in one kick as the largest ring takes."""
    return f"{serve_many(b, 256, 2)} requests, 256 in one kick"


@case("Q35")
def framing(b):
    """The header in sixteen pieces, data in uneven parts; and all that is readable in one piece."""
    b.begin(size=64)
    text = bytes(range(256)) * 4
    at = b.header(OUT, 0)
    b.ram.write(b.buffer(0), text)
    pieces = [readable(at + i, 1) for i in range(16)]
    data = [readable(b.buffer(0), 1), readable(b.buffer(0) + 1, 700), readable(b.buffer(0) + 701, 323)]
    b.expect_chain(OK, 1, *pieces, *data, writable(b.status_place(), 1))
    b.expect(OK, IN, 0, room=1024, length=1025)
    check(b.ram.read(b.buffer(4), 1024) == text, "the pieces are put together in another way")
    b.ram.write(b.buffer(0), b.ram.read(b.header(OUT, 1), 16) + text[:512])
    b.expect_chain(OK, 1, readable(b.buffer(0), 528), writable(b.status_place(), 1))
    b.expect_chain(OK, 513, readable(b.header(IN, 1), 16), writable(b.buffer(4), 513))
    check(b.ram.read(b.buffer(4), 512) == text[:512], "one piece is taken apart in another way")
    return "no assumption"


# --- I: indirect tables -----------------------------------------------------------------------------------------------


def get_id_table(b, at, extra=0):
    b.ram.write_table(at, [(b.header(GET_ID, 0), 16, extra), (b.buffer(4), 20, WRITE | extra),
                           (b.status_place(), 1, WRITE | extra)], b.packed)
    b.last_status = b.status_place()


def expect_table_served(b, at, flags=INDIRECT):
    head = b.ring.post((at, 48, flags))
    b.finish(head)
    b.expect_answer(head, OK, 21)


@case("I01")
def not_negotiated(b):
    """An indirect table without the feature."""
    b.begin(unwanted=INDIRECT_DESC)
    get_id_table(b, b.ram.tables)
    b.expect_dropped((b.ram.tables, 48, INDIRECT))
    return "dropped"


@case("I02")
def empty_table(b):
    """A table of no length."""
    b.expect_dropped((b.ram.tables, 0, INDIRECT))
    return "dropped"


@case("I03")
def ragged_table(b):
    """A table that is not whole descriptors."""
    b.begin()
    get_id_table(b, b.ram.tables)
    for length in (8, 15, 17, 49):
        b.expect_dropped((b.ram.tables, length, INDIRECT))
    return "8, 15, 17, 49 dropped"


@case("I04")
def huge_table(b):
    """A table of gigabytes, and one of more descriptors than any chain may have."""
    for length in (0xFFFF_FFF0, 16 * 65537, 16 * 32769):
        b.expect_dropped((b.ram.address, length, INDIRECT))
    return "dropped"


@case("I05")
def nested_table(b):
    """A table within a table."""
    b.begin()
    get_id_table(b, b.ram.tables + 0x1000)
    b.ram.write_table(b.ram.tables, [(b.ram.tables + 0x1000, 48, INDIRECT)], b.packed)
    b.expect_dropped((b.ram.tables, 16, INDIRECT))
    b.ram.write_table(b.ram.tables, [(b.ram.tables, 16, INDIRECT)], b.packed)
    b.expect_dropped((b.ram.tables, 16, INDIRECT))
    return "dropped, itself too"


@case("I06")
def indirect_with_next(b):
    """A table that is followed by another descriptor."""
    b.begin()
    get_id_table(b, b.ram.tables)
    b.expect_dropped((b.ram.tables, 48, INDIRECT), writable(b.buffer(4), 512))
    return "dropped"


@case("I07", (SPLIT,))
def loops_in_a_table(b):
    """A next entry outside the table, and loops inside it."""
    b.begin()
    at = b.ram.tables
    for first, second in ((3, 0), (0xFFFF, 0), (0, 0), (1, 0), (1, 1)):
        b.ram.write_descriptor(at, b.buffer(0), 16, NEXT, first)
        b.ram.write_descriptor(at + 16, b.buffer(1), 16, NEXT, second)
        b.ram.write_descriptor(at + 32, b.buffer(2), 16, WRITE, 0)
        b.expect_dropped((at, 48, INDIRECT))
    return "dropped"


@case("I08")
def table_outside_ram(b):
    """A table outside RAM, one that ends behind it, and one in a hole."""
    for address in (b.layout.hole, b.layout.hole - 32, b.layout.hole_end - 16, b.layout.end - 32, (1 << 64) - 16, 1 << 63, 0):
        b.expect_dropped((address, 48, INDIRECT))
    return "dropped"


@case("I09")
def write_flag_of_a_table(b):
    """The WRITE flag of the descriptor that names a table is ignored."""
    b.begin()
    get_id_table(b, b.ram.tables)
    expect_table_served(b, b.ram.tables, INDIRECT | WRITE)
    return "served"


@case("I10", (SPLIT,))
def direct_then_indirect(b):
    """Direct descriptors that end in a table are legal in a split ring."""
    b.begin()
    at = b.ram.tables
    header = b.header(GET_ID, 0)
    b.ram.write_table(at, [writable(b.buffer(4), 20), writable(b.status_place(), 1)], False)
    b.last_status = b.status_place()
    head = b.ring.post(readable(header, 8), readable(header + 8, 8), (at, 32, INDIRECT))
    b.finish(head)
    b.expect_answer(head, OK, 21)
    return "served"


@case("I15")
def odd_table(b):
    """A table at an odd address: there is no rule against it."""
    b.begin()
    for odd in (1, 3, 7, 4095):
        get_id_table(b, b.ram.tables + odd)
        expect_table_served(b, b.ram.tables + odd)
    return "1, 3, 7, 4095 served"


# --- P: the packed ring -------------------------------------------------------------------------------------------------


@case("P01", (PACKED,))
def ring_sizes(b):
    """Sizes that are no powers of two, the smallest and the largest ring."""
    requests = [serve_many(b, size, rounds) for size, rounds in ((7, 100), (1, 100), (255, 3), (256, 2))]
    return f"{requests} requests of rings of 7, 1, 255, 256"


@case("P02", (PACKED,))
def not_available(b):
    """Slots in any other phase are not available."""
    for phase in (AVAIL | USED, 0, USED):
        b.begin()
        b.ring.write(0, b.buffer(0), 64, 0, phase | WRITE)
        before = b.buffers()
        for _ in range(20):
            b.ring.kick()
        settle()
        check(b.ring.flags(0) == phase | WRITE and b.buffers() == before, "something is done")
        check(b.device.status == LIVE, f"Status is {b.device.status:#x}")
        b.expect_served()
    return "three phases"


@case("P03", (PACKED,))
def endless_chain(b):
    """A chain that fills the ring and does not end."""
    for flags in (0, WRITE):
        b.begin()
        for slot in range(8):
            b.ring.write(slot, b.buffer(slot), 64, slot, flags | NEXT | AVAIL)
        b.expect_broken()
    return "NEEDS_RESET"


@case("P04", (PACKED,))
def stale_slots(b):
    """A chain that goes on in a slot that is not available."""
    for stale in (0, AVAIL | USED, USED):
        b.begin()
        b.ring.write(1, 0xDEAD_0000, 64, 0, stale | WRITE)
        b.ring.write(0, b.buffer(0), 64, 0, WRITE | NEXT | AVAIL)
        b.expect_broken()
    return "NEEDS_RESET"


@case("P05", (PACKED,))
def wrong_phase(b):
    """One slot in the wrong phase stops the device there until it is right; a ring inverted as a whole is invisible."""
    b.begin()
    get_id_table(b, b.ram.tables)
    ids = [b.ring.post((b.ram.tables, 48, INDIRECT)) for _ in range(5)]
    b.ring.set_flags(3, USED | INDIRECT)
    b.ring.publish()
    b.ring.kick()
    for identity in ids[:3]:
        b.ring.expect_used(identity, 21)
    settle()
    check(not b.ring.has_used(), "a slot in the wrong phase is served")
    b.ring.set_flags(3, AVAIL | INDIRECT)
    b.ring.kick()
    for identity in ids[3:]:
        b.ring.expect_used(identity, 21)
    b.begin()
    for slot in range(8):
        b.ring.write(slot, b.buffer(slot), 64, slot, USED | WRITE)
    before = b.buffers()
    b.ring.kick()
    settle()
    check(b.buffers() == before and b.device.status == LIVE, "an inverted ring is served")
    return "invisible until it is right"


@case("P06", (PACKED,))
def any_id(b):
    """A buffer id is the driver's own: it is echoed and never an index."""
    b.begin()
    get_id_table(b, b.ram.tables)
    for identity in (8, 0x7FFF, 0x8000, 0xFFFF) * 5:
        b.ring.post((b.ram.tables, 48, INDIRECT), identity=identity)
        b.ring.publish()
        b.ring.kick()
        b.ring.expect_used(identity, 21)
    return "8, 0x7fff, 0x8000, 0xffff echoed"


@case("P08", (PACKED,))
def packed_tables(b):
    """INDIRECT with NEXT, without the feature and nested are dropped; phase bits inside a table mean nothing."""
    b.begin()
    get_id_table(b, b.ram.tables)
    b.expect_dropped((b.ram.tables, 48, INDIRECT), writable(b.buffer(4), 512))
    b.ram.write_table(b.ram.tables, [(b.ram.tables, 16, INDIRECT)], True)
    b.expect_dropped((b.ram.tables, 16, INDIRECT))
    for phase in (AVAIL, USED, AVAIL | USED, NEXT):
        get_id_table(b, b.ram.tables, phase)
        expect_table_served(b, b.ram.tables)
    b.begin(unwanted=INDIRECT_DESC)
    get_id_table(b, b.ram.tables)
    b.expect_dropped((b.ram.tables, 48, INDIRECT))
    return "dropped and served"


@case("P09", (PACKED,))
def senseless_events(b):
    """A driver event structure that means nothing does no harm."""
    for wanted in (0, EVENT_IDX):
        b.begin(wanted=wanted)
        for position, flags in ((0, 3), (8, 2), (0x7FFF, 2), (0x8008, 2), (0xFFFF, 0xFFFF)):
            b.ring.store16(b.ring.driver, position)
            b.ring.store16(b.ring.driver + 2, flags)
            for _ in range(10):
                b.expect_served()
        settle()
        b.device.write(INTERRUPT_ACK, 3)
        b.ring.store16(b.ring.driver + 2, 3)
        b.expect_served()
        b.expect_interrupt(True)
    return "five structures; the reserved mode interrupts"


@case("P11", (PACKED,))
def across_the_end(b):
    """A chain across the end of the ring is one chain."""
    b.begin()
    get_id_table(b, b.ram.tables)
    for _ in range(6):
        expect_table_served(b, b.ram.tables)
    check(b.ring.slot == 6, "the driver's own error")
    b.expect_served()
    check((b.ring.used_slot, b.ring.used_phase) == (1, 0), "the used chain is skipped in another way")
    b.expect_served()
    return "slots 6, 7, 0"


@case("P13", (PACKED,))
def packed_lengths(b):
    """Lengths and addresses as in Q15 to Q20, in the middle of a chain."""
    b.begin()
    for address, length in ((b.buffer(1), 0xFFFF_FFFF), ((1 << 64) - 16, 32), (b.layout.hole, 16), (b.layout.end - 8, 16)):
        b.expect_dropped(readable(b.header(OUT, 0), 16), readable(address, length), writable(b.status_place(), 1))
    b.expect_dropped(writable(b.buffer(1), 0), writable(b.buffer(2), 0))
    return "dropped"


@case("P15", (PACKED,))
def forged_completion(b):
    """Slots that the driver itself marks as used are nothing to the device."""
    b.begin()
    for slot in range(8):
        b.ring.write(slot, b.buffer(slot), 64, slot, AVAIL | USED | WRITE)
    before = b.buffers(), b.ram.read(b.ring.table, 128)
    for _ in range(20):
        b.ring.kick()
    settle()
    check((b.buffers(), b.ram.read(b.ring.table, 128)) == before, "something is done")
    check(b.device.status == LIVE, f"Status is {b.device.status:#x}")
    return "ignored"


@case("P17", (PACKED,))
def format_changes(b):
    """The format and the size may change with every reset."""
    for packed, size in ((True, 8), (False, 8), (True, 5), (False, 64), (True, 64), (True, 5)):
        b.packed = packed
        serve_many(b, size, 3)
    b.packed = True
    return "six set-ups"


# --- Z: memory that changes while the device looks ----------------------------------------------------------------------


def race(b, rounds, post, toggle):
    """Kicks and changes memory at once, over and over; every round must end in one of the ways that are allowed."""
    served = broken = 0
    b.begin()
    for _ in range(rounds):
        if b.device.status != LIVE:
            broken += 1
            b.begin()
        head = post()
        b.ring.publish()
        b.ring.kick()
        toggle(head)
        wait_until(lambda: b.ring.has_used() or b.device.status & NEEDS_RESET, "the round ends")
        if b.ring.has_used():
            b.ring.pop_used()
            served += 1
    return f"{served} rounds used, {broken} broken"


@case("Z01", (SPLIT,), pooled_only=True)
def index_changes(b):
    """The available index jumps while the device looks at it."""
    def toggle(head):
        for value in (b.ring.next_avail + 9999, b.ring.next_avail) * 10:
            b.ring.set_avail_index(value & 0xFFFF)

    return race(b, 100, lambda: b.post_request(IN, 0, room=SECTOR), toggle)


@case("Z02", pooled_only=True)
def length_changes(b):
    """The length of the data changes between 512 and 2 GiB."""
    return race_descriptor(b, 8, (0x7FFF_FFFF, 512))


@case("Z03", pooled_only=True)
def address_changes(b):
    """The address of the data changes between a buffer and the end of all addresses."""
    return race_descriptor(b, 4, (0xFFFF_FFFF, 0))


def race_descriptor(b, offset, values):
    place = [0]

    def post():
        place[0] = b.ring.slot if b.packed else b.ring.next_descriptor
        return b.post_request(IN, 0, room=SECTOR)

    def toggle(head):
        at = b.ram.offset(b.ring.table + 16 * ((place[0] + 1) % b.ring.size) + offset) >> 2
        words = b.ram.window.u32
        for value in values * 10:
            words[at] = value

    return race(b, 100, post, toggle)


@case("Z04", pooled_only=True)
def direction_changes(b):
    """The data of a write becomes writable and readable in turn: it is never written to."""
    text = b"not to be written to".ljust(SECTOR).replace(b" ", b".")
    place = [0]

    def post():
        place[0] = b.ring.slot if b.packed else b.ring.next_descriptor
        return b.post_request(OUT, 0, data=text)

    def toggle(head):
        slot = (place[0] + 1) % b.ring.size
        at = b.ram.offset(b.ring.table + 16 * slot + (14 if b.packed else 12)) >> 1
        words = b.ram.window.u16
        flags = words[at]
        for _ in range(10):
            words[at] = flags ^ WRITE
            words[at] = flags
        check(b.ram.read(b.buffer(0), SECTOR) == text, "a buffer that was readable has been written to")

    result = race(b, 100, post, toggle)
    check(b.ram.read(b.buffer(0), SECTOR) == text, "a buffer that was readable has been written to")
    return result


@case("Z05", pooled_only=True)
def table_changes(b):
    """The entries of an indirect table change between good and bad."""
    at = b.ram.tables

    def post():
        get_id_table(b, at)
        return b.ring.post((at, 48, INDIRECT))

    def toggle(head):
        words = b.ram.window.u32
        entry = b.ram.offset(at + 16) >> 2
        good = words[entry], words[entry + 3]
        for _ in range(10):
            words[entry], words[entry + 3] = 0xFFFF_F000, 0xFFFF_FFFF
            words[entry], words[entry + 3] = good

    return race(b, 100, post, toggle)


@case("Z06", pooled_only=True)
def header_changes(b):
    """Sector and type change between a write to the first sector and one far outside the disk; the host looks later."""
    def toggle(head):
        at = b.ram.offset(b.ram.buffers + 0xE000 + 16 * b.cursor) >> 2
        words = b.ram.window.u32
        for _ in range(10):
            words[at], words[at + 2], words[at + 3] = IN, 4000, 0x8000_0000
            words[at + 3], words[at + 2], words[at] = 0x8000_0000, 0, OUT
            words[at + 3] = 0

    return race(b, 100, lambda: b.post_request(OUT, 0, data=bytes(SECTOR)), toggle)


def noise(seed):
    """The same bytes for the same seed."""
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
        yield from seed.to_bytes(8, "little")[2:]


@case("Z13", pooled_only=True)
def random_rings(b):
    """Random numbers all over rings and tables while the device is kicked; a reset puts it right."""
    numbers = noise(b.packed)
    random = bytes(next(numbers) for _ in range(4096))
    at = 0
    for _ in range(20):
        b.begin(size=16)
        for _ in range(20):
            for area, length in ((b.ring.table, 256), (b.ring.driver, 40), (b.ring.used, 140), (b.ram.tables, 256)):
                b.ram.write(area, random[at : at + length])
                b.ring.kick()
                at = (at + 251) % (len(random) - 256)
        b.device.reset()
    return "20 resets, 1600 kicks"
