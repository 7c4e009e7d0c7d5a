/* What the monitors keep of one endpoint. Private to monitors.c and the rules that make its readings; the
 * main thread's, but for `live`, which is the recorder's between closings (under the monitors' lock). */
#pragma once

#include "watch/monitors/first_reference.h"
#include "watch/monitors/monitors.h"
#include "watch/monitors/readings.h"

#define SECONDS_NS(n) ((n)*INT64_C(1000000000))
#define MINUTE_NS     SECONDS_NS(60)
#define HOUR_NS       SECONDS_NS(3600)
#define DAY_NS        SECONDS_NS(86400)

enum { MINUTES_KEPT = 130, HOURS_KEPT = 24 * 9 };

/* Packed windows, the oldest of which give way. */
struct window_ring {
    struct kept_window {
        int64_t from, to;
        char *bytes;
        uint32_t n;
        bool rolled; /* of a minute: it is part of an hour too */
    } * list;
    unsigned room, first, count;
};

bool window_ring_add(struct window_ring *r, unsigned room, const struct kept_window *w); /* takes the bytes */
static inline struct kept_window *window_ring_at(const struct window_ring *r, unsigned i) {
    return &r->list[(r->first + i) % r->room];
}
void window_ring_free(struct window_ring *r);

/* What it did in the week before, as far as readings compare with it; made once an hour. */
struct monitored_past {
    int64_t made; /* wall ns; 0: not yet */
    uint64_t requests, errors[ERR_COUNT], all_errors;
    /* Of each version the confidences of the day a week ago. */
    unsigned versions;
    struct {
        char name[WINDOW_NAME_SIZE];
        uint64_t answers;
        double confidence, variance;
        uint64_t week_answers; /* of the week before the last hour */
        double week_confidence;
    } confidences[WINDOW_VERSIONS_MAX];
    double cost_per_prediction; /* NAN: none */
};

struct monitored {
    char name[WINDOW_NAME_SIZE];
    bool configured;
    struct config_monitors limits;
    struct window live;
    struct window_ring minutes, hours;
    struct monitored_past past;
    struct first_reference *first; /* being gathered; the recorder's, like `live`. NULL: nothing is */
    struct known_reference {
        char version[WINDOW_NAME_SIZE];
        struct reference_profile *profile;
    } * known; /* made of first requests */
    unsigned known_count;
    struct readings readings;
    struct window_version compared; /* with its profile, at the last closing; counts NULL: nothing */
};

/* Another version's counts from now on. */
void monitored_compare(struct monitored *e, const struct window_version *v);

/* References made of first requests (first_references.c). */
struct reference_profile *monitored_known(const struct monitored *e, const char *version); /* NULL: none */
/* Of the text of a manifest. */
bool monitored_know(struct monitored *e, const char *version, struct str manifest,
                    struct error *err) MUST_USE;
/* That version alone serves from now on, "" none: begins to gather, or stops. */
void monitored_alone(struct monitored *e, const char *version, int64_t now);
/* What was gathered is e->first's version's profile from now on; `row` receives it for the store. False: it
 * cannot be, and nothing is gathered. */
bool monitored_fix(struct monitored *e, struct monitor_row *row);
void monitored_forget_references(struct monitored *e);

/* Adds the windows that lie within [from, to] to `into`, hours where they do. */
void monitored_sum(const struct monitored *e, int64_t from, int64_t to, struct window *into);

/* Fills e->readings. `scratch` watches what e->live does. */
void monitored_read(struct monitored *e, int64_t now, const struct monitor_facts *facts,
                    struct window *scratch);
/* Of the whole server. */
void monitored_read_server(struct readings *out, int64_t now, const struct monitor_facts *facts);
