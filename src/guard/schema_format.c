#include "guard/schema_parts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

/* Source: JSON Schema validation, 7.3; RFC 3339 for dates and times, RFC 3986 for URIs, RFC 5321 for
 * addresses (without quoted local parts and comments), RFC 9562 for UUIDs. */

static bool digits(struct str text, size_t at, size_t count, unsigned *value) {
    *value = 0;
    if (at + count > text.n)
        return false;
    for (size_t i = at; i < at + count; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        *value = *value * 10 + (unsigned)(text.p[i] - '0');
    }
    return true;
}

static bool is_date(struct str text) {
    static const unsigned char length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day;
    if (text.n != 10 || text.p[4] != '-' || text.p[7] != '-' || !digits(text, 0, 4, &year) ||
        !digits(text, 5, 2, &month) || !digits(text, 8, 2, &day) || month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= length[month - 1] + (unsigned)(month == 2 && leap);
}

/* Z or +hh:mm: minutes east of Greenwich */
static bool offset_of(struct str zone, int *minutes) {
    unsigned h, m;
    *minutes = 0;
    if (zone.n == 1)
        return (zone.p[0] | 32) == 'z';
    if (zone.n != 6 || (zone.p[0] != '+' && zone.p[0] != '-') || zone.p[3] != ':' ||
        !digits(zone, 1, 2, &h) || !digits(zone, 4, 2, &m) || h > 23 || m > 59)
        return false;
    *minutes = (int)(h * 60 + m) * (zone.p[0] == '-' ? -1 : 1);
    return true;
}

static bool is_time(struct str text) {
    unsigned h, m, s;
    int offset;
    if (text.n < 9 || text.p[2] != ':' || text.p[5] != ':' || !digits(text, 0, 2, &h) ||
        !digits(text, 3, 2, &m) || !digits(text, 6, 2, &s) || h > 23 || m > 59 || s > 60)
        return false;
    size_t at = 8;
    if (text.p[at] == '.') {
        size_t first = ++at;
        while (at < text.n && text.p[at] >= '0' && text.p[at] <= '9')
            at++;
        if (at == first)
            return false;
    }
    if (!offset_of(str_slice(text, at, text.n), &offset))
        return false;
    int of_day = (((int)(h * 60 + m) - offset) % 1440 + 1440) % 1440;
    return s < 60 || of_day == 1439; /* a leap second is the last of a day in UTC */
}

static bool is_date_time(struct str text) {
    return text.n > 11 && (text.p[10] | 32) == 't' && is_date(str_slice(text, 0, 10)) &&
           is_time(str_slice(text, 11, text.n));
}

static bool is_uuid(struct str text) {
    if (text.n != 36)
        return false;
    for (size_t i = 0; i < 36; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? text.p[i] != '-' : !isxdigit((unsigned char)text.p[i]))
            return false;
    return true;
}

static bool is_address(int family, struct str text) {
    char terminated[64];
    unsigned char address[16];
    if (text.n >= sizeof(terminated) || memchr(text.p, 0, text.n))
        return false;
    memcpy(terminated, text.p, text.n);
    terminated[text.n] = 0;
    return inet_pton(family, terminated, address) == 1;
}

static bool is_ipv4(struct str text) {
    return is_address(AF_INET, text);
}

static bool is_ipv6(struct str text) {
    return is_address(AF_INET6, text);
}

/* Labels of letters, digits and inner hyphens */
static bool is_host(struct str text) {
    if (text.n == 0 || text.n > 253)
        return false;
    for (bool more = true; more;) {
        more = str_find_char(text, '.') != SIZE_MAX;
        struct str label = str_split(&text, '.');
        if (label.n == 0 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
            return false;
        for (size_t i = 0; i < label.n; i++)
            if (!isalnum((unsigned char)label.p[i]) && label.p[i] != '-')
                return false;
    }
    return true;
}

static bool is_mail_host(struct str host) {
    if (host.n < 3 || host.p[0] != '[' || host.p[host.n - 1] != ']')
        return is_host(host);
    struct str literal = str_slice(host, 1, host.n - 1);
    return str_starts(literal, STR("IPv6:")) ? is_ipv6(str_slice(literal, 5, literal.n)) : is_ipv4(literal);
}

/* Between the quotes: a quote or backslash has a backslash before it. */
static bool is_quoted(struct str text) {
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || (text.p[i] == '\\' && ++i == text.n))
            return false;
    }
    return true;
}

static bool is_email(struct str text) {
    size_t at = text.n;
    while (at > 0 && text.p[at - 1] != '@')
        at--;
    if (at == 0)
        return false;
    struct str local = str_slice(text, 0, at - 1), host = str_slice(text, at, text.n);
    bool quoted = local.n > 2 && local.p[0] == '"' && local.p[local.n - 1] == '"';
    if (quoted)
        return local.n <= 64 && !str_has_control(local) && is_quoted(str_slice(local, 1, local.n - 1)) &&
               is_mail_host(host);
    if (local.n == 0 || local.n > 64 || local.p[0] == '.' || local.p[local.n - 1] == '.' ||
        str_find(local, STR("..")) != SIZE_MAX)
        return false;
    for (size_t i = 0; i < local.n; i++)
        if (!isalnum((unsigned char)local.p[i]) &&
            (local.p[i] == 0 || !strchr(".!#$%&'*+/=?^_`{|}~-", local.p[i])))
            return false;
    return is_mail_host(host);
}

/* [userinfo@]host[:port], where brackets stand around an address of IPv6 only */
static bool is_authority(struct str text) {
    size_t at = str_find_char(text, '@'), open, close;
    struct str host = at == SIZE_MAX ? text : str_slice(text, at + 1, text.n);
    if (at != SIZE_MAX && (str_find_char(str_slice(text, 0, at), '[') != SIZE_MAX))
        return false;
    open = str_find_char(host, '[');
    close = str_find_char(host, ']');
    if (open == SIZE_MAX && close == SIZE_MAX) {
        struct str port = host;
        str_split(&port, ':');
        for (size_t i = 0; i < port.n; i++)
            if (!isdigit((unsigned char)port.p[i]))
                return false;
        return true;
    }
    return open == 0 && close != SIZE_MAX && is_ipv6(str_slice(host, 1, close));
}

static bool is_uri(struct str text) {
    size_t colon = str_find_char(text, ':'), i = 1;
    if (colon == SIZE_MAX || colon == 0 || !isalpha((unsigned char)text.p[0]))
        return false;
    for (; i < colon; i++)
        if (!isalnum((unsigned char)text.p[i]) && !memchr("+-.", text.p[i], 3))
            return false;
    for (i = colon + 1; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '%') {
            if (i + 2 >= text.n || !isxdigit((unsigned char)text.p[i + 1]) ||
                !isxdigit((unsigned char)text.p[i + 2]))
                return false;
        } else if (c <= 32 || c >= 127 || strchr("\"<>\\^`{|}", c))
            return false;
    }
    struct str rest = str_slice(text, colon + 1, text.n);
    if (!str_starts(rest, STR("//")))
        return str_find_char(rest, '[') == SIZE_MAX;
    rest = str_slice(rest, 2, rest.n);
    for (i = 0; i < rest.n && !strchr("/?#", rest.p[i]);)
        i++;
    return is_authority(str_slice(rest, 0, i)) && str_find_char(str_slice(rest, i, rest.n), '[') == SIZE_MAX;
}

static const struct {
    const char *name;
    bool (*holds)(struct str text);
} formats[] = {
    {"date-time", is_date_time}, {"date", is_date}, {"time", is_time}, {"email", is_email}, {"uri", is_uri},
    {"uuid", is_uuid},           {"ipv4", is_ipv4}, {"ipv6", is_ipv6},
};

int schema_format_named(struct str name) {
    for (size_t i = 0; i < ARRAY_COUNT(formats); i++)
        if (str_eq(name, str_from(formats[i].name)))
            return (int)i;
    return -1;
}

bool schema_format_holds(int format, struct str text) {
    return formats[format].holds(text);
}
