/* Alerts as the store keeps them: a row from the moment something is breached, through firing, to its end. An
 * endpoint, monitor and part have at most one that is not over. Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "base/ids.h"
#include "base/json.h"
#include "config/config.h"
#include "store/store.h"
#include "watch/alerts/alert.h"

enum { ALERT_NAME_SIZE = 201, ALERT_MONITOR_SIZE = 65, ALERT_TEXT_SIZE = 401 };

struct alert_record {
    char id[ID_SIZE];
    char endpoint[ALERT_NAME_SIZE], monitor[ALERT_MONITOR_SIZE], part[ALERT_NAME_SIZE];
    enum alert_class class;
    struct alert_progress progress;
    int64_t began, fired, ended; /* wall ns; 0: not yet */
    /* the last reading, but for `worst`: the value furthest beyond the limit. NAN: none */
    double value, worst, expected, limit;
    char unit[25];
    uint64_t samples;
    int64_t from, to;
    char detail[ALERT_TEXT_SIZE];
    char muted[121];        /* what keeps it quiet: a silence, a maintenance window, an option; "": nothing */
    char incident[ID_SIZE]; /* "": none yet */
};

/* A new one for what is read, not yet in the store. */
void alert_record_begin(struct alert_record *a, const struct reading *r, int64_t wall_ns);
/* Takes over what was read. */
void alert_record_read(struct alert_record *a, const struct reading *r);

bool alerts_put(struct store *s, const struct alert_record *a, struct error *err) MUST_USE;
bool alerts_delete(struct store *s, const char *id, struct error *err) MUST_USE;

struct alert_filter {
    struct str endpoint; /* empty: all */
    struct str incident; /* empty: all */
    struct str id;       /* empty: all */
    bool active;         /* pending and firing only */
    unsigned limit;      /* 0: no limit */
};
/* Firing ones first, then the newest. */
bool alerts_list(struct store *s, const struct alert_filter *filter,
                 void (*visit)(const struct alert_record *a, void *ctx), void *ctx,
                 struct error *err) MUST_USE;

/* Ended ones older than that; at most `most`. */
bool alerts_prune(struct store *s, int64_t before, unsigned most, struct error *err) MUST_USE;

/* As the API and the command line show it. */
void alert_record_json(const struct alert_record *a, struct json_writer *w);
/* NULL where there is no value; else JSON's number. */
void alert_number_json(struct json_writer *w, const char *key, double value);
void alert_time_json(struct json_writer *w, const char *key, int64_t wall_ns); /* 0: null */
