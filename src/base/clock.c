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
