#include "store/spend_journal.h"

#include "base/check.h"
#include "base/log.h"
#include "store/spend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SLOTS_DEFAULT = 32768, ACCOUNTS_DEFAULT = 16384, COUNT_MAX = 1 << 16, LAYOUT = 1, BOOT_ID_SIZE = 40 };
static const uint64_t magic = 0x53504e444a524e4cULL; /* "SPNDJRNL" */

/* ---- the file: a header, slots, accounts. What is stored last in each step is the state. ---- */

enum slot_state { SLOT_FREE, SLOT_RESERVED, SLOT_STREAMING, SLOT_SETTLED };

struct header {
    uint64_t magic;
    uint32_t layout, slots, accounts;
    char boot[BOOT_ID_SIZE];
};
enum { HEADER_SIZE = 4096 };

struct slot {
    _Atomic uint32_t state;
    uint32_t accounts[SPEND_SCOPES];
    uint32_t requests, unpriced;
    uint32_t unused;
    int64_t wall_ns, tokens, nanodollars;
    uint64_t commit;
};
_Static_assert(sizeof(struct slot) == 64, "a slot is a cache line");

struct account {
    uint8_t scope, length;
    char subject[SPEND_SUBJECT_MAX + 6];
};
_Static_assert(sizeof(struct account) == 128, "so that none crosses a page");

struct spend_journal {
    unsigned index;
    int fd;
    void *map;
    size_t size;
    struct slot *slots;       /* [0] is slot 1 */
    struct account *accounts; /* [0] is account 1 */
    uint32_t slot_count, account_count;
    /* not in the file */
    _Atomic uint64_t
        free_slots; /* a stack: count of pops above the first slot's number, so that none is mistaken */
    _Atomic uint32_t *next_free;
    _Atomic uint32_t *uses; /* slots of each account */
};

static size_t file_size(uint32_t slots, uint32_t accounts) {
    return HEADER_SIZE + slots * sizeof(struct slot) + accounts * sizeof(struct account);
}

static void read_boot_id(char out[BOOT_ID_SIZE]) {
    memset(out, 0, BOOT_ID_SIZE);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, out, BOOT_ID_SIZE - 1) < 0)
        out[0] = '\0';
    close(fd);
}

static bool map_file(struct spend_journal *j, uint32_t slots, uint32_t accounts, struct error *err) {
    j->size = file_size(slots, accounts);
    j->map = mmap(NULL, j->size, PROT_READ | PROT_WRITE, MAP_SHARED, j->fd, 0);
    if (j->map == MAP_FAILED) {
        j->map = NULL;
        return fail(err, ERR_STORE, "The journal of spend cannot be mapped into memory: %s.",
                    strerror(errno));
    }
    j->slot_count = slots;
    j->account_count = accounts;
    j->slots = (struct slot *)(void *)((char *)j->map + HEADER_SIZE);
    j->accounts = (struct account *)(void *)(j->slots + slots);
    return true;
}

static void unmap_file(struct spend_journal *j) {
    if (j->map)
        munmap(j->map, j->size);
    j->map = NULL;
}

/* Opens and locks the folder's index-th journal; fd -1 when another process has it, or when it is not there
 * and is not to be made. */
static bool open_locked(struct store *s, unsigned index, bool make, int *fd, struct error *err) {
    char *path;
    if (asprintf(&path, "%s/spend.journal.%u", store_folder(s), index) < 0)
        return fail(err, ERR_NO_MEMORY, "Out of memory while opening the journal of spend.");
    *fd = open(path, O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
    bool ok =
        *fd >= 0 || errno == ENOENT || fail(err, ERR_STORE, "Cannot open %s: %s.", path, strerror(errno));
    if (*fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) < 0) {
        ok = errno == EWOULDBLOCK || fail(err, ERR_STORE, "Cannot lock %s: %s.", path, strerror(errno));
        close(*fd);
        *fd = -1;
    }
    free(path);
    return ok;
}

/* ---- what an earlier process left ---- */

/* Something that this program wrote, in this boot? */
static bool is_trusted(int fd, struct header *h) {
    struct stat stat;
    char boot[BOOT_ID_SIZE];
    if (fstat(fd, &stat) < 0 || stat.st_size == 0 || pread(fd, h, sizeof *h, 0) != (ssize_t)sizeof *h)
        return false;
    read_boot_id(boot);
    bool whole = h->magic == magic && h->layout == LAYOUT && h->slots <= COUNT_MAX &&
                 h->accounts <= COUNT_MAX && (uint64_t)stat.st_size == file_size(h->slots, h->accounts);
    if (!whole)
        log_event(LOG_WARN, "spend.journal_damaged", "A journal of spend is damaged and is left aside.");
    else if (memcmp(boot, h->boot, sizeof boot) != 0)
        log_event(LOG_WARN, "spend.journal_old",
                  "A journal of spend is from before the machine started; what it alone held is left aside.");
    return whole && memcmp(boot, h->boot, sizeof boot) == 0;
}

static bool is_chargeable(const struct spend_journal *j, const struct slot *s) {
    uint32_t state = atomic_load_explicit(&s->state, memory_order_acquire);
    if (state != SLOT_STREAMING && state != SLOT_SETTLED)
        return false;
    bool sound = s->wall_ns >= 0 && s->tokens >= 0 && s->nanodollars >= 0;
    for (size_t i = 0; i < SPEND_SCOPES; i++) {
        const struct account *a = s->accounts[i] ? &j->accounts[s->accounts[i] - 1] : NULL;
        sound = sound && s->accounts[i] <= j->account_count &&
                (!a || (a->scope < SPEND_SCOPES && a->length <= SPEND_SUBJECT_MAX));
    }
    return sound;
}

static bool bill_slots(struct spend_journal *j, struct spend_writer *w, uint64_t *count, struct error *err) {
    for (uint32_t slot = 1; slot <= j->slot_count; slot++) {
        if (!is_chargeable(j, &j->slots[slot - 1]) || spend_writer_has(w, slot))
            continue;
        if (!spend_writer_add(w, slot, err))
            return false;
        ++*count;
    }
    return spend_writer_end(w, err);
}

static bool bill(struct spend_journal *j, struct store *s, uint64_t *count, struct error *err) {
    struct spend_writer *w;
    if (!spend_writer_new(&w, s, j, err))
        return false;
    bool ok = store_begin(s, true, err);
    if (ok && !(ok = bill_slots(j, w, count, err)))
        store_rollback(s);
    else if (ok)
        ok = store_commit(s, err);
    if (!ok)
        spend_writer_forget(w);
    spend_writer_free(w);
    return ok;
}

/* Bills what the file holds, and empties it. */
static bool recover(struct spend_journal *j, struct store *s, uint64_t *recovered, struct error *err) {
    struct header h;
    uint64_t count = 0;
    if (is_trusted(j->fd, &h)) {
        bool ok = map_file(j, h.slots, h.accounts, err) && bill(j, s, &count, err);
        unmap_file(j);
        if (!ok)
            return fail_within(err, "What was spent before the last end cannot be written");
    }
    if (ftruncate(j->fd, 0) < 0)
        return fail(err, ERR_STORE, "The journal of spend cannot be emptied: %s.", strerror(errno));
    *recovered += count;
    return true;
}

/* Journals of processes that are no more. */
static bool recover_others(struct store *s, unsigned from, uint64_t *recovered, struct error *err) {
    for (unsigned index = from; index < SPEND_JOURNALS_MAX; index++) {
        struct spend_journal other = {.index = index};
        if (!open_locked(s, index, false, &other.fd, err))
            return false;
        if (other.fd < 0)
            continue;
        bool ok = recover(&other, s, recovered, err);
        close(other.fd);
        if (!ok)
            return false;
    }
    return true;
}

bool spend_journal_settle_left(struct store *s, struct error *err) {
    uint64_t recovered = 0;
    return recover_others(s, 0, &recovered, err);
}

/* ---- making ---- */

static bool make_file(struct spend_journal *j, uint32_t slots, uint32_t accounts, struct error *err) {
    /* Every block is claimed now: a disk that fills later must not end the program by SIGBUS. */
    int failed = posix_fallocate(j->fd, 0, (off_t)file_size(slots, accounts));
    if (failed)
        return fail_at(err, ERR_STORE, failed == ENOSPC ? STORE_DISK_FULL : "",
                       "The journal of spend needs %zu KiB on disk: %s.", file_size(slots, accounts) / 1024,
                       strerror(failed));
    if (!map_file(j, slots, accounts, err))
        return false;
    struct header *h = j->map;
    *h = (struct header){.layout = LAYOUT, .slots = slots, .accounts = accounts};
    read_boot_id(h->boot);
    h->magic = magic;
    return true;
}

static bool make_lists(struct spend_journal *j, struct error *err) {
    j->next_free = calloc((size_t)j->slot_count + 1, sizeof *j->next_free);
    j->uses = calloc((size_t)j->account_count + 1, sizeof *j->uses);
    if (!j->next_free || !j->uses)
        return fail(err, ERR_NO_MEMORY, "Out of memory while opening the journal of spend.");
    for (uint32_t slot = 1; slot < j->slot_count; slot++)
        atomic_store_explicit(&j->next_free[slot], slot + 1, memory_order_relaxed);
    atomic_store(&j->free_slots, j->slot_count ? 1 : 0);
    return true;
}

static bool open_first_free(struct spend_journal *j, struct store *s, struct error *err) {
    for (j->index = 0; j->index < SPEND_JOURNALS_MAX; j->index++) {
        if (!open_locked(s, j->index, true, &j->fd, err))
            return false;
        if (j->fd >= 0)
            return true;
    }
    return fail(err, ERR_STORE, "%d programs already write to %s; stop one.", SPEND_JOURNALS_MAX,
                store_folder(s));
}

bool spend_journal_open(struct spend_journal **out, struct store *s,
                        const struct spend_journal_options *options, uint64_t *recovered, struct error *err) {
    uint32_t slots = options && options->slots ? options->slots : SLOTS_DEFAULT;
    uint32_t accounts = options && options->accounts ? options->accounts : ACCOUNTS_DEFAULT;
    uint64_t count = 0;
    CHECK(slots <= COUNT_MAX && accounts <= COUNT_MAX);
    struct spend_journal *j = calloc(1, sizeof *j);
    if (!j)
        return fail(err, ERR_NO_MEMORY, "Out of memory while opening the journal of spend.");
    j->fd = -1;
    if (!open_first_free(j, s, err) || !recover(j, s, &count, err) ||
        !recover_others(s, j->index + 1, &count, err) || !make_file(j, slots, accounts, err) ||
        !make_lists(j, err)) {
        spend_journal_close(j);
        return false;
    }
    if (count > 0)
        log_event(LOG_INFO, "spend.recovered", "%llu requests of before were billed from the journal.",
                  (unsigned long long)count);
    if (recovered)
        *recovered = count;
    *out = j;
    return true;
}

static bool is_all_free(const struct spend_journal *j) {
    for (uint32_t i = 0; i < j->slot_count; i++)
        if (atomic_load_explicit(&j->slots[i].state, memory_order_acquire) != SLOT_FREE)
            return false;
    return true;
}

void spend_journal_close(struct spend_journal *j) {
    if (!j)
        return;
    bool empty = j->map && is_all_free(j);
    unmap_file(j);
    if (empty && ftruncate(j->fd, 0) < 0) /* the names in it are people's */
        log_event(LOG_WARN, "spend.journal_full", "The journal of spend could not be emptied: %s.",
                  strerror(errno));
    if (j->fd >= 0)
        close(j->fd); /* and with it the lock */
    free(j->next_free);
    free(j->uses);
    free(j);
}

/* ---- accounts ---- */

uint32_t spend_journal_accounts(const struct spend_journal *j) {
    return j->account_count;
}

unsigned spend_journal_index(const struct spend_journal *j) {
    return j->index;
}

void spend_journal_name(struct spend_journal *j, uint32_t account, enum spend_scope scope,
                        struct str subject) {
    CHECK(account >= 1 && account <= j->account_count && subject.n <= SPEND_SUBJECT_MAX);
    CHECK(!spend_journal_in_use(j, account));
    struct account *a = &j->accounts[account - 1];
    a->scope = (uint8_t)scope;
    a->length = (uint8_t)subject.n;
    memcpy(a->subject, subject.p, subject.n);
}

void spend_journal_unname(struct spend_journal *j, uint32_t account) {
    CHECK(!spend_journal_in_use(j, account));
    explicit_bzero(&j->accounts[account - 1], sizeof *j->accounts);
}

bool spend_journal_in_use(const struct spend_journal *j, uint32_t account) {
    return atomic_load(&j->uses[account]) > 0;
}

enum spend_scope spend_journal_account(const struct spend_journal *j, uint32_t account, struct str *subject) {
    const struct account *a = &j->accounts[account - 1];
    *subject = (struct str){a->subject, a->length};
    return (enum spend_scope)a->scope;
}

/* ---- slots ---- */

uint32_t spend_slot_take(struct spend_journal *j, int64_t wall_ns, const uint32_t accounts[SPEND_SCOPES]) {
    uint64_t head = atomic_load_explicit(&j->free_slots, memory_order_acquire), next;
    do {
        if ((uint32_t)head == 0)
            return 0;
        next = (((head >> 32) + 1) << 32) |
               atomic_load_explicit(&j->next_free[(uint32_t)head], memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&j->free_slots, &head, next, memory_order_acq_rel,
                                                    memory_order_acquire));
    struct slot *s = &j->slots[(uint32_t)head - 1];
    s->requests = s->unpriced = 0;
    s->tokens = s->nanodollars = 0;
    s->commit = 0;
    s->wall_ns = wall_ns;
    for (size_t i = 0; i < SPEND_SCOPES; i++) {
        s->accounts[i] = accounts[i];
        if (accounts[i])
            atomic_fetch_add_explicit(&j->uses[accounts[i]], 1, memory_order_relaxed);
    }
    atomic_store_explicit(&s->state, SLOT_RESERVED, memory_order_release);
    return (uint32_t)head;
}

static void note(struct slot *s, const struct spend_amount *amount, enum slot_state state) {
    s->requests = (uint32_t)amount->requests;
    s->unpriced = (uint32_t)amount->unpriced;
    s->tokens = amount->tokens;
    s->nanodollars = amount->nanodollars;
    atomic_store_explicit(&s->state, state, memory_order_release);
}

void spend_slot_progress(struct spend_journal *j, uint32_t slot, const struct spend_amount *so_far) {
    note(&j->slots[slot - 1], so_far, SLOT_STREAMING);
}

void spend_slot_settle(struct spend_journal *j, uint32_t slot, const struct spend_amount *amount) {
    note(&j->slots[slot - 1], amount, SLOT_SETTLED);
}

void spend_slot_free(struct spend_journal *j, uint32_t slot) {
    struct slot *s = &j->slots[slot - 1];
    CHECK(atomic_load_explicit(&s->state, memory_order_relaxed) != SLOT_FREE);
    atomic_store_explicit(&s->state, SLOT_FREE, memory_order_release);
    for (size_t i = 0; i < SPEND_SCOPES; i++)
        if (s->accounts[i])
            atomic_fetch_sub(&j->uses[s->accounts[i]], 1);
    uint64_t head = atomic_load_explicit(&j->free_slots, memory_order_relaxed), next;
    do {
        atomic_store_explicit(&j->next_free[slot], (uint32_t)head, memory_order_relaxed);
        next = (head >> 32 << 32) | slot;
    } while (!atomic_compare_exchange_weak_explicit(&j->free_slots, &head, next, memory_order_acq_rel,
                                                    memory_order_relaxed));
}

void spend_slot_read(const struct spend_journal *j, uint32_t slot, struct spend_slot_view *out) {
    const struct slot *s = &j->slots[slot - 1];
    *out = (struct spend_slot_view){.wall_ns = s->wall_ns,
                                    .amount = {.requests = s->requests,
                                               .tokens = s->tokens,
                                               .nanodollars = s->nanodollars,
                                               .unpriced = s->unpriced}};
    memcpy(out->accounts, s->accounts, sizeof out->accounts);
}

void spend_slot_mark(struct spend_journal *j, uint32_t slot, uint64_t commit) {
    j->slots[slot - 1].commit = commit;
}

uint64_t spend_slot_commit(const struct spend_journal *j, uint32_t slot) {
    return j->slots[slot - 1].commit;
}
