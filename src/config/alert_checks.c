#include "config/checks.h"

#include "config/load.h"

#include <string.h>

static bool has_scheme(const char *url, const char *a, const char *b) {
    struct str s = str_from(url);
    return str_starts(s, str_from(a)) || str_starts(s, str_from(b));
}

static void check_email(struct loader *l, const struct config_receiver *r, const struct option_node *at) {
    if (!r->server || !r->from || !r->to)
        loader_problem(l, at->place, at, "kind: email needs \"server\", \"from\" and \"to\"");
    else if (!has_scheme(r->server, "smtp://", "smtps://"))
        loader_problem(l, loader_place_in(l, at, "server"), at,
                       "expected smtp://HOST:PORT or smtps://HOST:PORT");
    else if (str_find_char(str_from(r->server), '@') != SIZE_MAX)
        loader_problem(l, loader_place_in(l, at, "server"), at,
                       "a name and password never stand here; see \"user\" and \"password\"");
    else if (!r->user != !r->password)
        loader_problem(l, at->place, at, "\"user\" and \"password\" need each other");
    else if (r->password && !r->tls && str_starts(str_from(r->server), STR("smtp:")))
        loader_problem(l, loader_place_in(l, at, "tls"), at,
                       "a password never goes in the clear; leave out \"tls: false\"");
    if (r->url)
        loader_problem(l, loader_place_in(l, at, "url"), at, "kind: email has \"server\" instead");
}

void check_receiver(struct loader *l, void *item, const struct option_node *at) {
    const struct config_receiver *r = item;
    if (r->kind == RECEIVER_EMAIL) {
        check_email(l, r, at);
        return;
    }
    static const char *const mail_only[] = {"server", "user", "password", "from", "to", "tls"};
    for (size_t i = 0; i < ARRAY_COUNT(mail_only); i++)
        if (loader_has(l, at, mail_only[i]))
            loader_problem(l, loader_place_in(l, at, mail_only[i]), at, "\"%s\" is for kind: email only",
                           mail_only[i]);
    if (r->kind == RECEIVER_PAGERDUTY ? !r->key : !r->url)
        loader_problem(l, at->place, at, "\"%s\" is missing; write ${env:NAME} or ${file:/path}",
                       r->kind == RECEIVER_PAGERDUTY ? "key" : "url");
    else if (r->url && !has_scheme(r->url, "https://", "http://"))
        loader_problem(l, loader_place_in(l, at, "url"), at,
                       "what it stands for is not http://… or https://…"); /* never shown: it is a secret */
    if (r->key && r->kind == RECEIVER_SLACK)
        loader_problem(l, loader_place_in(l, at, "key"), at, "Slack's webhooks have no key but their URL");
}

void check_alert_rule(struct loader *l, void *item, const struct option_node *at) {
    struct config_alert_rule *r = item;
    r->has_class = loader_has(l, at, "class");
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

void check_maintenance(struct loader *l, void *item, const struct option_node *at) {
    struct config_maintenance *m = item;
    const char *t = m->from;
    if (!t)
        return; /* already said */
    bool good =
        strlen(t) == 5 && is_digit(t[0]) && is_digit(t[1]) && t[2] == ':' && is_digit(t[3]) && is_digit(t[4]);
    m->minute = good ? ((t[0] - '0') * 10 + t[1] - '0') * 60 + (t[3] - '0') * 10 + t[4] - '0' : 0;
    if (!good || m->minute >= 24 * 60 || t[3] > '5')
        loader_problem(l, loader_place_in(l, at, "from"), at, "expected HH:MM, such as 02:30");
}

/* Names in a list that is written as one text. */
static void check_names(struct loader *l, const char *names, const struct option_node *at) {
    struct str rest = str_from(names);
    while (rest.n) {
        struct str name = str_trim(str_split(&rest, ','));
        char shown[SHOWN_SIZE];
        loader_show(name, shown, sizeof shown);
        if (name.n && !config_endpoint_named(&l->loaded->config, name))
            loader_problem(l, loader_place_in(l, at, "endpoints"), at, "there is no endpoint \"%s\"", shown);
    }
}

void check_alert_endpoints(struct loader *l, const struct option_node *root) {
    const struct config_alerts *a = &l->loaded->config.alerts;
    struct option_node alerts = {
        .place = loader_place_in(l, root, "alerts"), .parent = root, .name = "alerts"};
    for (size_t i = 0; i < a->receiver_count; i++)
        check_names(l, a->receivers[i].endpoints, &alerts);
    for (size_t i = 0; i < a->maintenance_count; i++)
        check_names(l, a->maintenance[i].endpoints, &alerts);
}
