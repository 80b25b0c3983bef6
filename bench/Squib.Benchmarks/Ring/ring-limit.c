// The limit for the ring workloads of docs/performance.md: no checks, raw pointers, one region of memory.
// Reads lines "WORKLOAD MILLISECONDS" from standard input ("1 200"), runs that workload for that long and answers
// "NANOSECONDS-PER-CHAIN CHECKSUM"; the checksum is that of 1,000 batches from an empty ring.
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define BASE 0x80000000ull
#define BYTES 0x1000000ull
#define ENTRIES 256
#define MASK (ENTRIES - 1)
#define BUFFERS (BASE + 0x100000)
#define NOINLINE __attribute__((noinline))

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };
struct descriptor { uint64_t addr; uint32_t len; uint16_t flags, next; };
struct element { uint32_t id, len; };

static uint8_t *ram;
static struct descriptor *table;
static uint16_t *avail;
static uint16_t *used_fields;
static struct element *used;
// Where it begins in its page matters (4 KiB aliasing): with it when frames are copied to it, 512 bytes later from it.
static uint8_t page[4096] __attribute__((aligned(4096)));
static uint64_t sum, interrupts, counter;
static uint32_t chains;
static uint16_t driver_avail, driver_used, device_avail, device_used;

static inline uint8_t *at(uint64_t gpa) { return ram + (gpa - BASE); }

static inline void set(struct descriptor *d, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next) {
    d->addr = addr; d->len = len; d->flags = flags; d->next = next;
}

static inline void offer(int i, uint16_t head) { avail[2 + ((driver_avail + i) & MASK)] = head; }

static inline void publish(int batch) {
    driver_avail += batch;
    __atomic_store_n(&avail[1], driver_avail, __ATOMIC_RELEASE);
}

static inline void header(uint64_t b, uint32_t n) {
    uint32_t type = 0, reserved = 0; uint64_t sector = n;
    memcpy(at(b), &type, 4); memcpy(at(b) + 4, &reserved, 4); memcpy(at(b) + 8, &sector, 8);
}

NOINLINE static void submit(int workload, int batch) {
    for (int i = 0; i < batch; i++) {
        uint32_t n = chains++, k;
        uint64_t b;
        switch (workload) {
        case 1:
            k = n & 255; set(&table[k], BUFFERS + 64 * k, 64, 0, 0); offer(i, k); break;
        case 2:
            k = n & 63; b = BUFFERS + 8192ull * k;
            set(&table[3 * k], b, 16, NEXT, 3 * k + 1);
            set(&table[3 * k + 1], b + 4096, 4096, NEXT | WRITE, 3 * k + 2);
            set(&table[3 * k + 2], b + 16, 1, WRITE, 0);
            header(b, n); offer(i, 3 * k); break;
        case 3: {
            k = n & 63; b = BUFFERS + 8192ull * k;
            struct descriptor *t = (struct descriptor *)(ram + 0x4000 + 64 * k);
            set(t, b, 16, NEXT, 1); set(t + 1, b + 4096, 4096, NEXT | WRITE, 2); set(t + 2, b + 16, 1, WRITE, 0);
            set(&table[k], BASE + 0x4000 + 64 * k, 48, INDIRECT, 0);
            header(b, n); offer(i, k); break; }
        case 4: {
            k = n & 127; b = BUFFERS + 2048ull * k;
            set(&table[2 * k], b, 12, NEXT, 2 * k + 1); set(&table[2 * k + 1], b + 64, 1514, 0, 0);
            uint64_t zero = 0, wide = n;
            memcpy(at(b), &zero, 8); memcpy(at(b) + 8, &n, 4); memcpy(at(b) + 64, &wide, 8);
            offer(i, 2 * k); break; }
        case 5:
            k = n & 255; set(&table[k], BUFFERS + 2048ull * k, 1526, WRITE, 0); offer(i, k); break;
        }
    }
    if (workload == 5) avail[2 + ENTRIES] = driver_used;
    publish(batch);
}

NOINLINE static void complete(int workload, int batch) {
    uint16_t end = __atomic_load_n(&used_fields[1], __ATOMIC_ACQUIRE);
    int count = 0;
    while (driver_used != end) {
        struct element e = used[driver_used & MASK];
        sum += e.id + e.len;
        if (workload == 2) sum += at(table[e.id].addr)[16];
        else if (workload == 3) sum += at(BUFFERS + 8192ull * e.id)[16];
        else if (workload == 5) { uint64_t v; memcpy(&v, at(table[e.id].addr) + 12, 8); sum += v; }
        driver_used++; count++;
    }
    if (count != batch) { fprintf(stderr, "%d of %d chains completed\n", count, batch); exit(1); }
}

static inline void finish(uint32_t id, uint32_t len) {
    struct element *e = &used[device_used++ & MASK];
    e->id = id; e->len = len;
}

static inline void publish_used(void) { __atomic_store_n(&used_fields[1], device_used, __ATOMIC_RELEASE); }

static inline int walk(uint16_t head, struct descriptor *out) {
    struct descriptor *t = table; uint32_t i = head; int n = 0;
    if (t[i].flags & INDIRECT) { t = (struct descriptor *)at(t[i].addr); i = 0; }
    for (;;) { struct descriptor d = t[i]; out[n++] = d; if (!(d.flags & NEXT)) return n; i = d.next; }
}

NOINLINE static void device1(void) {
    uint16_t end = __atomic_load_n(&avail[1], __ATOMIC_ACQUIRE);
    while (device_avail != end) {
        uint16_t head = avail[2 + (device_avail++ & MASK)];
        uint32_t i = head;
        for (;;) { struct descriptor d = table[i]; sum += d.addr + d.len; if (!(d.flags & NEXT)) break; i = d.next; }
        finish(head, 0);
    }
    publish_used();
}

NOINLINE static void device2(void) {
    uint16_t end = __atomic_load_n(&avail[1], __ATOMIC_ACQUIRE);
    while (device_avail != end) {
        uint16_t head = avail[2 + (device_avail++ & MASK)];
        struct descriptor s[16];
        if (walk(head, s) != 3) abort();
        uint32_t type; uint64_t sector;
        memcpy(&type, at(s[0].addr), 4); memcpy(&sector, at(s[0].addr) + 8, 8);
        memset(at(s[1].addr), (uint8_t)sector, s[1].len);
        *at(s[2].addr) = 0;
        sum += type + sector + s[1].len;
        finish(head, s[1].len + 1);
    }
    publish_used();
}

NOINLINE static void device4(void) {
    uint16_t end = __atomic_load_n(&avail[1], __ATOMIC_ACQUIRE);
    while (device_avail != end) {
        uint16_t head = avail[2 + (device_avail++ & MASK)];
        struct descriptor s[16];
        if (walk(head, s) != 2) abort();
        uint32_t n; uint64_t v; uint8_t h[12];
        memcpy(h, at(s[0].addr), 12); memcpy(&n, h + 8, 4);
        memcpy(page, at(s[1].addr), s[1].len); memcpy(&v, page, 8);
        sum += n + v;
        finish(head, 0);
    }
    publish_used();
}

NOINLINE static void device5(void) {
    uint8_t *host = page + 512;
    uint16_t old = device_used, end = __atomic_load_n(&avail[1], __ATOMIC_ACQUIRE);
    while (device_avail != end) {
        uint16_t head = avail[2 + (device_avail++ & MASK)];
        struct descriptor s[16];
        walk(head, s);
        counter++; memcpy(host, &counter, 8);
        uint8_t *p = at(s[0].addr);
        memset(p, 0, 10); p[10] = 1; p[11] = 0;
        memcpy(p + 12, host, 1514);
        sum += s[0].addr;
        finish(head, 1526);
    }
    publish_used();
    atomic_thread_fence(memory_order_seq_cst);
    if ((uint16_t)(device_used - avail[2 + ENTRIES] - 1) < (uint16_t)(device_used - old)) interrupts++;
}

static inline void round_trip(int workload, int batch) {
    submit(workload, batch);
    __asm__ volatile("" ::: "memory");
    switch (workload) { case 1: device1(); break; case 2: case 3: device2(); break; case 4: device4(); break; case 5: device5(); break; }
    __asm__ volatile("" ::: "memory");
    complete(workload, batch);
    __asm__ volatile("" ::: "memory");
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void reset(void) {
    memset(ram, 0, 0x8000);
    driver_avail = driver_used = device_avail = device_used = 0;
    chains = 0; sum = interrupts = counter = 0;
    memset(page, 0x5a, sizeof page);
}

int main(void) {
    ram = mmap(0, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(ram, 0, BYTES);
    table = (struct descriptor *)ram;
    avail = (uint16_t *)(ram + 0x1000);
    used_fields = (uint16_t *)(ram + 0x2000);
    used = (struct element *)(ram + 0x2004);
    int workload; double ms;
    while (scanf("%d %lf", &workload, &ms) == 2) {
        int batch = workload == 2 || workload == 3 ? 32 : 64;
        reset();
        for (int i = 0; i < 1000; i++) round_trip(workload, batch);
        uint64_t check = sum + interrupts;
        uint64_t done = 0; double start = now(), end;
        do { for (int i = 0; i < 64; i++) round_trip(workload, batch); done += 64ull * batch; end = now(); } while (end - start < ms * 1e6);
        printf("%.3f %016llx\n", (end - start) / done, (unsigned long long)check);
        fflush(stdout);
    }
    return 0;
}
