#include "pipeline/audit_pace.h"

#define HOUR_NS (INT64_C(3600) * 1000000000)

static void begin_hour(struct audit_pace *p, unsigned most, int64_t now_ns) {
    p->thin = p->drawn > most ? (double)most / p->drawn : 1;
    p->hour = now_ns;
    p->drawn = p->taken = 0;
}

double audit_pace_draw(struct audit_pace *p, double share, unsigned most, double chance, int64_t now_ns) {
    if (chance >= share || most == 0)
        return 0;
    if (p->hour == 0 || now_ns - p->hour >= HOUR_NS || now_ns < p->hour)
        begin_hour(p, most, now_ns);
    p->drawn++;
    double probability = share * p->thin;
    if (chance >= probability)
        return 0;
    /* More than meant: each further one is half as likely, so the hour never quite closes. */
    if (++p->taken % most == 0)
        p->thin /= 2;
    return probability;
}
