#include "console/console.h"

#include "api/embed.h"
#include "api/routes.h"

#include <string.h>

struct console_asset {
    const char *name, *type, *tag;
    size_t at, length, packed;
};

#include "console/assets.h"

EMBED(bytes, "console/assets.bin");

#define ASSETS_PATH "/console/assets/"

/* No script but ours, no inline one, nothing from elsewhere, in nobody's frame. blob: shows the file that is
 * tried before it is sent. A kept input comes into a frame of ours with headers of its own
 * (api/review_input.c). */
static const char content_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
    " frame-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'";

/* RFC 9110, 12.5.3, as far as browsers and proxies need it: gzip named, and not with a weight of zero. */
static bool takes_gzip(const struct exchange *x) {
    struct str rest = exchange_header(x, STR("accept-encoding"));
    while (rest.p && rest.n) {
        struct str weight = str_trim(str_split(&rest, ','));
        struct str coding = str_trim(str_split(&weight, ';'));
        if (!str_eq_nocase(coding, STR("gzip")))
            continue;
        weight = str_trim(weight);
        return !str_eq(weight, STR("q=0")) && !str_starts(weight, STR("q=0.0"));
    }
    return false;
}

/* RFC 9110, 13.1.2: a list of tags, or "*"; weak ones count as well. */
static bool has_it(const struct exchange *x, struct str tag) {
    struct str rest = exchange_header(x, STR("if-none-match"));
    while (rest.p && rest.n) {
        struct str one = str_trim(str_split(&rest, ','));
        if (str_starts(one, STR("W/")))
            one = str_slice(one, 2, one.n);
        if (str_eq(one, tag) || str_eq(one, STR("*")))
            return true;
    }
    return false;
}

static void serve(struct call *c, const struct console_asset *asset, struct str kept) {
    struct str body = str_slice(bytes(), asset->at, asset->at + asset->length), tag = str_from(asset->tag);
    struct http_header headers[CALL_HEADERS_MAX] = {
        {STR("etag"), tag},
        {STR("cache-control"), kept},
        {STR("vary"), STR("accept-encoding")},
        {STR("x-content-type-options"), STR("nosniff")},
        {STR("referrer-policy"), STR("same-origin")},
        {STR("cross-origin-opener-policy"), STR("same-origin")},
        {STR("cross-origin-resource-policy"), STR("same-origin")},
        {STR("x-frame-options"), STR("DENY")},
        {STR("permissions-policy"), STR("camera=(), geolocation=(), microphone=()")},
        {STR("content-security-policy"), str_from(content_policy)},
    };
    size_t count = 10;
    if (has_it(c->x, tag)) {
        call_reply_with(c, 304, str_from(asset->type), STR(""), headers, count);
        return;
    }
    if (asset->packed && takes_gzip(c->x)) {
        size_t at = asset->at + asset->length;
        headers[count++] = (struct http_header){STR("content-encoding"), STR("gzip")};
        body = str_slice(bytes(), at, at + asset->packed);
    }
    call_reply_with(c, 200, str_from(asset->type), body, headers, count);
}

static void show_page(struct call *c) {
    serve(c, &assets[0], STR("no-cache"));
}

static void show_asset(struct call *c) {
    struct error err;
    struct str build = str_slice(c->x->path, strlen(ASSETS_PATH), c->x->path.n);
    bool current = str_eq(str_split(&build, '/'), STR(CONSOLE_BUILD));
    for (size_t i = 1; current && i < ARRAY_COUNT(assets); i++)
        if (str_eq(c->argument, str_from(assets[i].name))) {
            serve(c, &assets[i], STR("public, max-age=31536000, immutable"));
            return;
        }
    fail(&err, ERR_NOT_FOUND, "This Penstock's console has no such file; load /console again.");
    call_fail(c, &err);
}

/* Whoever types the bare address wants the page. */
static void lead_to_page(struct call *c) {
    const struct http_header headers[] = {{STR("location"), STR("/console")}};
    call_reply_with(c, 303, STR("text/plain; charset=utf-8"), STR("The console is at /console\n"), headers,
                    1);
}

void console_add_routes(void) {
    static const struct route routes[] = {
        {METHOD_GET, "/", 0, 0, lead_to_page},
        {METHOD_GET, "/console", 0, 0, show_page},
        {METHOD_GET, "/console/", 0, 0, lead_to_page},
        {METHOD_GET, ASSETS_PATH "*/*", 0, 0, show_asset},
    };
    api_add_routes(routes, ARRAY_COUNT(routes));
}
