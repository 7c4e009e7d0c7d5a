#include "config/values.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first: the texts are made with the first that divides. */
static const struct unit durations[] = {
    {"d", 86400 * NS_PER_SECOND}, {"h", 3600 * NS_PER_SECOND}, {"m", 60 * NS_PER_SECOND},
    {"s", NS_PER_SECOND},         {"ms", NS_PER_MS},           {"us", NS_PER_MS / 1000},
};
static const struct unit sizes[] = {
    {"GiB", INT64_C(1) << 30}, {"GB", 1000000000}, {"MiB", 1 << 20}, {"MB", 1000000},
    {"KiB", 1 << 10},          {"KB", 1000},       {"B", 1},
};
static const struct unit counts[] = {{"M", 1000000}, {"k", 1000}};

enum { NANO = 1000000000 };

/* Reads digits, optionally a point and up to nine more; *text moves behind them. */
static bool take_decimal(struct str *text, uint64_t *whole, uint64_t *nano) {
    size_t i = 0;
    while (i < text->n && text->p[i] >= '0' && text->p[i] <= '9')
        i++;
    if (!str_to_u64(str_slice(*text, 0, i), whole))
        return false;
    *nano = 0;
    if (i < text->n && text->p[i] == '.') {
        size_t from = ++i;
        uint64_t weight = NANO;
        while (i < text->n && text->p[i] >= '0' && text->p[i] <= '9' && weight > 1) {
            weight /= 10;
            *nano += (uint64_t)(text->p[i++] - '0') * weight;
        }
        if (i == from)
            return false;
    }
    *text = str_slice(*text, i, text->n);
    return true;
}

static bool scale(uint64_t whole, uint64_t nano, int64_t factor, int64_t *out) {
    __int128 value = (__int128)whole * factor + (__int128)nano * factor / NANO;
    if (value > INT64_MAX)
        return false;
    *out = (int64_t)value;
    return true;
}

static bool with_unit(struct str text, const struct unit *units, size_t count, int64_t bare, int64_t *out) {
    uint64_t whole, nano;
    if (!take_decimal(&text, &whole, &nano))
        return false;
    if (text.n == 0 && (whole | nano) == 0) {
        *out = 0;
        return true;
    }
    if (text.n == 0)
        return bare > 0 && nano == 0 && scale(whole, 0, bare, out);
    text = str_trim(text);
    for (size_t i = 0; i < count; i++)
        if (str_eq(text, str_from(units[i].name)))
            return scale(whole, nano, units[i].factor, out);
    return false;
}

bool value_bool(struct str text, bool *out) {
    bool yes = str_eq(text, STR("true"));
    if (!yes && !str_eq(text, STR("false")))
        return false;
    *out = yes;
    return true;
}

bool value_integer(struct str text, int64_t *out) {
    return with_unit(text, counts, ARRAY_COUNT(counts), 1, out);
}

bool value_duration(struct str text, int64_t *ns) {
    return with_unit(text, durations, ARRAY_COUNT(durations), 0, ns);
}

bool value_size(struct str text, int64_t *bytes) {
    return with_unit(text, sizes, ARRAY_COUNT(sizes), 1, bytes);
}

bool value_usd(struct str text, int64_t *nano_dollars) {
    uint64_t whole, nano;
    return take_decimal(&text, &whole, &nano) && text.n == 0 && scale(whole, nano, NANO, nano_dollars);
}

bool value_percent(struct str text, double *share) {
    bool sign = text.n > 0 && text.p[text.n - 1] == '%';
    double value;
    if (sign)
        text = str_trim(str_slice(text, 0, text.n - 1));
    if (!str_to_double(text, &value))
        return false;
    if (sign)
        value /= 100;
    if (!(value >= 0 && value <= 1))
        return false;
    *share = value;
    return true;
}

static void text_with_unit(int64_t value, const struct unit *units, size_t count, char *text) {
    for (size_t i = 0; i < count; i++)
        if (value != 0 && value % units[i].factor == 0) {
            snprintf(text, VALUE_TEXT_SIZE, "%" PRId64 "%s", value / units[i].factor, units[i].name);
            return;
        }
    snprintf(text, VALUE_TEXT_SIZE, "%" PRId64, value);
}

void value_integer_text(int64_t value, char text[VALUE_TEXT_SIZE]) {
    text_with_unit(value, counts, value >= 1000000 ? 1 : 0, text);
}

void value_duration_text(int64_t ns, char text[VALUE_TEXT_SIZE]) {
    text_with_unit(ns, durations, ARRAY_COUNT(durations), text);
}

void value_size_text(int64_t bytes, char text[VALUE_TEXT_SIZE]) {
    text_with_unit(bytes, sizes, ARRAY_COUNT(sizes), text);
}

void value_usd_text(int64_t nano_dollars, char text[VALUE_TEXT_SIZE]) {
    int n =
        snprintf(text, VALUE_TEXT_SIZE, "%" PRId64 ".%09" PRId64, nano_dollars / NANO, nano_dollars % NANO);
    while (n > 0 && text[n - 1] == '0')
        text[--n] = '\0';
    if (n > 0 && text[n - 1] == '.')
        text[n - 1] = '\0';
}

static bool numeric_host(struct value_address *a) {
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, a->host, &v4) == 1) {
        a->loopback = (ntohl(v4.s_addr) >> 24) == 127;
        return true;
    }
    if (inet_pton(AF_INET6, a->host, &v6) == 1) {
        a->loopback = IN6_IS_ADDR_LOOPBACK(&v6);
        return true;
    }
    return false;
}

bool value_address(struct str text, struct value_address *out) {
    struct value_address a = {0};
    size_t colon = text.n;
    while (colon > 0 && text.p[colon - 1] != ':')
        colon--;
    uint64_t port;
    if (colon == 0 || !str_to_u64(str_slice(text, colon, text.n), &port) || port > 65535)
        return false;
    a.port = (unsigned)port;
    struct str host = str_slice(text, 0, colon - 1);
    bool bracketed = host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (bracketed)
        host = str_slice(host, 1, host.n - 1);
    else if (str_find_char(host, ':') != SIZE_MAX)
        return false;
    if (str_eq(host, STR("localhost")))
        host = STR("127.0.0.1");
    if (host.n >= sizeof a.host || str_find_char(host, '\0') != SIZE_MAX)
        return false;
    if (!bracketed && (host.n == 0 || str_eq(host, STR("*")))) {
        *out = a;
        return true;
    }
    memcpy(a.host, host.p, host.n);
    if (!numeric_host(&a))
        return false;
    *out = a;
    return true;
}
