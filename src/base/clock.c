#include "base/clock.h"

#include <stddef.h>
#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * NS_PER_SECOND + t.tv_nsec;
}

static int64_t real_monotonic(void) {
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t real_wall(void) {
    return read_clock(CLOCK_REALTIME);
}

static const struct clock_source real = {real_monotonic, real_wall};
static const struct clock_source *source = &real;

static _Thread_local int64_t recent;

int64_t clock_monotonic(void) {
    return recent = source->monotonic();
}

int64_t clock_recent(void) {
    return recent ? recent : clock_monotonic();
}

int64_t clock_wall(void) {
    return source->wall();
}

void clock_replace(const struct clock_source *replacement) {
    source = replacement ? replacement : &real;
}

void clock_format(int64_t wall_ns, char text[CLOCK_TEXT_SIZE]) {
    int64_t seconds = wall_ns / NS_PER_SECOND;
    int64_t rest = wall_ns % NS_PER_SECOND;
    if (rest < 0) {
        rest += NS_PER_SECOND;
        seconds--;
    }
    time_t t = (time_t)seconds;
    struct tm parts;
    if (!gmtime_r(&t, &parts)) {
        snprintf(text, CLOCK_TEXT_SIZE, "invalid");
        return;
    }
    size_t n = strftime(text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + n, CLOCK_TEXT_SIZE - n, ".%03dZ", (int)(rest / NS_PER_MS) % 1000);
}

/* `n` digits at the front of *text. */
static bool take_digits(struct str *text, size_t n, unsigned *out) {
    uint64_t value;
    if (text->n < n || !str_to_u64(str_slice(*text, 0, n), &value))
        return false;
    *text = str_slice(*text, n, text->n);
    *out = (unsigned)value;
    return true;
}

static bool take_char(struct str *text, char c) {
    bool there = text->n > 0 && text->p[0] == c;
    if (there)
        *text = str_slice(*text, 1, text->n);
    return there;
}

static bool take_fraction(struct str *text, int64_t *ns) {
    int64_t unit = NS_PER_SECOND / 10;
    bool any = false;
    for (*ns = 0; text->n > 0 && text->p[0] >= '0' && text->p[0] <= '9'; unit /= 10, any = true) {
        *ns += unit * (text->p[0] - '0');
        *text = str_slice(*text, 1, text->n);
    }
    return any;
}

static bool take_day(struct str *text, struct tm *parts) {
    unsigned year, month, day;
    if (!take_digits(text, 4, &year) || !take_char(text, '-') || !take_digits(text, 2, &month) ||
        !take_char(text, '-') || !take_digits(text, 2, &day))
        return false;
    parts->tm_year = (int)year - 1900;
    parts->tm_mon = (int)month - 1;
    parts->tm_mday = (int)day;
    return year >= 1970 && year <= 2200 && month >= 1 && month <= 12 && day >= 1;
}

static bool take_time(struct str *text, struct tm *parts, int64_t *ns) {
    unsigned hour, minute, second;
    if (!take_char(text, 'T') || !take_digits(text, 2, &hour) || !take_char(text, ':') ||
        !take_digits(text, 2, &minute) || !take_char(text, ':') || !take_digits(text, 2, &second) ||
        (take_char(text, '.') && !take_fraction(text, ns)) || !take_char(text, 'Z'))
        return false;
    parts->tm_hour = (int)hour;
    parts->tm_min = (int)minute;
    parts->tm_sec = (int)second;
    return hour <= 23 && minute <= 59 && second <= 59;
}

bool clock_parse(struct str text, int64_t *wall_ns) {
    struct tm parts = {0};
    int64_t ns = 0;
    if (!take_day(&text, &parts) || (text.n > 0 && !take_time(&text, &parts, &ns)) || text.n > 0)
        return false;
    int day = parts.tm_mday;
    int64_t seconds = (int64_t)timegm(&parts);
    if (parts.tm_mday != day) /* 30 February */
        return false;
    *wall_ns = seconds * NS_PER_SECOND + ns;
    return true;
}
