#include "traffic/budget.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/log.h"
#include "traffic/budget_limits.h"

#include <pthread.h>
#include <stdlib.h>

/* Of one window of an account. */
struct counter {
    int64_t start; /* of the window that the numbers are of */
    int64_t settled[BUDGET_DIMENSIONS];
    int64_t reserved[BUDGET_DIMENSIONS];
    int64_t unpriced;
};

struct account {
    enum spend_scope scope;
    uint32_t next; /* of its bucket, or of those that are vacant */
    bool vacant;   /* nobody's */
    uint32_t seen; /* the last look of budget_forget that found it in the store or in use */
    struct str subject;
    struct counter windows[SPEND_WINDOWS];
    char name[SPEND_SUBJECT_MAX];
};

struct budget {
    struct spend_journal *journal;
    pthread_mutex_t lock;
    uint64_t seed; /* secret, so that callers cannot choose names that meet in one bucket */
    /* Time goes forward only: a clock that is set back must not open a window anew. */
    int64_t wall;
    int64_t starts[SPEND_WINDOWS], ends[SPEND_WINDOWS];
    uint32_t room;             /* accounts that may be known */
    uint32_t used, users;      /* that are, and users among them */
    uint32_t hand;             /* where the next one to forget is looked for */
    uint32_t vacant;           /* the first that is nobody's; 0: none */
    uint32_t look;             /* of budget_forget */
    struct account **accounts; /* by the journal's number, 1 … room */
    uint32_t *buckets;
    uint32_t bucket_count; /* a power of two */
};

enum { FORGET_STEPS = 64, SOON_S = 1 };

/* ---- time ---- */

static void set_time(struct budget *b, int64_t wall) {
    if (wall <= b->wall)
        return;
    b->wall = wall;
    if (wall < b->ends[SPEND_MINUTE])
        return;
    for (enum spend_window w = 0; w < SPEND_WINDOWS; w++) {
        b->starts[w] = spend_window_start(w, wall);
        b->ends[w] = spend_window_end(w, wall);
    }
}

static int64_t start_of(const struct budget *b, enum spend_window w, int64_t wall) {
    return wall >= b->starts[w] ? b->starts[w] : spend_window_start(w, wall);
}

/* The numbers of the present window: none are there when the last ones are of an earlier one. */
static struct counter present(const struct budget *b, const struct account *a, enum spend_window w) {
    return a && a->windows[w].start == b->starts[w] ? a->windows[w] : (struct counter){.start = b->starts[w]};
}

/* ---- accounts ---- */

static uint32_t *bucket_of(const struct budget *b, enum spend_scope scope, struct str subject) {
    return &b->buckets[hash64(subject, b->seed ^ scope) & (b->bucket_count - 1)];
}

static uint32_t find(const struct budget *b, enum spend_scope scope, struct str subject) {
    uint32_t number = *bucket_of(b, scope, subject);
    while (number && (b->accounts[number]->scope != scope || !str_eq(b->accounts[number]->subject, subject)))
        number = b->accounts[number]->next;
    return number;
}

static void name_account(struct budget *b, uint32_t number, enum spend_scope scope, struct str subject) {
    struct account *a = b->accounts[number];
    memset(a, 0, sizeof *a);
    a->scope = scope;
    a->seen = b->look;
    memcpy(a->name, subject.p, subject.n);
    a->subject = (struct str){a->name, subject.n};
    uint32_t *bucket = bucket_of(b, scope, subject);
    a->next = *bucket;
    *bucket = number;
    for (enum spend_window w = 0; w < SPEND_WINDOWS; w++)
        a->windows[w].start = b->starts[w];
    spend_journal_name(b->journal, number, scope, subject);
}

static void unlink_account(struct budget *b, uint32_t number) {
    const struct account *a = b->accounts[number];
    uint32_t *link = bucket_of(b, a->scope, a->subject);
    while (*link != number)
        link = &b->accounts[*link]->next;
    *link = a->next;
}

/* A user that has nothing under way and nothing left in any window that limits it may be forgotten: only
 * users come from callers, the other names are the operator's. */
static bool is_forgettable(const struct budget *b, const struct budget_limits *limits, uint32_t number) {
    const struct account *a = b->accounts[number];
    if (a->vacant || a->scope != SPEND_USER || spend_journal_in_use(b->journal, number))
        return false;
    struct limit_list list = budget_limits_of(limits, SPEND_USER, a->subject);
    for (size_t i = 0; i < list.count; i++)
        if (present(b, a, list.limits[i].window).settled[list.limits[i].dimension] > 0)
            return false;
    return true;
}

static uint32_t forget_one(struct budget *b, const struct budget_limits *limits, uint32_t but) {
    for (int i = 0; i < FORGET_STEPS && b->used > 0; i++) {
        b->hand = b->hand % b->used + 1;
        if (b->hand == but || !is_forgettable(b, limits, b->hand))
            continue;
        unlink_account(b, b->hand);
        b->users--;
        return b->hand;
    }
    return 0;
}

/* 0: no room. Users leave a quarter of it to the others. `but` is not forgotten for it. */
static uint32_t make(struct budget *b, const struct budget_limits *limits, enum spend_scope scope,
                     struct str subject, uint32_t but) {
    uint32_t number = 0;
    bool crowded =
        (b->used >= b->room && !b->vacant) || (scope == SPEND_USER && b->users >= b->room - b->room / 4);
    if (!crowded && b->vacant) {
        number = b->vacant;
        b->vacant = b->accounts[number]->next;
    } else if (!crowded) {
        struct account *a = malloc(sizeof *a);
        if (!a)
            return 0;
        number = ++b->used;
        b->accounts[number] = a;
    } else if (!(number = forget_one(b, limits, but))) {
        return 0;
    }
    b->users += scope == SPEND_USER;
    name_account(b, number, scope, subject);
    return number;
}

/* ---- making ---- */

struct loading {
    struct budget *budget;
    bool users; /* last, so that they do not take the others' room */
    size_t left_out;
};

static void load_row(const struct spend_row *row, void *ctx) {
    struct loading *l = ctx;
    struct budget *b = l->budget;
    if ((row->scope == SPEND_USER) != l->users || row->subject.n > SPEND_SUBJECT_MAX)
        return;
    uint32_t number = find(b, row->scope, row->subject);
    if (!number && !(number = make(b, NULL, row->scope, row->subject, 0))) {
        l->left_out++;
        return;
    }
    struct counter *c = &b->accounts[number]->windows[row->window];
    c->settled[BUDGET_REQUESTS] = row->amount.requests;
    c->settled[BUDGET_TOKENS] = row->amount.tokens;
    c->settled[BUDGET_MONEY] = row->amount.nanodollars;
    c->unpriced = row->amount.unpriced;
}

static bool load(struct budget *b, struct store *s, struct error *err) {
    struct loading l = {.budget = b};
    for (int users = 0; users <= 1; users++) {
        l.users = users;
        for (enum spend_window w = 0; w < SPEND_WINDOWS; w++)
            if (!spend_visit(s, w, b->starts[w], b->starts[w] + 1, load_row, &l, err))
                return false;
    }
    if (l.left_out > 0)
        log_event(LOG_WARN, "budget.crowded",
                  "%zu rows of spend belong to more accounts than are kept track of.", l.left_out);
    return true;
}

bool budget_new(struct budget **out, struct spend_journal *journal, struct store *s, int64_t wall_ns,
                struct error *err) {
    struct budget *b = calloc(1, sizeof *b);
    if (b) {
        pthread_mutex_init(&b->lock, NULL);
        b->journal = journal;
        b->room = spend_journal_accounts(journal);
        random_bytes(&b->seed, sizeof b->seed);
        for (b->bucket_count = 16; b->bucket_count < b->room;)
            b->bucket_count *= 2;
        b->accounts = calloc((size_t)b->room + 1, sizeof *b->accounts);
        b->buckets = calloc(b->bucket_count, sizeof *b->buckets);
        set_time(b, wall_ns);
    }
    bool ok = b && b->accounts && b->buckets
                  ? load(b, s, err)
                  : fail(err, ERR_NO_MEMORY, "Out of memory while reading the budgets.");
    if (ok)
        *out = b;
    else
        budget_free(b);
    return ok;
}

void budget_free(struct budget *b) {
    if (!b)
        return;
    for (uint32_t i = 1; b->accounts && i <= b->used; i++)
        free(b->accounts[i]);
    free(b->accounts);
    free(b->buckets);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

/* ---- forgetting ---- */

static void see_row(const struct spend_row *row, void *ctx) {
    struct budget *b = ctx;
    if (row->scope != SPEND_USER)
        return;
    pthread_mutex_lock(&b->lock);
    uint32_t number = find(b, row->scope, row->subject);
    if (number)
        b->accounts[number]->seen = b->look;
    pthread_mutex_unlock(&b->lock);
}

static void vacate(struct budget *b, uint32_t number) {
    struct account *a = b->accounts[number];
    unlink_account(b, number);
    spend_journal_unname(b->journal, number);
    explicit_bzero(a, sizeof *a);
    a->vacant = true;
    a->next = b->vacant;
    b->vacant = number;
    b->users--;
}

/* Every account with a commit behind it has a row of its total: who has none, and asked for nothing since the
 * look began, has nothing that counts. */
bool budget_forget(struct budget *b, struct store *s, bool *left, struct error *err) {
    bool under_way = false;
    pthread_mutex_lock(&b->lock);
    b->look++;
    pthread_mutex_unlock(&b->lock);
    if (!spend_visit(s, SPEND_TOTAL, 0, 1, see_row, b, err))
        return false;
    pthread_mutex_lock(&b->lock);
    for (uint32_t i = 1; i <= b->used; i++) {
        const struct account *a = b->accounts[i];
        if (a->vacant || a->scope != SPEND_USER || a->seen == b->look)
            continue;
        if (spend_journal_in_use(b->journal, i))
            under_way = true;
        else
            vacate(b, i);
    }
    pthread_mutex_unlock(&b->lock);
    *left = under_way;
    return true;
}

/* ---- reserving ---- */

struct charge {
    int64_t by[BUDGET_DIMENSIONS]; /* unknown money: 0 */
    bool unpriced;
};

/* Of one request: $70,000, or as many tokens as nobody has. All slots together then stay below 2^62. */
#define AMOUNT_MAX  (INT64_C(1) << 46)
#define SETTLED_MAX (INT64_MAX / 4)

static int64_t sane(int64_t amount) {
    return amount < 0 ? 0 : amount < AMOUNT_MAX ? amount : AMOUNT_MAX;
}

static struct charge charge_of(const struct budget_amount *a) {
    return (struct charge){.by = {sane(a->requests), sane(a->tokens), sane(a->nanodollars)},
                           .unpriced = a->nanodollars < 0};
}

/* When a window has room again for what is wanted; 0: never. */
static int64_t frees_at(const struct budget *b, const struct budget_limit *limit, const struct counter *c,
                        int64_t wanted) {
    if (wanted > limit->amount)
        return 0;
    if (c->settled[limit->dimension] + wanted <= limit->amount)
        return b->wall + SOON_S * NS_PER_SECOND;
    return limit->window == SPEND_TOTAL ? 0 : b->ends[limit->window];
}

static bool frees_later(int64_t a, int64_t b) {
    return b != 0 && (a == 0 || a > b);
}

static void refuse(struct budget_verdict *v, enum budget_refusal refusal, const struct budget_limit *limit,
                   struct str subject, const struct counter *c, int64_t wanted, int64_t free_at) {
    bool first = v->allowed;
    if (!first && !(refusal == BUDGET_EXCEEDED && frees_later(free_at, v->frees_at)))
        return;
    *v = (struct budget_verdict){.refusal = refusal,
                                 .limit = *limit,
                                 .settled = c->settled[limit->dimension],
                                 .reserved = c->reserved[limit->dimension],
                                 .wanted = wanted,
                                 .frees_at = free_at};
    memcpy(v->subject, subject.p, subject.n);
}

static void check_limits(const struct budget *b, const struct limit_list *list, const struct account *a,
                         struct str subject, const struct charge *worst, struct budget_verdict *v) {
    for (size_t i = 0; i < list->count; i++) {
        const struct budget_limit *limit = &list->limits[i];
        struct counter c = present(b, a, limit->window);
        int64_t wanted = worst->by[limit->dimension];
        if (limit->dimension == BUDGET_MONEY && worst->unpriced)
            refuse(v, BUDGET_PRICE_UNKNOWN, limit, subject, &c, 0, 0);
        else if (c.settled[limit->dimension] + c.reserved[limit->dimension] + wanted > limit->amount)
            refuse(v, BUDGET_EXCEEDED, limit, subject, &c, wanted, frees_at(b, limit, &c, wanted));
    }
}

/* Books into every window; those of earlier ones begin anew. */
static void reserve_in(const struct budget *b, struct account *a, const struct charge *c) {
    for (enum spend_window w = 0; w < SPEND_WINDOWS; w++) {
        struct counter *to = &a->windows[w];
        if (to->start != b->starts[w])
            *to = (struct counter){.start = b->starts[w]};
        for (int d = 0; d < BUDGET_DIMENSIONS; d++)
            to->reserved[d] += c->by[d];
    }
}

static bool crowded(struct budget_verdict *v) {
    *v = (struct budget_verdict){.refusal = BUDGET_CROWDED};
    return false;
}

/* Under the lock. `tracked`: whether the request has an account of that scope. */
static bool reserve(struct budget *b, const struct budget_limits *limits,
                    const struct str subjects[SPEND_SCOPES], const struct charge *worst,
                    struct budget_hold *hold, struct budget_verdict *v) {
    uint32_t numbers[SPEND_SCOPES] = {0};
    bool tracked[SPEND_SCOPES];
    for (enum spend_scope s = 0; s < SPEND_SCOPES; s++) {
        struct limit_list list = {0};
        if (s == SPEND_GLOBAL || subjects[s].n > 0)
            list = budget_limits_of(limits, s, subjects[s]);
        tracked[s] = s == SPEND_GLOBAL || (subjects[s].n > 0 && (s != SPEND_USER || list.count > 0));
        if (!tracked[s])
            continue;
        numbers[s] = find(b, s, subjects[s]);
        check_limits(b, &list, numbers[s] ? b->accounts[numbers[s]] : NULL, subjects[s], worst, v);
    }
    if (!v->allowed)
        return false;
    for (enum spend_scope s = 0; s < SPEND_SCOPES; s++)
        if (tracked[s] && !numbers[s] && !(numbers[s] = make(b, limits, s, subjects[s], numbers[SPEND_USER])))
            return crowded(v);
    hold->slot = spend_slot_take(b->journal, b->wall, numbers);
    if (!hold->slot)
        return crowded(v);
    for (enum spend_scope s = 0; s < SPEND_SCOPES; s++) {
        hold->accounts[s] = numbers[s];
        if (!numbers[s])
            continue;
        reserve_in(b, b->accounts[numbers[s]], worst);
        b->accounts[numbers[s]]->seen = b->look;
    }
    hold->wall_ns = b->wall;
    hold->live = true;
    return true;
}

bool budget_reserve(struct budget *b, const struct budget_limits *limits, const struct budget_subjects *who,
                    const struct budget_amount *worst, int64_t wall_ns, struct budget_hold *hold,
                    struct budget_verdict *verdict) {
    char rooms[SPEND_SCOPES][SPEND_SUBJECT_MAX];
    const struct str subjects[SPEND_SCOPES] = {[SPEND_GLOBAL] = STR(""),
                                               [SPEND_TEAM] = budget_fitting(who->team, rooms[SPEND_TEAM]),
                                               [SPEND_USER] = budget_fitting(who->user, rooms[SPEND_USER]),
                                               [SPEND_KEY] = budget_fitting(who->key, rooms[SPEND_KEY])};
    struct charge charge = charge_of(worst);
    *hold = (struct budget_hold){.reserved = {charge.by[0], charge.by[1], charge.by[2]}};
    *verdict = (struct budget_verdict){.allowed = true};
    pthread_mutex_lock(&b->lock);
    set_time(b, wall_ns);
    bool ok = reserve(b, limits, subjects, &charge, hold, verdict);
    pthread_mutex_unlock(&b->lock);
    return ok;
}

/* ---- settling ---- */

static void settle_in(const struct budget *b, struct account *a, const struct budget_hold *hold,
                      const struct charge *reserved, const struct charge *actual) {
    for (enum spend_window w = 0; w < SPEND_WINDOWS; w++) {
        struct counter *to = &a->windows[w];
        /* It belongs to the window in which it was admitted; when that is over, so is what it held there. */
        if (to->start != start_of(b, w, hold->wall_ns))
            continue;
        for (int d = 0; d < BUDGET_DIMENSIONS; d++) {
            to->reserved[d] -= reserved->by[d];
            to->settled[d] = to->settled[d] < SETTLED_MAX ? to->settled[d] + actual->by[d] : SETTLED_MAX;
        }
        to->unpriced += actual->unpriced;
    }
}

static void end_hold(struct budget *b, struct budget_hold *hold, const struct charge *actual) {
    CHECK(hold->live);
    hold->live = false;
    struct charge reserved = charge_of(&hold->reserved);
    pthread_mutex_lock(&b->lock);
    for (enum spend_scope s = 0; s < SPEND_SCOPES; s++)
        if (hold->accounts[s])
            settle_in(b, b->accounts[hold->accounts[s]], hold, &reserved, actual);
    pthread_mutex_unlock(&b->lock);
}

static struct spend_amount amount_of(const struct charge *c) {
    return (struct spend_amount){.requests = c->by[BUDGET_REQUESTS],
                                 .tokens = c->by[BUDGET_TOKENS],
                                 .nanodollars = c->by[BUDGET_MONEY],
                                 .unpriced = c->unpriced ? c->by[BUDGET_REQUESTS] : 0};
}

void budget_progress(struct budget *b, struct budget_hold *hold, const struct budget_amount *so_far) {
    CHECK(hold->live);
    struct charge charge = charge_of(so_far);
    struct spend_amount amount = amount_of(&charge);
    spend_slot_progress(b->journal, hold->slot, &amount);
}

uint32_t budget_settle(struct budget *b, struct budget_hold *hold, const struct budget_amount *actual) {
    struct charge charge = charge_of(actual);
    struct spend_amount amount = amount_of(&charge);
    end_hold(b, hold, &charge);
    spend_slot_settle(b->journal, hold->slot, &amount);
    return hold->slot;
}

void budget_release(struct budget *b, struct budget_hold *hold) {
    if (!hold->live)
        return;
    end_hold(b, hold, &(struct charge){0});
    spend_slot_free(b->journal, hold->slot);
}

/* ---- looking ---- */

static void visit_account(const struct budget *b, const struct account *a,
                          void (*visit)(const struct budget_use *use, void *ctx), void *ctx) {
    for (enum spend_window w = 0; w < SPEND_WINDOWS; w++) {
        struct counter c = present(b, a, w);
        visit(&(struct budget_use){.scope = a->scope,
                                   .subject = a->subject,
                                   .window = w,
                                   .start = c.start,
                                   .settled = {.requests = c.settled[BUDGET_REQUESTS],
                                               .tokens = c.settled[BUDGET_TOKENS],
                                               .nanodollars = c.settled[BUDGET_MONEY],
                                               .unpriced = c.unpriced},
                                   .reserved = {.requests = c.reserved[BUDGET_REQUESTS],
                                                .tokens = c.reserved[BUDGET_TOKENS],
                                                .nanodollars = c.reserved[BUDGET_MONEY]}},
              ctx);
    }
}

void budget_visit(struct budget *b, int64_t wall_ns, void (*visit)(const struct budget_use *use, void *ctx),
                  void *ctx) {
    pthread_mutex_lock(&b->lock);
    set_time(b, wall_ns);
    for (uint32_t i = 1; i <= b->used; i++)
        if (!b->accounts[i]->vacant)
            visit_account(b, b->accounts[i], visit, ctx);
    pthread_mutex_unlock(&b->lock);
}
