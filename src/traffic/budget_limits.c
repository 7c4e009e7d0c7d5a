#include "traffic/budget_limits.h"

#include "base/hash.h"

#include <stdatomic.h>
#include <stdlib.h>

/* What is more is taken for this, so that sums of a few such never overflow. */
#define AMOUNT_MAX (INT64_MAX / 8)

struct group {
    enum spend_scope scope;
    const char *subject; /* "": each */
    size_t first, count;
};

struct budget_limits {
    atomic_uint refs;
    struct budget_limit *limits; /* by group */
    size_t limit_count;
    struct group *groups; /* by scope, then subject: a scope's general one first */
    size_t group_count;
};

struct str budget_fitting(struct str name, char room[SPEND_SUBJECT_MAX]) {
    if (name.n <= SPEND_SUBJECT_MAX)
        return name;
    enum { DIGITS = 24 };
    unsigned char digest[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE];
    size_t n = SPEND_SUBJECT_MAX - DIGITS - 1;
    while (n > 0 && ((unsigned char)name.p[n] & 0xc0) == 0x80) /* whole characters */
        n--;
    sha256(name, digest);
    sha256_hex(digest, hex);
    memcpy(room, name.p, n);
    room[n] = '~';
    memcpy(room + n + 1, hex, DIGITS);
    return (struct str){room, n + 1 + DIGITS};
}

static int by_scope_and_subject(const void *a, const void *b) {
    const struct budget_limit *x = a, *y = b;
    return x->scope != y->scope ? (x->scope < y->scope ? -1 : 1) : strcmp(x->subject, y->subject);
}

static struct group *find(const struct budget_limits *l, enum spend_scope scope, struct str subject) {
    size_t from = 0, to = l->group_count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        struct group *g = &l->groups[middle];
        int order =
            g->scope != scope ? (g->scope < scope ? -1 : 1) : strncmp(g->subject, subject.p, subject.n);
        if (order == 0 && g->subject[subject.n] != '\0')
            order = 1;
        if (order == 0)
            return g;
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

struct limit_list budget_limits_of(const struct budget_limits *l, enum spend_scope scope,
                                   struct str subject) {
    if (!l)
        return (struct limit_list){0};
    const struct group *g = memchr(subject.p, '\0', subject.n) ? NULL : find(l, scope, subject);
    if (!g)
        g = find(l, scope, STR(""));
    return g ? (struct limit_list){l->limits + g->first, g->count} : (struct limit_list){0};
}

static bool replaces(const struct budget_limits *l, const struct group *g,
                     const struct budget_limit *general) {
    for (size_t i = g->first; i < g->first + g->count; i++)
        if (l->limits[i].dimension == general->dimension && l->limits[i].window == general->window)
            return true;
    return false;
}

/* `sorted` in groups; behind each group's own limits those general ones that it does not replace. */
static void fill(struct budget_limits *l, const struct budget_limit *sorted, size_t count) {
    for (size_t i = 0; i < count;) {
        struct group *g = &l->groups[l->group_count];
        *g = (struct group){sorted[i].scope, sorted[i].subject, l->limit_count, 0};
        for (; i < count && by_scope_and_subject(&sorted[i], &(struct budget_limit){.scope = g->scope,
                                                                      .subject = g->subject}) == 0;
             i++) {
            l->limits[l->limit_count++] = sorted[i];
            g->count++;
        }
        const struct group *general = g->subject[0] ? find(l, g->scope, STR("")) : NULL;
        size_t own = g->count;
        for (size_t k = 0; general && k < general->count; k++) {
            struct group only_own = {.first = g->first, .count = own};
            if (replaces(l, &only_own, &l->limits[general->first + k]))
                continue;
            l->limits[l->limit_count++] = l->limits[general->first + k];
            g->count++;
        }
        l->group_count++;
    }
}

typedef char subject_room[SPEND_SUBJECT_MAX + 1];

/* A copy of the list, sorted, with subjects as the accounts have them, in `rooms`; NULL when memory is out.
 */
static struct budget_limit *sorted_copy(const struct budget_limit *list, size_t count, subject_room *rooms) {
    struct budget_limit *copy = rooms ? calloc(count + 1, sizeof *copy) : NULL;
    for (size_t i = 0; copy && i < count; i++) {
        struct str subject = budget_fitting(str_from(list[i].subject), rooms[i]);
        memmove(rooms[i], subject.p, subject.n);
        rooms[i][subject.n] = '\0';
        copy[i] = list[i];
        copy[i].subject = rooms[i];
        if (copy[i].amount > AMOUNT_MAX)
            copy[i].amount = AMOUNT_MAX;
    }
    if (copy)
        qsort(copy, count, sizeof *copy, by_scope_and_subject);
    return copy;
}

static size_t most_general(const struct budget_limit *list, size_t count) {
    size_t per_scope[SPEND_SCOPES] = {0}, most = 0;
    for (size_t i = 0; i < count; i++)
        if (!list[i].subject[0] && ++per_scope[list[i].scope] > most)
            most = per_scope[list[i].scope];
    return most;
}

/* Subjects are kept behind the groups, in one piece. */
static bool own_subjects(struct budget_limits *l) {
    for (size_t i = 0; i < l->group_count; i++) {
        char *own = strdup(l->groups[i].subject);
        if (!own) {
            l->group_count = i; /* the others are not ours to free */
            return false;
        }
        l->groups[i].subject = own;
        for (size_t k = 0; k < l->groups[i].count; k++)
            l->limits[l->groups[i].first + k].subject = own;
    }
    return true;
}

struct budget_limits *budget_limits_new(const struct budget_limit *list, size_t count, struct error *err) {
    struct budget_limits *l = calloc(1, sizeof *l);
    subject_room *rooms = malloc((count + 1) * sizeof *rooms);
    struct budget_limit *sorted = l ? sorted_copy(list, count, rooms) : NULL;
    bool ok = sorted != NULL;
    if (ok) {
        atomic_store(&l->refs, 1);
        l->groups = calloc(count + 1, sizeof *l->groups);
        l->limits = calloc(count + count * most_general(sorted, count) + 1, sizeof *l->limits);
        ok = l->groups && l->limits;
    }
    if (ok) {
        fill(l, sorted, count);
        ok = own_subjects(l);
    }
    free(sorted);
    free(rooms);
    if (ok)
        return l;
    if (l)
        atomic_store(&l->refs, 1);
    budget_limits_unref(l);
    fail(err, ERR_NO_MEMORY, "Out of memory while reading the budgets.");
    return NULL;
}

struct budget_limits *budget_limits_ref(struct budget_limits *l) {
    atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    return l;
}

void budget_limits_unref(struct budget_limits *l) {
    if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < l->group_count; i++)
        free((char *)l->groups[i].subject);
    free(l->groups);
    free(l->limits);
    free(l);
}
