#include "pipeline/page_call.h"

#include "pipeline/sessions.h"

#include <ctype.h>

struct str page_session(const struct exchange *x) {
    struct str rest = exchange_header(x, STR("cookie"));
    while (rest.p && rest.n) {
        struct str value = str_trim(str_split(&rest, ';'));
        struct str name = str_split(&value, '=');
        if (str_eq(name, STR(SESSION_COOKIE)))
            return value;
    }
    return STR("");
}

static bool only_reads(const struct exchange *x) {
    return x->method == METHOD_GET || x->method == METHOD_HEAD || x->method == METHOD_OPTIONS;
}

/* "https://host:port" with the Host that the request was sent to. The scheme may differ where a proxy speaks
 * TLS in our place. */
static bool is_origin_of(struct str origin, const struct exchange *x) {
    struct str host = exchange_header(x, STR("host"));
    size_t at = str_find(origin, STR("://"));
    return host.p && at != SIZE_MAX && str_eq_nocase(str_slice(origin, at + 3, origin.n), str_trim(host));
}

/* What no page can make a browser say of itself. `unsaid`: what holds of who says nothing of the kind. */
static bool is_own_page(const struct exchange *x, bool unsaid) {
    struct str site = exchange_header(x, STR("sec-fetch-site")), origin = exchange_header(x, STR("origin"));
    if (site.p)
        return str_eq(site, STR("same-origin")) || (unsaid && str_eq(site, STR("none")));
    return origin.p ? is_origin_of(str_trim(origin), x) : unsaid;
}

bool page_may_change(const struct exchange *x, struct str session, struct error *err) {
    if (only_reads(x))
        return true;
    if (!is_own_page(x, false))
        return fail(err, ERR_ORIGIN,
                    "A call with a session's cookie must come from the console's own page (Sec-Fetch-Site: "
                    "same-origin, or an Origin with this Host). Programs send a key instead.");
    char token[SESSION_TEXT_SIZE];
    session_token(session, token);
    struct str shown = exchange_header(x, STR("x-csrf-token"));
    if (!shown.p || !str_eq_constant_time(shown, str_from(token)))
        return fail(err, ERR_CSRF,
                    "Send the header X-CSRF-Token with what GET /console/session gives as \"csrf\".");
    return true;
}

static bool is_address(struct str host) {
    for (size_t i = 0; i < host.n; i++)
        if (!isdigit((unsigned char)host.p[i]) && host.p[i] != '.')
            return false;
    return host.n > 0;
}

static bool host_is_local(const struct exchange *x) {
    struct str host = exchange_header(x, STR("host"));
    if (!host.p || host.n == 0)
        return true; /* HTTP/1.0: no browser */
    host = str_trim(host);
    if (str_starts(host, STR("[")))
        return true; /* an address */
    host = str_split(&host, ':');
    return is_address(host) || str_eq_nocase(host, STR("localhost")) ||
           (host.n > 10 && str_eq_nocase(str_slice(host, host.n - 10, host.n), STR(".localhost")));
}

bool page_is_local(const struct exchange *x, struct error *err) {
    if (!host_is_local(x))
        return fail(err, ERR_ORIGIN,
                    "Authentication is off, so this is answered only under localhost or an IP address.");
    if (!only_reads(x) && !is_own_page(x, true))
        return fail(err, ERR_ORIGIN,
                    "Authentication is off, so what pages of other origins send is not taken here.");
    return true;
}
