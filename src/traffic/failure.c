#include "traffic/failure.h"

#include "base/clock.h"

#include <stdlib.h>
#include <time.h>

static const struct {
    const char *name;
    bool same, other, health;
} failures[FAILURE_COUNT] = {[FAILURE_NONE] = {"none", false, false, false},
#define X(category, name, same, other, health) [category] = {name, same, other, health},
                             FAILURE_TABLE(X)
#undef X
};

const char *failure_name(enum failure f) {
    return failures[f].name;
}

bool failure_same_may_answer(enum failure f) {
    return failures[f].same;
}

bool failure_other_may_answer(enum failure f) {
    return failures[f].other;
}

bool failure_counts_against_health(enum failure f) {
    return failures[f].health;
}

enum failure failure_of_trouble(enum upstream_trouble trouble) {
    switch (trouble) {
    case TROUBLE_NONE: return FAILURE_NONE;
    case TROUBLE_INVALID: return FAILURE_INVALID;
    case TROUBLE_CONTEXT_LENGTH: return FAILURE_CONTEXT;
    case TROUBLE_AUTHENTICATION: return FAILURE_AUTHENTICATION;
    case TROUBLE_NOT_FOUND: return FAILURE_NOT_FOUND;
    case TROUBLE_RATE_LIMIT: return FAILURE_RATE_LIMIT;
    case TROUBLE_QUOTA: return FAILURE_QUOTA;
    case TROUBLE_OVERLOADED: return FAILURE_OVERLOADED;
    case TROUBLE_SERVER: break;
    }
    return FAILURE_SERVER;
}

#define DAY_NS (INT64_C(86400) * NS_PER_SECOND)

static int64_t bounded(double ns) {
    return ns > 0 && ns < (double)DAY_NS ? (int64_t)ns : ns > 0 ? DAY_NS : 0;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT"; the two older forms of RFC 9110 are not sent by anybody. */
static int64_t until_date(struct str text, int64_t wall_ns) {
    char copy[64];
    struct tm parts = {0};
    if (text.n >= sizeof copy)
        return 0;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    const char *end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    if (!end || *end)
        return 0;
    return bounded((double)timegm(&parts) * (double)NS_PER_SECOND - (double)wall_ns);
}

int64_t failure_retry_after(struct str retry_after, struct str retry_after_ms, int64_t wall_ns) {
    double number;
    if (str_to_double(str_trim(retry_after_ms), &number) && number > 0)
        return bounded(number * (double)NS_PER_MS);
    retry_after = str_trim(retry_after);
    if (str_to_double(retry_after, &number))
        return bounded(number * (double)NS_PER_SECOND);
    return retry_after.n > 0 ? until_date(retry_after, wall_ns) : 0;
}
