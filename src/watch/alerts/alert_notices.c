#include "watch/alerts/alert_notices.h"

#include "base/clock.h"
#include "watch/alerts/alert_rules.h"
#include "watch/alerts/notice.h"
#include "watch/alerts/outbox.h"
#include "watch/alerts/silences.h"

#include <stdlib.h>
#include <string.h>

enum { TOLD_MAX = 100, SUBJECT_ROOM = 4096, BODY_ROOM = 1 << 20 };

static bool concerns(const struct config_receiver *r, const struct incident_record *i) {
    return i->class <= r->least && names_have(r->endpoints, i->endpoint);
}

int64_t alert_notices_next_delay(const struct config_alerts *c, const struct incident_record *i) {
    int64_t next = INT64_MAX;
    for (size_t k = 0; k < c->receiver_count; k++) {
        const struct config_receiver *r = &c->receivers[k];
        if (concerns(r, i) && r->after > i->progress.escalated_ns && r->after < next)
            next = r->after;
    }
    return next;
}

/* Who was told something is told the end, whoever it would concern now. */
static bool wants(struct store *s, const struct config_receiver *r, const struct incident_record *i,
                  enum notice what, int64_t before, bool *wanted, struct error *err) {
    *wanted = false;
    if (what == NOTICE_RESOLVED && (r->resolved || r->kind == RECEIVER_PAGERDUTY))
        return outbox_told(s, i->id, r->name, wanted, err);
    if (what == NOTICE_ESCALATED)
        *wanted = concerns(r, i) && r->after > before && r->after <= i->progress.escalated_ns;
    else if (what != NOTICE_RESOLVED)
        *wanted = concerns(r, i) && r->after <= i->progress.escalated_ns;
    return true;
}

struct told {
    struct alert_record *list;
    size_t count;
};

static void collect(const struct alert_record *a, void *ctx) {
    struct told *t = ctx;
    if (t->count < TOLD_MAX)
        t->list[t->count++] = *a;
}

static int worst_first(const void *a, const void *b) {
    const struct alert_record *x = a, *y = b;
    bool x_fires = x->progress.state == ALERT_FIRING, y_fires = y->progress.state == ALERT_FIRING;
    if (x_fires != y_fires)
        return x_fires ? -1 : 1;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    return strcmp(x->id, y->id);
}

static bool add_one(struct store *s, const struct config_receiver *r, struct notice_facts *f,
                    struct error *err) {
    AUTO_BUF subject = BUF_INIT(SUBJECT_ROOM);
    AUTO_BUF body = BUF_INIT(BODY_ROOM);
    f->receiver = r->name;
    notice_write(r->kind, f, &subject, &body);
    if (subject.failed || body.failed)
        return fail(err, ERR_NO_MEMORY, "Out of memory while writing an alert's message.");
    struct outbox_message m = {.receiver = str_from(r->name),
                               .shape = str_from(receiver_kind_name(r->kind)),
                               .incident = str_from(f->incident->id),
                               .what = str_from(notice_name(f->what)),
                               .subject = buf_str(&subject),
                               .body = buf_str(&body)};
    return outbox_add(s, &m, err);
}

static bool add_all(struct store *s, struct notice_facts *f, int64_t before, unsigned *count,
                    struct buf *names, struct error *err) {
    for (size_t k = 0; k < f->config->receiver_count; k++) {
        const struct config_receiver *r = &f->config->receivers[k];
        bool wanted;
        if (!wants(s, r, f->incident, f->what, before, &wanted, err))
            return false;
        if (!wanted)
            continue;
        if (!add_one(s, r, f, err))
            return false;
        buf_printf(names, "%s%s", names->n ? ", " : "to ", r->name);
        ++*count;
    }
    return true;
}

bool alert_notices_add(struct store *s, const struct config_alerts *c, const struct incident_record *i,
                       enum notice what, int64_t before, unsigned *count, struct error *err) {
    char kind[40];
    struct told t = {.list = calloc(TOLD_MAX, sizeof *t.list)};
    AUTO_BUF names = BUF_INIT(CONFIG_RECEIVERS_MAX * 256);
    if (!t.list)
        return fail(err, ERR_NO_MEMORY, "Out of memory while writing an alert's message.");
    struct alert_filter filter = {.incident = str_from(i->id), .limit = TOLD_MAX};
    bool good = alerts_list(s, &filter, collect, &t, err);
    qsort(t.list, t.count, sizeof *t.list, worst_first);
    struct notice_facts f = {.what = what, .incident = i, .alerts = t.list, .count = t.count, .config = c};
    good = good && add_all(s, &f, before, count, &names, err);
    snprintf(kind, sizeof kind, "notice.%s", notice_name(what));
    const char *text = names.n ? buf_terminated(&names) : "there is no receiver for it";
    struct incident_event e = {clock_wall(), kind, "penstock", text ? text : ""};
    good = good && incident_event_add(s, i->id, &e, err);
    free(t.list);
    return good;
}
