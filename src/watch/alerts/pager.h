/* Messages that must go out without the store: that it cannot be written, and that it can be again. They are
 * kept in memory, a receiver's newest one only, and tried until it is taken or ten tries are over. Whoever is
 * told at once and of every endpoint is told these. One thread, that of the struct outgoing. */
#pragma once

#include "watch/alerts/alert_records.h"
#include "watch/alerts/incident.h"
#include "net/outgoing.h"

/* One outage; its messages have the same `id`, by which receivers put them together. */
struct page {
    char id[ID_SIZE];
    enum notice what;
    char monitor[ALERT_MONITOR_SIZE]; /* "recording", "alerting" */
    char why[ALERT_TEXT_SIZE];
    int64_t began, ended; /* wall ns; ended: of NOTICE_RESOLVED */
};

struct pager;
struct pager *pager_new(struct outgoing *o) MUST_USE; /* NULL when memory is out */
/* After outgoing_free: what is on its way leads here. NULL is fine. */
void pager_free(struct pager *p);

void pager_tell(struct pager *p, const struct config *config, const struct page *page);
/* Sends what is due. `now`: monotonic ns. */
void pager_run(struct pager *p, int64_t now);
