#include "net/origin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static void take_numeric(struct http_origin *o, unsigned port) {
    struct sockaddr_in *v4 = (void *)&o->address;
    struct sockaddr_in6 *v6 = (void *)&o->address;
    if (inet_pton(AF_INET, o->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        o->address_length = sizeof *v4;
    } else if (inet_pton(AF_INET6, o->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        o->address_length = sizeof *v6;
    }
}

static bool is_host_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':';
}

/* HOST[:PORT], where a numeric IPv6 address stands in brackets (RFC 3986, 3.2.2). */
static bool read_authority(struct http_origin *o, struct str authority, unsigned standard_port,
                           struct error *err) {
    uint64_t port = standard_port;
    bool bracketed = authority.n && authority.p[0] == '[';
    size_t end = str_find_char(authority, bracketed ? ']' : ':');
    struct str host = str_slice(authority, bracketed, end);
    struct str behind = str_slice(authority, end == SIZE_MAX ? authority.n : end + bracketed, authority.n);
    bool good = host.n > 0 && host.n <= HOST_MAX && (!bracketed || end != SIZE_MAX);
    for (size_t i = 0; good && i < host.n; i++)
        good = is_host_char(host.p[i]);
    if (good && behind.n)
        good = behind.p[0] == ':' && str_to_u64(str_slice(behind, 1, behind.n), &port) && port > 0 &&
               port < 65536;
    if (!good)
        return fail(err, ERR_CONFIG, "\"%.*s\" is not HOST or HOST:PORT",
                    STR_ARG(str_slice(authority, 0, 80)));
    memcpy(o->host, host.p, host.n);
    snprintf(o->port, sizeof o->port, "%u", (unsigned)port);
    bool six = strchr(o->host, ':') != NULL;
    int n = snprintf(o->name, sizeof o->name, six ? "[%s]" : "%s", o->host);
    if (port != standard_port)
        snprintf(o->name + n, sizeof o->name - (size_t)n, ":%u", (unsigned)port);
    take_numeric(o, (unsigned)port);
    return true;
}

bool http_origin_new(struct http_origin **out, const struct http_origin_options *options, struct str *path,
                     struct error *err) {
    bool secure = str_starts(options->url, STR("https://"));
    if (!secure && !str_starts(options->url, STR("http://")))
        return fail(err, ERR_CONFIG, "a URL starts with http:// or https://");
    struct str rest = str_slice(options->url, secure ? 8 : 7, options->url.n);
    size_t slash = str_find_char(rest, '/');
    struct str behind = str_slice(rest, slash, rest.n);
    struct http_origin *o = calloc(1, sizeof *o);
    if (!o)
        return fail(err, ERR_NO_MEMORY, "no memory for an origin");
    o->refs = 1;
    if (!read_authority(o, str_slice(rest, 0, slash), secure ? 443 : 80, err) ||
        (secure && !(o->tls = tls_client_context_new(options->ca_file, options->verify, err)))) {
        free(o);
        return false;
    }
    while (str_ends(behind, STR("/")))
        behind = str_slice(behind, 0, behind.n - 1);
    *path = behind;
    *out = o;
    return true;
}

struct http_origin *http_origin_ref(struct http_origin *o) {
    atomic_fetch_add_explicit(&o->refs, 1, memory_order_relaxed);
    return o;
}

void http_origin_unref(struct http_origin *o) {
    if (!o || atomic_fetch_sub_explicit(&o->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (o->tls)
        tls_context_free(o->tls);
    free(o);
}

struct str http_origin_name(const struct http_origin *o) {
    return str_from(o->name);
}
