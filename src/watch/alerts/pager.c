#include "watch/alerts/pager.h"

#include "base/clock.h"
#include "base/log.h"
#include "watch/alerts/delivery.h"
#include "watch/alerts/delivery_send.h"
#include "watch/alerts/notice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_ROOM = 1 << 18, TRIES_MAX = 10 };

/* A receiver's newest page. */
struct page_lane {
    struct pager *pager;
    char receiver[64];
    struct page page;
    char message[ID_SIZE]; /* the same at each try */
    const struct config *config;
    const struct config *on_its_way; /* that the try under way goes by; NULL: none is */
    bool waits, newer;               /* newer: another page came while one is on its way */
    unsigned tries;
    int64_t next_ns;
};

struct pager {
    struct outgoing *outgoing;
    struct page_lane lanes[CONFIG_RECEIVERS_MAX];
    unsigned count;
};

struct pager *pager_new(struct outgoing *o) {
    struct pager *p = calloc(1, sizeof *p);
    if (p)
        p->outgoing = o;
    return p;
}

void pager_free(struct pager *p) {
    for (unsigned i = 0; p && i < p->count; i++) {
        config_unref(p->lanes[i].config);
        config_unref(p->lanes[i].on_its_way);
    }
    free(p);
}

/* ---- what is told ---- */

static void make_up(const struct page *page, struct incident_record *i, struct alert_record *a) {
    bool over = page->what == NOTICE_RESOLVED;
    *i = (struct incident_record){.class = ALERT_P1,
                                  .progress.state = over ? INCIDENT_RESOLVED : INCIDENT_OPEN,
                                  .opened = page->began,
                                  .resolved = page->ended};
    *a = (struct alert_record){
        .class = ALERT_P1,
        .progress = {.state = over ? ALERT_RESOLVED : ALERT_FIRING,
                     .sight = over ? SIGHT_GOOD : SIGHT_BREACHED},
        .began = page->began,
        .fired = page->began,
        .ended = page->ended,
        .value = NAN,
        .worst = NAN,
        .expected = NAN,
        .limit = NAN,
    };
    memcpy(i->id, page->id, sizeof i->id);
    memcpy(a->id, page->id, sizeof a->id);
    memcpy(a->incident, page->id, sizeof a->incident);
    memcpy(a->monitor, page->monitor, sizeof a->monitor);
    str_put(str_from(page->why), a->detail, sizeof a->detail);
    str_put(str_from(page->why), i->summary, sizeof i->summary);
    if (over)
        str_put(STR("penstock"), i->resolved_by, sizeof i->resolved_by);
}

/* ---- one receiver ---- */

static void say(const struct page_lane *l, bool good, const char *problem) {
    bool lost = !good && !l->waits;
    log_event(good   ? LOG_INFO
              : lost ? LOG_ERROR
                     : LOG_WARN,
              good   ? "alert.paged"
              : lost ? "alert.lost"
                     : "alert.undelivered",
              "Receiver \"%s\" %s: %s (%s)%s%s%s", l->receiver, good ? "was told" : "was not told",
              l->page.monitor, notice_name(l->page.what), good ? "" : ": ", problem,
              good   ? ""
              : lost ? ". It is given up."
                     : ". It is tried again.");
}

static void failed(struct page_lane *l, const char *problem) {
    l->tries++;
    l->waits = l->tries < TRIES_MAX;
    l->next_ns = clock_monotonic() + delivery_pause(l->tries, 1);
    say(l, false, problem);
}

static void answered(void *ctx, const struct outgoing_answer *a) {
    struct page_lane *l = ctx;
    config_unref(l->on_its_way);
    l->on_its_way = NULL;
    if (a->dropped || l->newer) {
        l->newer = false;
        return;
    }
    if (!a->good) {
        failed(l, a->problem);
        return;
    }
    l->waits = false;
    say(l, true, "");
}

static const struct config_receiver *receiver_named(const struct config *c, const char *name) {
    for (size_t i = 0; i < c->alerts.receiver_count; i++)
        if (strcmp(c->alerts.receivers[i].name, name) == 0)
            return &c->alerts.receivers[i];
    return NULL;
}

static void send_one(struct page_lane *l) {
    AUTO_BUF subject = BUF_INIT(PAGE_ROOM);
    AUTO_BUF body = BUF_INIT(PAGE_ROOM);
    struct incident_record incident;
    struct alert_record alert;
    struct error err;
    const struct config_receiver *r = receiver_named(l->config, l->receiver);
    make_up(&l->page, &incident, &alert);
    struct notice_facts f = {.what = l->page.what,
                             .receiver = r->name,
                             .incident = &incident,
                             .alerts = &alert,
                             .count = 1,
                             .config = &l->config->alerts};
    notice_write(r->kind, &f, &subject, &body);
    struct delivery_message m = {l->message, l->page.id, buf_str(&subject), buf_str(&body)};
    if (subject.failed || body.failed) {
        failed(l, "out of memory");
        return;
    }
    if (!delivery_send(l->pager->outgoing, r, &m, answered, l, &err)) {
        failed(l, err.message);
        return;
    }
    l->on_its_way = config_ref(l->config);
}

/* ---- all of them ---- */

/* Of a receiver that is configured no more. */
static struct page_lane *idle_lane(struct pager *p) {
    for (unsigned i = 0; i < p->count; i++)
        if (!p->lanes[i].waits && !p->lanes[i].on_its_way)
            return &p->lanes[i];
    return NULL;
}

static struct page_lane *lane_of(struct pager *p, const char *receiver) {
    for (unsigned i = 0; i < p->count; i++)
        if (strcmp(p->lanes[i].receiver, receiver) == 0)
            return &p->lanes[i];
    struct page_lane *l = p->count < CONFIG_RECEIVERS_MAX ? &p->lanes[p->count++] : idle_lane(p);
    if (!l)
        return NULL;
    l->pager = p;
    str_put(str_from(receiver), l->receiver, sizeof l->receiver);
    return l;
}

void pager_tell(struct pager *p, const struct config *config, const struct page *page) {
    for (size_t i = 0; i < config->alerts.receiver_count; i++) {
        const struct config_receiver *r = &config->alerts.receivers[i];
        bool wanted = r->after == 0 && !r->endpoints && (r->resolved || page->what != NOTICE_RESOLVED);
        struct page_lane *l = wanted ? lane_of(p, r->name) : NULL;
        if (!l)
            continue;
        config_unref(l->config);
        l->config = config_ref(config);
        l->page = *page;
        id_make(clock_wall(), l->message);
        l->waits = true;
        l->newer = l->on_its_way != NULL;
        l->tries = 0;
        l->next_ns = 0;
    }
}

void pager_run(struct pager *p, int64_t now) {
    for (unsigned i = 0; i < p->count; i++) {
        struct page_lane *l = &p->lanes[i];
        if (l->waits && !l->on_its_way && l->next_ns <= now)
            send_one(l);
    }
}
