#include "cli/cli.h"

#include "cli/data_option.h"
#include "cli/demo_config.h"
#include "cli/policy_report.h"
#include "cli/store_option.h"
#include "config/config.h"
#include "learn/policy_version.h"
#include "store/registry.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: penstock calibrate ENDPOINT --data FOLDER|FILE.csv {--review N% | --error N%} (-c FILE | --demo) "
    "[OPTION…]\n"
    "       penstock calibrate --model NAME[@VERSION] --data … {--review N% | --error N%} --store FOLDER\n\n"
    "Fits the confidence of an endpoint's model to labelled rows that it was not trained on, chooses the\n"
    "thresholds for the wanted share of reviews or errors on one half of them, certifies on the other half "
    "what\n"
    "they promise, and stores both as the model's next version. docs/calibrate.md tells more.\n\n"
    "  -d, --data PATH          a folder with a sub-folder of files for each class, or a CSV file with a "
    "header\n"
    "      --review N%          at most so many of all answers go to a person\n"
    "      --error N%           at most so many of the answers that go out unseen are wrong\n"
    "      --confidence N       how sure each promise is (0.95)\n"
    "      --model NAME[@N]     the version to begin with (the one with the most of the endpoint's traffic)\n"
    "      --dry-run            print what would come out and store nothing\n" DATA_OPTIONS_HELP
        STORE_OPTIONS_HELP
    "\nExit status: 0 done, 1 failed, 2 refused (the data cannot carry the promise) or used wrongly.\n";

enum { OPTION_REVIEW = OPTION_OWN, OPTION_ERROR, OPTION_CONFIDENCE, OPTION_MODEL, OPTION_DRY_RUN };

struct calibrate_command {
    const char *endpoint, *model;
    struct store_option store;
    struct data_option data;
    struct policy_wanted wanted;
    bool wants_review, dry_run;
    const struct config *config;
    struct policy_rules rules;
    bool overrides; /* the endpoint has thresholds of its own */
};

static const struct option options[] = {DATA_LONG_OPTIONS,
                                        {"review", required_argument, NULL, OPTION_REVIEW},
                                        {"error", required_argument, NULL, OPTION_ERROR},
                                        {"confidence", required_argument, NULL, OPTION_CONFIDENCE},
                                        {"model", required_argument, NULL, OPTION_MODEL},
                                        {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
                                        STORE_LONG_OPTIONS,
                                        {0}};

/* "12%" or "0.12" */
static bool share(const char *option, const char *text, double *out, struct error *err) {
    struct str number = str_from(text);
    bool percent = number.n && number.p[number.n - 1] == '%';
    if (percent)
        number.n--;
    if (!str_to_double(number, out) || !(*out > 0) || *out >= (percent ? 100 : 1))
        return fail(err, ERR_USAGE, "%s is \"%.40s\"; expected a share such as 12%% or 0.12", option, text);
    if (percent)
        *out /= 100;
    return true;
}

static bool take_option(struct calibrate_command *c, int option, char *value, struct error *err) {
    bool known;
    switch (option) {
    case 'c': c->store.config = value; return true;
    case OPTION_STORE: c->store.folder = value; return true;
    case OPTION_DEMO: c->store.demo = true; return true;
    case OPTION_JSON: c->store.json = true; return true;
    case OPTION_MODEL: c->model = value; return true;
    case OPTION_DRY_RUN: c->dry_run = true; return true;
    case OPTION_REVIEW: c->wants_review = true; return share("--review", value, &c->wanted.share, err);
    case OPTION_ERROR: c->wanted.by_error = true; return share("--error", value, &c->wanted.share, err);
    case OPTION_CONFIDENCE:
        return (str_to_double(str_from(value), &c->wanted.confidence) && c->wanted.confidence >= 0.5 &&
                c->wanted.confidence <= 0.9999) ||
               fail(err, ERR_USAGE, "--confidence is \"%.40s\"; expected a number from 0.5 to 0.9999", value);
    default:
        return data_option_take(&c->data, option, value, &known, err) &&
               (known || fail(err, ERR_USAGE, "see \"penstock calibrate --help\""));
    }
}

static bool check_command(const struct calibrate_command *c, struct error *err) {
    if (!c->data.path)
        return fail(err, ERR_USAGE, "say with --data which labelled rows to calibrate on");
    if (c->wants_review == c->wanted.by_error)
        return fail(err, ERR_USAGE, "say what is wanted: either --review N%% or --error N%%");
    if (!c->endpoint && !c->model)
        return fail(err, ERR_USAGE, "name an endpoint, or a version with --model");
    if (c->endpoint && !c->store.config && !c->store.demo)
        return fail(err, ERR_USAGE, "say with -c FILE or --demo which configuration has the endpoint");
    return true;
}

/* The endpoint */

static bool read_config(struct calibrate_command *c, struct error *err) {
    struct config_problems problems = {0};
    char demo[DEMO_CONFIG_SIZE];
    const char *file = c->store.config;
    if (c->store.demo) {
        if (!demo_config_path(demo, err))
            return false;
        file = demo;
    }
    c->config = config_load(file, NULL, &problems);
    if (c->config)
        return true;
    config_problems_print(&problems, stderr);
    return fail(err, ERR_CONFIG, "%s does not validate", file);
}

static const struct config_endpoint *find_endpoint(const struct calibrate_command *c, struct error *err) {
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < c->config->endpoint_count; i++) {
        const struct config_endpoint *e = &c->config->endpoints[i];
        if (strcmp(e->name, c->endpoint) == 0) {
            if (e->kind == ENDPOINT_CLASSIFY)
                return e;
            fail(err, ERR_USAGE, "the endpoint %s does not classify: there is nothing to calibrate", e->name);
            return NULL;
        }
        if (count < ARRAY_COUNT(names))
            names[count++] = e->name;
    }
    const char *nearest = str_nearest(str_from(c->endpoint), names, count);
    fail(err, ERR_USAGE, "there is no endpoint \"%.60s\"%s%s%s", c->endpoint,
         nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    return NULL;
}

/* Of the endpoint: its busiest version, its rules, whether its own thresholds count. */
static bool use_endpoint(struct calibrate_command *c, struct error *err) {
    const struct config_endpoint *e = find_endpoint(c, err);
    if (!e)
        return false;
    c->overrides = e->has_accept_threshold || e->has_review_threshold;
    c->rules.endpoint = e->name;
    if (e->rules && !(c->rules.script = script_open(e->rules, "verify", NULL, err)))
        return false;
    c->wanted.has_rules = c->rules.script != NULL;
    if (c->model)
        return true;
    const struct config_share *busiest = NULL;
    for (size_t i = 0; i < e->rollout_count; i++)
        if (e->rollout[i].target.model.name && (!busiest || e->rollout[i].weight > busiest->weight))
            busiest = &e->rollout[i];
    if (!busiest)
        return fail(err, ERR_USAGE, "the endpoint %s has no model of the registry in its rollout", e->name);
    c->model = busiest->target.model.text;
    return true;
}

/* The work */

static bool store_version(struct store *store, const struct calibrate_command *c,
                          const struct model_version *v, const struct version_record *parent,
                          const struct calibrated_policy *p, unsigned *version, struct error *err) {
    return c->dry_run || registry_add_version(store, v->name, parent->backend, v->blob.bytes,
                                              buf_str(&p->manifest), version, err);
}

static bool calibrate(struct store *store, const struct calibrate_command *c, const struct model_version *v,
                      const struct version_record *parent, struct row_reader *reader, struct error *err) {
    struct policy_rows rows;
    struct calibrated_policy p;
    struct policy_report report = {.version = v, .rows = &rows, .policy = &p, .overrides = c->overrides};
    if (!policy_rows_read(&rows, v, reader, &c->rules, err))
        return false;
    bool ok = policy_calibrate(&p, v, parent->manifest, &rows, &c->wanted, err) &&
              store_version(store, c, v, parent, &p, &report.created, err);
    if (ok && c->store.json)
        ok = policy_report_json(&report, err);
    else if (ok)
        policy_report_print(&report);
    else if (!c->store.json)
        policy_report_refused(&report);
    calibrated_policy_free(&p);
    policy_rows_free(&rows);
    return ok;
}

static bool open_version(struct store *store, const char *endpoint, const char *reference,
                         struct version_record *record, struct model_version **out, struct error *err) {
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    if (!registry_parse_reference(str_from(reference), name, &version, err) ||
        !registry_find_at(store, endpoint, name, version, record, err))
        return false;
    return model_version_load(store, endpoint, name, record->version, NULL, out, err);
}

static bool run(struct calibrate_command *c, struct error *err) {
    struct store *store;
    struct version_record parent = {0};
    struct model_version *v = NULL;
    if (c->endpoint && (!read_config(c, err) || !use_endpoint(c, err)))
        return false;
    if (!store_option_open(&c->store, false, &store, err))
        return false;
    struct row_reader *reader = NULL;
    bool ok = open_version(store, c->endpoint, c->model, &parent, &v, err) &&
              (reader = data_option_open(&c->data, true, err)) &&
              calibrate(store, c, v, &parent, reader, err);
    row_reader_free(reader);
    model_version_unref(v);
    version_record_clear(&parent);
    store_close(store);
    return ok;
}

/* What the data cannot carry is refused like a wrong use, not reported like a failure. */
static int complain(const struct error *err) {
    int code = cli_complain("calibrate", err);
    return err->code == ERR_DATA ? EXIT_USAGE : code;
}

int cli_calibrate(int argc, char **argv) {
    struct calibrate_command c = {.wanted.confidence = 0.95};
    struct error err = {0};
    int option;
    while ((option = getopt_long(argc, argv, "d:c:h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_DONE;
        }
        if (!take_option(&c, option, optarg, &err))
            return complain(&err);
    }
    if (optind + 1 < argc)
        fail(&err, ERR_USAGE, "more than one endpoint: \"%.60s\" is one too many", argv[optind + 1]);
    c.endpoint = optind < argc ? argv[optind] : NULL;
    bool ok = err.code == ERR_NONE && check_command(&c, &err) && run(&c, &err);
    script_free(c.rules.script);
    config_unref(c.config);
    return ok ? EXIT_DONE : complain(&err);
}
