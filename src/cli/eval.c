#include "cli/cli.h"

#include "cli/eval_report.h"
#include "cli/store_option.h"
#include "cli/suites.h"
#include "evals/grading.h"
#include "evals/report.h"
#include "store/registry.h"

#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: penstock eval SUITE [--model NAME[@VERSION]] [--baseline NAME[@VERSION]] [OPTION…]\n"
    "       penstock eval SUITE --url URL [--endpoint NAME] [--key-env NAME] [OPTION…]\n"
    "       penstock eval SUITE --answers FILE [--model NAME[@VERSION]] [OPTION…]\n\n"
    "Asks a suite's cases (docs/evaluation.md), says whether the answers are good enough, and stores what "
    "came of it.\n"
    "Exit code: 0 pass, 1 worse, 2 not enough data or no evaluation (a suite that is wrong, nobody to "
    "ask).\n\n"
    "  -m, --model NAME[@VERSION]  the version that is judged, run in this process (the newest)\n"
    "  -b, --baseline NAME[@VERSION]  that it is compared with (what the suite says; \"none\")\n"
    "  -u, --url URL            a running server that is asked instead\n"
    "  -e, --endpoint NAME      its endpoint (what the suite says)\n"
    "      --baseline-endpoint NAME  another endpoint there, to compare with\n"
    "      --key-env NAME       the environment variable that holds the API key\n"
    "      --ca-file FILE       authorities to check the server's certificate with\n"
    "  -a, --answers FILE       recorded answers, JSON lines\n"
    "      --baseline-answers FILE  those to compare with\n"
    "      --judge NAME         the endpoint at URL that judges rubrics (what the suite says)\n"
    "      --runs N             ask each case N times (what the suite says)\n"
    "      --cases N            fewer are not enough data (what the suite says, else 200)\n"
    "      --minimum SHARE      of the cases must pass (what the suite says)\n"
    "      --concurrency N      requests at once (4)\n"
    "      --timeout SECONDS    longest wait for an answer (120)\n"
    "      --json FILE          a report with every case\n"
    "      --junit FILE         the same for build servers\n"
    "      --save-answers FILE  the answers, to be used with --answers\n"
    "      --by NAME            who evaluates (the user's login)\n"
    "      --no-store           store nothing\n"
    "      --store FOLDER       the store (default: ./penstock-data)\n"
    "  -c, --config FILE        the configuration that names the store\n"
    "      --demo               the store of what ./quickstart prepared\n";

enum { EXIT_WORSE = 1, EXIT_NOT_ENOUGH = 2, REFERENCE_MAX = EVALUATION_NAME_MAX + 16 };

struct eval_command {
    const char *suite_path, *model, *baseline, *url, *endpoint, *baseline_endpoint, *key_env, *ca_file,
        *answers, *baseline_answers, *judge, *json, *junit, *save, *by;
    double runs, concurrency, timeout, cases, minimum; /* 0: not said; minimum: below 0 */
    bool no_store;
    struct store_option store_option;

    struct suite *suite;
    struct store *store;
    struct asker *asker;
};

enum {
    OPTION_BASELINE_ENDPOINT = OPTION_OWN,
    OPTION_KEY_ENV,
    OPTION_CA_FILE,
    OPTION_BASELINE_ANSWERS,
    OPTION_JUDGE,
    OPTION_RUNS,
    OPTION_CASES,
    OPTION_MINIMUM,
    OPTION_CONCURRENCY,
    OPTION_TIMEOUT,
    OPTION_REPORT,
    OPTION_JUNIT,
    OPTION_SAVE,
    OPTION_BY,
    OPTION_NO_STORE
};

static const struct option options[] = {
    {"model", required_argument, NULL, 'm'},
    {"baseline", required_argument, NULL, 'b'},
    {"url", required_argument, NULL, 'u'},
    {"endpoint", required_argument, NULL, 'e'},
    {"baseline-endpoint", required_argument, NULL, OPTION_BASELINE_ENDPOINT},
    {"key-env", required_argument, NULL, OPTION_KEY_ENV},
    {"ca-file", required_argument, NULL, OPTION_CA_FILE},
    {"answers", required_argument, NULL, 'a'},
    {"baseline-answers", required_argument, NULL, OPTION_BASELINE_ANSWERS},
    {"judge", required_argument, NULL, OPTION_JUDGE},
    {"runs", required_argument, NULL, OPTION_RUNS},
    {"cases", required_argument, NULL, OPTION_CASES},
    {"minimum", required_argument, NULL, OPTION_MINIMUM},
    {"concurrency", required_argument, NULL, OPTION_CONCURRENCY},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"json", required_argument, NULL, OPTION_REPORT},
    {"junit", required_argument, NULL, OPTION_JUNIT},
    {"save-answers", required_argument, NULL, OPTION_SAVE},
    {"by", required_argument, NULL, OPTION_BY},
    {"no-store", no_argument, NULL, OPTION_NO_STORE},
    {"store", required_argument, NULL, OPTION_STORE},
    {"config", required_argument, NULL, 'c'},
    {"demo", no_argument, NULL, OPTION_DEMO},
    {"help", no_argument, NULL, 'h'},
    {0}};

/* ---- arguments ---- */

static const char **text_option(struct eval_command *c, int option) {
    switch (option) {
    case 'm': return &c->model;
    case 'b': return &c->baseline;
    case 'u': return &c->url;
    case 'e': return &c->endpoint;
    case 'a': return &c->answers;
    case 'c': return &c->store_option.config;
    case OPTION_BASELINE_ENDPOINT: return &c->baseline_endpoint;
    case OPTION_KEY_ENV: return &c->key_env;
    case OPTION_CA_FILE: return &c->ca_file;
    case OPTION_BASELINE_ANSWERS: return &c->baseline_answers;
    case OPTION_JUDGE: return &c->judge;
    case OPTION_REPORT: return &c->json;
    case OPTION_JUNIT: return &c->junit;
    case OPTION_SAVE: return &c->save;
    case OPTION_BY: return &c->by;
    case OPTION_STORE: return &c->store_option.folder;
    default: return NULL;
    }
}

static bool read_number(const char *name, const char *text, double least, double most, double *out,
                        struct error *err) {
    return (str_to_double(str_from(text), out) && *out >= least && *out <= most) ||
           fail(err, ERR_USAGE, "--%s is \"%.60s\"; expected a number from %g to %g.", name, text, least,
                most);
}

static bool read_option(struct eval_command *c, int option, const char *value, struct error *err) {
    const char **text = text_option(c, option);
    if (text) {
        *text = value;
        return true;
    }
    switch (option) {
    case OPTION_RUNS: return read_number("runs", value, 1, SUITE_RUNS_MAX, &c->runs, err);
    case OPTION_CONCURRENCY: return read_number("concurrency", value, 1, 64, &c->concurrency, err);
    case OPTION_TIMEOUT: return read_number("timeout", value, 1, 3600, &c->timeout, err);
    case OPTION_CASES: return read_number("cases", value, 1, SUITE_CASES_MAX, &c->cases, err);
    case OPTION_MINIMUM: return read_number("minimum", value, 0, 1, &c->minimum, err);
    case OPTION_NO_STORE: c->no_store = true; return true;
    case OPTION_DEMO: c->store_option.demo = true; return true;
    default: return fail(err, ERR_USAGE, "see \"penstock eval --help\"");
    }
}

static bool check_arguments(const struct eval_command *c, struct error *err) {
    if (!c->url && (c->endpoint || c->baseline_endpoint || c->key_env))
        return fail(err, ERR_USAGE, "--endpoint, --baseline-endpoint and --key-env belong to --url");
    if (!c->url && !c->answers && !c->model)
        return fail(err, ERR_USAGE, "say who is judged: --model NAME[@VERSION], --url URL or --answers FILE");
    if ((c->baseline != NULL) + (c->baseline_endpoint != NULL) + (c->baseline_answers != NULL) > 1)
        return fail(err, ERR_USAGE, "there is one baseline: a version, an endpoint or recorded answers");
    return true;
}

/* ---- who answers ---- */

static bool open_asker(struct eval_command *c, struct error *err) {
    const char *key = c->key_env ? getenv(c->key_env) : "";
    if (!c->url)
        return true;
    if (!key)
        return fail(err, ERR_USAGE, "the environment has no %.80s, which --key-env names", c->key_env);
    const struct asker_options o = {.url = str_from(c->url),
                                    .key = str_from(key),
                                    .ca_file = c->ca_file,
                                    .at_once = (unsigned)c->concurrency,
                                    .timeout_ns = (int64_t)(c->timeout * 1e9)};
    c->asker = asker_new(&o, err);
    return c->asker != NULL;
}

static struct answer_source *open_endpoint(struct eval_command *c, const char *named, struct error *err) {
    struct str endpoint = named ? str_from(named) : c->suite->endpoint;
    if (endpoint.n)
        return source_endpoint(c->asker, endpoint, err);
    (void)fail(err, ERR_USAGE, "say which endpoint is asked: --endpoint NAME, or \"endpoint\" in the suite");
    return NULL;
}

/* An alias is meant as at the endpoint that is judged. */
static struct answer_source *open_version(struct eval_command *c, const char *reference, struct error *err) {
    char of_suite[REFERENCE_MAX], *endpoint = NULL;
    if (c->suite->endpoint.n > 0 && c->suite->endpoint.n < sizeof of_suite)
        str_put(c->suite->endpoint, endpoint = of_suite, sizeof of_suite);
    return source_version(c->store, c->endpoint ? c->endpoint : endpoint, reference, err);
}

static struct answer_source *open_candidate(struct eval_command *c, struct error *err) {
    if (c->answers)
        return source_recorded(c->answers, c->model ? c->model : c->answers, err);
    return c->asker && !c->model ? open_endpoint(c, c->endpoint, err) : open_version(c, c->model, err);
}

/* *out NULL: none is wanted. */
static bool open_baseline(struct eval_command *c, const char *candidate, struct answer_source **out,
                          struct error *err) {
    char named[REFERENCE_MAX];
    snprintf(named, sizeof named, "%.*s",
             (int)(c->suite->baseline.n < sizeof named ? c->suite->baseline.n : 0), c->suite->baseline.p);
    *out = NULL;
    if (c->baseline_answers)
        *out = source_recorded(c->baseline_answers, c->baseline_answers, err);
    else if (c->baseline_endpoint)
        *out = open_endpoint(c, c->baseline_endpoint, err);
    else if (c->baseline ? strcmp(c->baseline, "none") != 0 : named[0] && c->model && !c->answers)
        *out = open_version(c, c->baseline ? c->baseline : named, err);
    else if (!c->baseline && named[0] && c->url && !c->model && !c->answers)
        *out = open_endpoint(c, named, err);
    else
        return true;
    if (*out && !c->baseline && strcmp((*out)->name, candidate) == 0) {
        answer_source_free(*out); /* the suite's own baseline, judged anew */
        *out = NULL;
        return true;
    }
    return *out != NULL;
}

/* ---- storing ---- */

static void name_user(char *out, size_t size) {
    const struct passwd *user = getpwuid(getuid());
    snprintf(out, size, "%s", user && user->pw_name ? user->pw_name : "unknown");
}

static void take_reference(const char *reference, struct evaluation_record *r) {
    struct str rest = str_from(reference), name = str_split(&rest, '@');
    uint64_t number;
    if (!str_to_u64(rest, &number) || number > UINT32_MAX) {
        number = 0;
        name = str_from(reference);
    }
    snprintf(r->model, sizeof r->model, "%.*s",
             (int)(name.n < EVALUATION_NAME_MAX ? name.n : EVALUATION_NAME_MAX), name.p);
    r->version = (unsigned)number;
}

/* So that the evaluation can be repeated. One that cannot be kept (a file that is not beside it, a name that
 * the registry does not take) is judged by all the same. */
static void keep_suite(const struct eval_command *c) {
    struct suite_record *r = malloc(sizeof *r);
    struct error why;
    bool added;
    if (r && !suite_keep(c->store, c->suite_path, c->suite->hash, r, &added, &why))
        fprintf(stderr, "penstock eval: the suite is not kept in the registry: %s\n", why.message);
    free(r);
}

static bool keep(struct eval_command *c, const struct report *report, struct evaluation_record *r,
                 struct error *err) {
    const struct suite *s = c->suite;
    const struct graded_side *g = report->candidate;
    AUTO_BUF text = BUF_INIT(REPORT_MAX);
    report_json(report, false, &text);
    *r = (struct evaluation_record){.source = g->kind,
                                    .cases = (unsigned)g->given,
                                    .passed = (unsigned)g->passed,
                                    .verdict = report->verdict->outcome};
    take_reference(g->kind == EVALUATION_OF_ENDPOINT && g->model[0] ? g->model : g->name, r);
    snprintf(r->suite, sizeof r->suite, "%.*s",
             (int)(s->name.n < EVALUATION_NAME_MAX ? s->name.n : EVALUATION_NAME_MAX), s->name.p);
    struct str endpoint = c->endpoint ? str_from(c->endpoint) : s->endpoint;
    snprintf(r->endpoint, sizeof r->endpoint, "%.*s",
             (int)(endpoint.n < EVALUATION_NAME_MAX ? endpoint.n : EVALUATION_NAME_MAX), endpoint.p);
    memcpy(r->suite_hash, s->hash, sizeof r->suite_hash);
    if (report->baseline)
        snprintf(r->baseline, sizeof r->baseline, "%s", report->baseline->name);
    if (c->by)
        snprintf(r->who, sizeof r->who, "%s", c->by);
    else
        name_user(r->who, sizeof r->who);
    if (!c->store || c->no_store)
        return true;
    r->report = buf_terminated(&text);
    keep_suite(c);
    bool good = r->report ? evaluations_add(c->store, r, err)
                          : fail(err, ERR_NO_MEMORY, "Out of memory for the report.");
    r->report = NULL;
    return good;
}

/* ---- the work ---- */

static void show_progress(void *ctx, size_t done, size_t all) {
    enum { WIDTH = 30 };
    char bar[WIDTH + 1];
    size_t full = all ? done * WIDTH / all : WIDTH;
    memset(bar, '.', WIDTH);
    memset(bar, '#', full);
    bar[WIDTH] = '\0';
    fprintf(stderr, "\r%-24.24s [%s] %zu of %zu%s", (const char *)ctx, bar, done, all,
            done == all ? "\n" : "");
}

static bool grade(struct eval_command *c, struct answer_source *source, struct graded_side *out,
                  struct error *err) {
    const struct suite *s = c->suite;
    const struct judge judge = {.endpoint = c->judge ? str_from(c->judge) : s->judge,
                                .asker = (c->judge || s->judge.n) ? c->asker : NULL};
    const struct progress progress = {show_progress, source->name};
    return grade_side(out, source, s, &judge, isatty(STDERR_FILENO) ? &progress : NULL, err);
}

static bool conclude(struct eval_command *c, const struct graded_side *candidate,
                     const struct graded_side *baseline, enum evaluation_verdict *verdict,
                     struct error *err) {
    struct verdict v;
    struct evaluation_record record;
    if (!verdict_reach(&v, c->suite, candidate, baseline, err))
        return false;
    const struct report report = {c->suite, candidate, baseline, &v};
    bool good = eval_write_files(&report, c->json, c->junit, c->save, err) && keep(c, &report, &record, err);
    if (good)
        eval_print(&report, c->store && !c->no_store ? record.id : NULL);
    *verdict = v.outcome;
    verdict_free(&v);
    return good;
}

static bool compare(struct eval_command *c, struct answer_source *candidate, enum evaluation_verdict *verdict,
                    struct error *err) {
    struct answer_source *baseline;
    struct graded_side sides[2] = {0};
    if (!open_baseline(c, candidate->name, &baseline, err))
        return false;
    bool good = grade(c, candidate, &sides[0], err) && (!baseline || grade(c, baseline, &sides[1], err)) &&
                conclude(c, &sides[0], baseline ? &sides[1] : NULL, verdict, err);
    graded_side_free(&sides[0]);
    graded_side_free(&sides[1]);
    answer_source_free(baseline);
    return good;
}

/* A store is needed for versions; without them what there is is used. */
static bool open_store(struct eval_command *c, struct error *err) {
    bool needed = (c->model && !c->answers) || c->baseline,
         named = c->store_option.folder || c->store_option.config || c->store_option.demo;
    if (!needed && c->no_store)
        return true;
    if (store_option_open(&c->store_option, false, &c->store, err))
        return true;
    c->store = NULL;
    return !needed && !named && err->code == ERR_NOT_FOUND;
}

static bool run(struct eval_command *c, enum evaluation_verdict *verdict, struct error *err) {
    if (!check_arguments(c, err) || !suite_load(c->suite_path, &c->suite, err) || !open_store(c, err) ||
        !open_asker(c, err))
        return false;
    if (c->runs >= 1)
        c->suite->runs = (unsigned)c->runs;
    if (c->cases >= 1)
        c->suite->cases_minimum = (size_t)c->cases;
    if (c->minimum >= 0)
        c->suite->minimum = c->minimum;
    struct answer_source *candidate = open_candidate(c, err);
    bool good = candidate && compare(c, candidate, verdict, err);
    answer_source_free(candidate);
    return good;
}

int cli_eval(int argc, char **argv) {
    struct eval_command c = {.minimum = -1};
    struct error err = {0};
    enum evaluation_verdict verdict = EVALUATION_NOT_ENOUGH_DATA;
    int option;
    while ((option = getopt_long(argc, argv, "m:b:u:e:a:c:h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_DONE;
        }
        if (!read_option(&c, option, optarg, &err)) {
            cli_complain("eval", &err);
            return EXIT_USAGE;
        }
    }
    if (optind + 1 != argc) {
        fputs(help, stderr);
        return EXIT_USAGE;
    }
    c.suite_path = argv[optind];
    bool good = run(&c, &verdict, &err);
    asker_free(c.asker);
    store_close(c.store);
    suite_free(c.suite);
    if (!good) {
        cli_complain("eval", &err);
        return EXIT_USAGE;
    }
    return verdict == EVALUATION_PASS    ? EXIT_DONE
           : verdict == EVALUATION_WORSE ? EXIT_WORSE
                                         : EXIT_NOT_ENOUGH;
}
