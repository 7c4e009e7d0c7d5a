#include "config/reference.h"

#include "config/options.h"

#include <string.h>

static const char example[] = "server:\n"
                              "  listen: [\"0.0.0.0:8443\", \"[::]:8443\"]\n"
                              "  body_max: 20MB\n"
                              "limits:\n"
                              "  rate: 50\n"
                              "scan:\n"
                              "  clamd: unix:/run/clamav/clamd.ctl\n"
                              "pricing:\n"
                              "  cpu_hour_usd: 0.042\n"
                              "endpoints:\n"
                              "  documents:\n"
                              "    owner: documents-team@example.com\n"
                              "    accepts: [file, text]\n"
                              "    rollout:\n"
                              "      - {model: documents@3, weight: 90%}\n"
                              "      - {model: documents@4, weight: 10%}\n"
                              "    fallbacks:\n"
                              "      - {model: documents-small@1, timeout: 300ms}\n"
                              "      - {cache: stale}\n"
                              "      - {review: true}\n"
                              "    keep_inputs: review\n";

static const char introduction[] = "# Configuration\n"
                                   "\n"
                                   "<!-- Printed by `penstock config reference` from the table of options; "
                                   "change the table, not this page. -->\n"
                                   "\n"
                                   "Penstock reads one YAML file: `penstock serve -c penstock.yaml`. "
                                   "`penstock config check -c penstock.yaml` says\n"
                                   "whether it is good without serving it. Every option has a default; a "
                                   "file says only what differs, such as:\n"
                                   "\n"
                                   "```yaml\n";

static const char values[] =
    "```\n"
    "\n"
    "A wrong key, type, range or a name that leads nowhere is refused with file, line, column and what was "
    "expected.\n"
    "A file that is refused at start ends the program with exit status 2; at a reload (SIGHUP) it changes "
    "nothing.\n"
    "\n"
    "## How values are written\n"
    "\n"
    "| type | written as |\n"
    "|---|---|\n"
    "| boolean | `true` or `false` |\n"
    "| integer | digits; `k` and `M` stand for thousands and millions: `20000`, `20k`, `40M` |\n"
    "| duration | a number and its unit, one of `us` `ms` `s` `m` `h` `d`: `500ms`, `1.5s`, `24h`, `30d` |\n"
    "| size | bytes, or a number with `KB` `MB` `GB` (thousands) or `KiB` `MiB` `GiB` (1024s): `10MB`, "
    "`1GiB` |\n"
    "| percentage | `10%` or `0.1` |\n"
    "| amount | US dollars with at most nine decimals: `0.042` |\n"
    "| address | `ADDRESS:PORT`, the address numeric: `127.0.0.1:8080`, `[::1]:8080`, `0.0.0.0:8080`; "
    "`localhost` "
    "is 127.0.0.1 and `*` every interface |\n"
    "| path | relative ones are relative to the file's folder |\n"
    "| model | `NAME@VERSION`, `NAME@ALIAS`, or `NAME` (its `stable` version, else the newest) |\n"
    "| secret | `${env:NAME}` or `${file:/path}`; never the secret itself |\n"
    "\n"
    "Quotes make no difference. Anchors and aliases work; merge keys (`<<`), tags and several documents in "
    "one file do\n"
    "not. A file has at most 1 MiB.\n";

struct str config_example(void) {
    return (struct str){example, sizeof example - 1};
}

static const char *type_name(enum option_type type) {
    static const char *const names[] = {
        [OPTION_BOOL] = "boolean",        [OPTION_INTEGER] = "integer", [OPTION_DURATION] = "duration",
        [OPTION_SIZE] = "size",           [OPTION_USD] = "amount",      [OPTION_PERCENT] = "percentage",
        [OPTION_ENUM] = "word",           [OPTION_SET] = "words",       [OPTION_STRING] = "text",
        [OPTION_PATH] = "path",           [OPTION_SOCKET] = "address",  [OPTION_SECRET] = "secret",
        [OPTION_ADDRESSES] = "addresses", [OPTION_MODEL] = "model",     [OPTION_SECTION] = "section",
        [OPTION_LIST] = "list",           [OPTION_MAP] = "names",
    };
    return names[type];
}

static void add_range(struct buf *out, const struct option *o) {
    char low[VALUE_TEXT_SIZE], high[VALUE_TEXT_SIZE];
    if (option_range(o, low, high))
        buf_printf(out, "%s to %s%s%s", low, high, o->unit ? " " : "", o->unit ? o->unit : "");
    else if (o->type == OPTION_PERCENT)
        buf_add_str(out, STR("0% to 100%"));
    else if (o->type == OPTION_STRING)
        buf_printf(out, "at most %d bytes", (int)o->max);
    else if (o->type == OPTION_SOCKET)
        buf_add_str(out, STR("`unix:/PATH` or `ADDRESS:PORT`"));
    else if (o->flags & OPTION_MUST_EXIST)
        buf_add_str(out, STR("a file that exists"));
    for (size_t i = 0; o->words && o->words[i]; i++)
        buf_printf(out, "%s`%s`", i ? ", " : "", o->words[i]);
}

static void add_default(struct buf *out, const struct option *o) {
    if (o->flags & OPTION_REQUIRED)
        buf_add_str(out, STR("**required**"));
    else if (o->standard_said)
        buf_printf(out, "%s", o->standard_said);
    else if (o->standard && o->standard[0])
        buf_printf(out, "`%s`", o->standard);
    else
        buf_add_str(out, STR("not set"));
}

static void add_row(struct buf *out, const struct option *o) {
    buf_printf(out, "| `%s` | %s | ", o->name, type_name(o->type));
    add_default(out, o);
    buf_add_str(out, STR(" | "));
    add_range(out, o);
    buf_printf(out, " | %s |\n", o->help);
}

static bool is_table(const struct option *o) {
    return o->type == OPTION_SECTION || o->type == OPTION_LIST || o->type == OPTION_MAP;
}

/* A section's own options first, then the sections inside it. */
static void add_group(struct buf *out, const struct option *section, const char *path) {
    const struct option_group *group = section->group;
    buf_printf(out, "\n## %s\n\n%s\n\n| option | type | default | range | meaning |\n|---|---|---|---|---|\n",
               path, section->help);
    for (size_t i = 0; i < group->count; i++)
        if (group->options[i].type != OPTION_SECTION)
            add_row(out, &group->options[i]);
    for (size_t i = 0; i < group->count; i++) {
        const struct option *o = &group->options[i];
        char below[160];
        const char *suffix = o->type == OPTION_LIST ? "[]" : o->type == OPTION_MAP ? ".NAME" : "";
        snprintf(below, sizeof below, "%.120s.%s%s", path, o->name, suffix);
        if (is_table(o))
            add_group(out, o, below);
    }
}

void config_reference(struct buf *out) {
    buf_add_str(out, str_from(introduction));
    buf_add_str(out, config_example());
    buf_add_str(out, str_from(values));
    for (size_t i = 0; i < option_root.count; i++) {
        const struct option *o = &option_root.options[i];
        char path[80];
        snprintf(path, sizeof path, "%.60s%s", o->name, o->type == OPTION_MAP ? ".NAME" : "");
        add_group(out, o, path);
    }
}
