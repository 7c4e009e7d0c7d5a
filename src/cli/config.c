#include "base/buf.h"
#include "cli/cli.h"
#include "config/config.h"
#include "config/reference.h"
#include "models/script.h"
#include "pipeline/tuning_version.h"
#include "store/registry.h"
#include "store/store.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char help[] =
    "Usage: penstock config check [-c FILE]\n"
    "       penstock config reference\n\n"
    "  check       reads the configuration and says what is wrong with it: options, files, rules scripts, "
    "and,\n"
    "              where its store already exists, models that are not in it\n"
    "  reference   prints every option with its type, default, range and meaning, as Markdown\n\n"
    "  -c, --config FILE   the configuration (penstock.yaml)\n\n"
    "Exit status: 0 good, 2 not.\n";

struct checking {
    const struct config *config;
    struct config_problems *problems;
    struct store *store; /* NULL: there is none yet */
};

static void check_version(struct checking *c, const char *endpoint, const char *name, unsigned version,
                          const struct config_place *place) {
    struct version_record record = {0};
    struct error err;
    if (c->store && !registry_find_at(c->store, endpoint, name, version, &record, &err))
        config_problem(c->problems, c->config, place, "%s", err.message);
    version_record_clear(&record);
}

static void check_target(struct checking *c, const struct config_endpoint *e,
                         const struct config_target *target) {
    if (!target->upstream.text)
        check_version(c, e->name, target->model.name, target->model.version, &target->model.place);
}

/* The server would start, and leave that cache off. */
static void check_tuning(struct checking *c, const struct config_endpoint *e) {
    const struct config_name *wanted = &e->semantic_cache;
    struct tuning *tuning = NULL;
    char name[MODEL_NAME_MAX + 1], vectors[TUNING_VECTORS_SIZE];
    unsigned version;
    struct error err;
    if (!wanted->text)
        return;
    if (!registry_parse_reference(str_from(wanted->text), name, &version, &err) ||
        (c->store && (!tuning_version_open(c->store, e->name, wanted->text, &tuning, &err) ||
                      !tuning_version_vectors(c->store, e->name, &e->semantic_vectors, vectors, &err) ||
                      !tuning_version_fits(tuning, wanted->text, vectors, &err))))
        config_problem(c->problems, c->config, &wanted->place, "%s", err.message);
    tuning_unref(tuning);
}

static void check_script(struct checking *c, const char *path, const char *function,
                         const struct config_place *place) {
    struct error err;
    struct script *script = script_open(path, function, NULL, &err);
    if (!script)
        config_problem(c->problems, c->config, place, "%s", err.message);
    script_free(script);
}

static void check_endpoint(struct checking *c, const struct config_endpoint *e) {
    for (size_t i = 0; i < e->rollout_count; i++)
        check_target(c, e, &e->rollout[i].target);
    check_tuning(c, e);
    if (e->rules)
        check_script(c, e->rules, "verify", &e->rules_place);
    if (e->route_rule)
        check_script(c, e->route_rule, "route", &e->route_rule_place);
    for (size_t i = 0; i < e->fallback_count; i++) {
        const struct config_step *step = &e->fallbacks[i];
        if (step->kind == STEP_MODEL)
            check_target(c, e, &step->target);
        else if (step->kind == STEP_RULES)
            check_script(c, step->rules, e->kind == ENDPOINT_CLASSIFY ? "classify" : "answer",
                         &step->rules_place);
    }
}

/* What names lead to beyond the file. A check makes no store. */
static void check_names(const struct config *config, struct config_problems *problems) {
    struct checking c = {.config = config, .problems = problems};
    struct stat folder;
    struct error err;
    if (stat(config->store.path, &folder) == 0 && !store_open(&c.store, config->store.path, &err))
        config_problem(problems, config, NULL, "%s", err.message);
    for (size_t i = 0; i < config->endpoint_count; i++)
        check_endpoint(&c, &config->endpoints[i]);
    store_close(c.store);
}

static int check(const char *path) {
    struct config_problems problems = {0};
    const struct config *config = config_load(path, NULL, &problems);
    if (config)
        check_names(config, &problems);
    config_problems_print(&problems, stderr);
    if (problems.count == 0)
        printf("%s: ok, %zu endpoint%s\n", path, config->endpoint_count,
               config->endpoint_count == 1 ? "" : "s");
    config_unref(config);
    return problems.count ? EXIT_USAGE : EXIT_DONE;
}

static int reference(void) {
    AUTO_BUF text = BUF_INIT(1 << 20);
    config_reference(&text);
    if (text.failed || fwrite(text.p, 1, text.n, stdout) != text.n || fflush(stdout) != 0) {
        fputs("penstock config reference: cannot be written\n", stderr);
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

int cli_config(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *path = NULL;
    int c;
    while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (c) {
        case 'c': path = optarg; break;
        case 'h': fputs(help, stdout); return EXIT_DONE;
        default: fputs(help, stderr); return EXIT_USAGE;
        }
    }
    const char *what = optind + 1 == argc ? argv[optind] : "";
    if (strcmp(what, "check") == 0)
        return check(path ? path : "penstock.yaml");
    if (strcmp(what, "reference") == 0 && !path)
        return reference();
    fputs(help, stderr);
    return EXIT_USAGE;
}
