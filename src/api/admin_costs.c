/* GET /v1/admin/costs: what requests cost by endpoint, model, client or user, and what is left of the budgets
 */
#include "api/jobs.h"
#include "base/clock.h"
#include "pipeline/budgets.h"
#include "watch/cost_days.h"

#include <stdlib.h>

enum { ROWS_STANDARD = 1000, ROWS_MAX = 10000, USES_MAX = 1000 };
enum { IN_BY, IN_SPAN, IN_COUNT };
static const int64_t DAY_NS = 86400 * NS_PER_SECOND;

struct costs {
    struct json_writer w;
    unsigned left;
    bool more;
};

static void write_time(struct json_writer *w, const char *key, int64_t wall_ns) {
    char time[CLOCK_TEXT_SIZE];
    clock_format(wall_ns, time);
    json_field_text(w, key, time);
}

static void write_usd(struct json_writer *w, const char *key, double nanodollars, bool known) {
    json_key(w, key);
    if (known)
        json_fixed(w, nanodollars / 1e9, 9);
    else
        json_null(w);
}

/* No price is no cost of nothing: null. */
static void write_row(const struct cost_row *row, void *ctx) {
    struct costs *c = ctx;
    if (c->left == 0) {
        c->more = true;
        return;
    }
    c->left--;
    uint64_t priced = row->requests - row->unpriced;
    json_object(&c->w);
    json_field_str(&c->w, "name", row->name);
    write_time(&c->w, "start", row->start);
    json_field_int(&c->w, "requests", (int64_t)row->requests);
    json_field_int(&c->w, "unpriced", (int64_t)row->unpriced);
    write_usd(&c->w, "cost_usd", (double)row->nanodollars, priced > 0);
    write_usd(&c->w, "per_request_usd", priced ? (double)row->nanodollars / (double)priced : 0, priced > 0);
    json_object_end(&c->w);
}

static void write_spend(const struct spend_row *row, void *ctx) {
    if (row->scope == SPEND_USER)
        write_row(&(struct cost_row){.name = row->subject,
                                     .start = row->start,
                                     .requests = (uint64_t)row->amount.requests,
                                     .unpriced = (uint64_t)row->amount.unpriced,
                                     .nanodollars = row->amount.nanodollars},
                  ctx);
}

/* ---- budgets ---- */

struct use {
    enum spend_scope scope;
    enum spend_window window;
    char subject[SPEND_SUBJECT_MAX + 1];
    struct spend_amount settled;
    struct budget_amount reserved;
    int64_t start;
};

struct uses {
    const struct config *config;
    struct use *list;
    size_t count;
};

static bool is_of(const struct config_budget *b, enum spend_scope scope, struct str subject,
                  enum spend_window window) {
    return budget_scope_of(b) == scope && budget_window_of(b) == window &&
           (!b->name || str_eq(subject, str_from(b->name)));
}

/* Under the budgets' lock: those that some budget limits are copied. */
static void take_use(const struct budget_use *use, void *ctx) {
    struct uses *u = ctx;
    for (size_t i = 0; u->count < USES_MAX && i < u->config->budget_count; i++)
        if (is_of(&u->config->budgets[i], use->scope, use->subject, use->window)) {
            struct use *to = &u->list[u->count++];
            *to = (struct use){use->scope, use->window, "", use->settled, use->reserved, use->start};
            str_put(use->subject, to->subject, sizeof to->subject);
            return;
        }
}

struct amount {
    const char *unit;
    bool has;
    int64_t limit, settled, reserved;
};

static void write_amount(const struct config_budget *b, const struct use *use, const struct amount *a,
                         struct json_writer *w) {
    double scale = a->unit[0] == 'u' ? 1e9 : 1;
    json_object(w);
    json_field_text(w, "scope", spend_scope_name(use->scope));
    json_field_text(w, "name", use->subject);
    json_field_text(w, "per", spend_window_name(use->window));
    json_field_bool(w, "each", !b->name && use->scope != SPEND_GLOBAL);
    json_field_text(w, "unit", a->unit);
    json_key(w, "limit");
    json_double(w, (double)a->limit / scale);
    json_key(w, "used");
    json_double(w, (double)a->settled / scale);
    json_key(w, "reserved");
    json_double(w, (double)a->reserved / scale);
    write_time(w, "since", use->start);
    json_object_end(w);
}

static void write_budget(const struct config_budget *b, const struct use *use, struct json_writer *w) {
    const struct amount amounts[] = {
        {"usd", b->has_usd, b->usd, use->settled.nanodollars, use->reserved.nanodollars},
        {"tokens", b->has_tokens, b->tokens, use->settled.tokens, use->reserved.tokens},
        {"requests", b->has_requests, b->requests, use->settled.requests, use->reserved.requests}};
    for (size_t i = 0; i < ARRAY_COUNT(amounts); i++)
        if (amounts[i].has)
            write_amount(b, use, &amounts[i], w);
}

static bool write_budgets(const struct api_job *job, struct json_writer *w, struct error *err) {
    struct uses u = {.config = job->snapshot->config};
    u.list = calloc(USES_MAX, sizeof *u.list);
    if (!u.list)
        return fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
    if (job->parts->budget && u.config->budget_count)
        budget_visit(job->parts->budget, clock_wall(), take_use, &u);
    json_key(w, "budgets");
    json_array(w);
    for (size_t i = 0; i < u.config->budget_count; i++)
        for (size_t k = 0; k < u.count; k++) {
            const struct use *use = &u.list[k];
            const struct config_budget *b = &u.config->budgets[i];
            if (is_of(b, use->scope, str_from(use->subject), use->window))
                write_budget(b, use, w);
        }
    json_array_end(w);
    free(u.list);
    return true;
}

/* ---- the call ---- */

static bool read_by(struct str text, int *kind, struct error *err) {
    static const char *const names[] = {"all", "endpoint", "model", "client", "user"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (str_eq(text, str_from(names[i]))) {
            *kind = (int)i;
            return true;
        }
    return fail_at(err, ERR_INVALID_FIELD, "by", "\"by\" is all, endpoint, model, client or user.");
}

static bool read_range(const struct api_job *job, bool *monthly, int64_t *from, int64_t *to,
                       struct error *err) {
    struct str span = job->texts[IN_SPAN];
    int64_t now = clock_wall();
    *monthly = str_eq(span, STR("month"));
    if (span.n && !*monthly && !str_eq(span, STR("day")))
        return fail_at(err, ERR_INVALID_FIELD, "span", "\"span\" is day or month.");
    *to = job->to ? job->to : now + DAY_NS;
    *from = job->from ? job->from
                      : spend_window_start(*monthly ? SPEND_MONTH : SPEND_DAY,
                                           now - (*monthly ? 365 : 30) * DAY_NS);
    return true;
}

static bool write_rows(struct costs *c, struct store *store, int kind, bool monthly, int64_t from, int64_t to,
                       struct error *err) {
    json_key(&c->w, "data");
    json_array(&c->w);
    bool good = kind < COST_KINDS
                    ? cost_days_visit(store, (enum cost_kind)kind, monthly, from, to, write_row, c, err)
                    : spend_visit(store, monthly ? SPEND_MONTH : SPEND_DAY, from, to, write_spend, c, err);
    json_array_end(&c->w);
    json_field_bool(&c->w, "has_more", c->more);
    return good;
}

static bool work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct costs c = {.w = JSON_WRITER(out), .left = job->limit};
    int kind = COST_ENDPOINT;
    bool monthly;
    int64_t from, to;
    if ((job->texts[IN_BY].n && !read_by(job->texts[IN_BY], &kind, err)) ||
        !read_range(job, &monthly, &from, &to, err))
        return false;
    json_object(&c.w);
    if (!write_rows(&c, store, kind, monthly, from, to, err) || !write_budgets(job, &c.w, err))
        return false;
    json_object_end(&c.w);
    return true;
}

void admin_costs(struct call *c) {
    static const char *const names[IN_COUNT] = {"by", "span"};
    struct api_job job = {.work = work, .limit = ROWS_STANDARD};
    if (call_limit(c, ROWS_MAX, &job.limit) && call_query(c, names, job.texts, IN_COUNT) &&
        call_times(c, &job))
        call_submit(c, &job);
}
