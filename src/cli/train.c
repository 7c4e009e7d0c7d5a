#include "cli/cli.h"

#include "cli/data_option.h"
#include "cli/store_option.h"
#include "learn/registration.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: penstock train NAME --data FOLDER|FILE.csv (-c FILE | --store FOLDER | --demo) [OPTION…]\n\n"
    "Trains the next version of model NAME, judges it by cross-validation and stores it.\n\n"
    "  -d, --data PATH          a folder with a sub-folder of files (PDF, JPEG, PNG, text) for each class, "
    "or\n"
    "                           a CSV file with a header: text and label, or tabular columns and label\n"
    "  -c, --config FILE        the configuration that names the store\n"
    "      --store FOLDER       the store itself\n"
    "      --demo               the store of what ./quickstart prepared\n"
    "      --dataset NAME       what the dataset is called where nobody has named it yet (as the "
    "model)\n" DATA_OPTIONS_HELP
    "      --backend NAME       linear, or boosted: gradient-boosted trees over tabular columns (linear)\n"
    "      --accept N           confidence from which answers go straight out (0.85)\n"
    "      --review N           confidence below which a person decides (0.60)\n"
    "      --folds N            parts of the cross-validation (5)\n"
    "      --threads N          at most so many cores (2)\n"
    "      --max-rejected N     give up when more than this share of the rows is no good (0.05)\n";

struct train_command {
    const char *name, *dataset;
    struct store_option store;
    struct data_option data;
    struct train_options train;
};

static const struct option options[] = {DATA_LONG_OPTIONS,
                                        {"dataset", required_argument, NULL, 'D'},
                                        {"config", required_argument, NULL, 'c'},
                                        {"store", required_argument, NULL, OPTION_STORE},
                                        {"demo", no_argument, NULL, OPTION_DEMO},
                                        {"accept", required_argument, NULL, 'A'},
                                        {"review", required_argument, NULL, 'R'},
                                        {"folds", required_argument, NULL, 'F'},
                                        {"threads", required_argument, NULL, 'T'},
                                        {"backend", required_argument, NULL, 'b'},
                                        {"max-rejected", required_argument, NULL, 'M'},
                                        {"help", no_argument, NULL, 'h'},
                                        {0}};

static bool number(const char *option, const char *text, double least, double most, double *out,
                   struct error *err) {
    if (str_to_double(str_from(text), out) && *out >= least && *out <= most)
        return true;
    return fail(err, ERR_USAGE, "%s is \"%s\"; expected a number from %g to %g.", option, text, least, most);
}

static bool count(const char *option, const char *text, unsigned least, unsigned most, unsigned *out,
                  struct error *err) {
    uint64_t value;
    if (!str_to_u64(str_from(text), &value) || value < least || value > most)
        return fail(err, ERR_USAGE, "%s is \"%s\"; expected a whole number from %u to %u.", option, text,
                    least, most);
    *out = (unsigned)value;
    return true;
}

static bool backend(const char *name, enum trained_backend *out, struct error *err) {
    static const char *const names[] = {[TRAINED_LINEAR] = "linear", [TRAINED_BOOSTED] = "boosted"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (enum trained_backend)i;
            return true;
        }
    const char *near = str_nearest(str_from(name), names, ARRAY_COUNT(names));
    return fail(err, ERR_USAGE, "--backend is \"%.40s\"; expected linear or boosted%s%s%s.", name,
                near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

static bool take_option(struct train_command *c, int option, char *value, struct error *err) {
    bool known;
    if (!data_option_take(&c->data, option, value, &known, err))
        return false;
    if (known)
        return true;
    switch (option) {
    case 'D': c->dataset = value; return true;
    case 'c': c->store.config = value; return true;
    case OPTION_STORE: c->store.folder = value; return true;
    case OPTION_DEMO: c->store.demo = true; return true;
    case 'A': return number("--accept", value, 0, 1, &c->train.accept, err);
    case 'R': return number("--review", value, 0, 1, &c->train.review, err);
    case 'F': return count("--folds", value, 2, 20, &c->train.folds, err);
    case 'T': return count("--threads", value, 1, 16, &c->train.threads, err);
    case 'b': return backend(value, &c->train.backend, err);
    case 'M': return number("--max-rejected", value, 0, 1, &c->train.rejected_share, err);
    default: return fail(err, ERR_USAGE, "See penstock train --help.");
    }
}

static void show_progress(void *ctx, size_t done, size_t all) {
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\rtraining: %zu of %zu runs%s", done, all, done == all ? "\n" : "");
}

static void print_result(const struct train_command *c, const struct trained *t, const struct registered *r) {
    const struct quality *m = &t->quality;
    printf("%s@%u\n", c->name, r->version);
    printf("  rows          %zu (%zu rejected), %zu labels\n", t->rows, t->rejected, m->label_count);
    if (r->dataset[0])
        printf("  dataset       %s, %.12s\n", r->dataset, t->noted.hash);
    printf("  artefact      %.1f MB\n", (double)t->artefact.n / 1e6);
    printf("  trained in    %.1f s\n\n", t->seconds);
    puts("  Cross-validated, on rows that neither model nor calibration had seen:");
    printf("  accuracy      %.4f   (%zu errors)\n", m->accuracy, m->errors);
    printf("  macro F1      %.4f\n", m->macro_f1);
    printf("  ECE           %.4f   (mean confidence %.4f)\n\n", m->ece, m->mean_confidence);
    puts("  least sure, reviewed   errors among the rest   errors caught");
    for (int i = 0; i < RISK_POINTS; i++)
        printf("  %12.0f %%          %14.2f %%        %12.1f %%\n", risk_reviewed[i] * 100,
               m->risk[i].error_rate * 100, m->risk[i].errors_caught * 100);
    if (t->has_visual && t->gate.confidence <= 1)
        printf("\n  By looks alone: accuracy %.4f; sure of %zu of %zu rows (%zu errors there, %zu with the "
               "text)\n",
               t->visual_accuracy, t->gate.passed, t->gate.rows, t->gate.passed_errors, t->gate.main_errors);
    else if (t->has_visual)
        printf("\n  By looks alone: accuracy %.4f; never sure enough to go without the text\n",
               t->visual_accuracy);
}

static bool add_version(const struct train_command *c, const struct trained *t, struct registered *out,
                        struct error *err) {
    struct store *store;
    struct registration r = {c->name, trained_backend_name(c->train.backend), c->data.path, c->dataset};
    if (!store_option_open(&c->store, true, &store, err))
        return false;
    bool ok = registration_add(store, &r, t, out, err);
    store_close(store);
    return ok;
}

static bool run(struct train_command *c, struct error *err) {
    struct row_reader *reader = data_option_open(&c->data, true, err);
    if (!reader)
        return false;
    struct trained trained;
    struct registered registered;
    bool ok = learn_train(&c->train, reader, &trained, err);
    row_reader_free(reader);
    if (!ok)
        return false;
    ok = add_version(c, &trained, &registered, err);
    if (ok)
        print_result(c, &trained, &registered);
    trained_free(&trained);
    return ok;
}

static int usage(const char *message) {
    fprintf(stderr, "penstock train: %s\n\n%s", message, help);
    return EXIT_USAGE;
}

int cli_train(int argc, char **argv) {
    struct train_command c = {0};
    struct error err = {0};
    int option;
    while ((option = getopt_long(argc, argv, "d:c:h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_DONE;
        }
        if (!take_option(&c, option, optarg, &err))
            return usage(err.message);
    }
    if (optind + 1 != argc)
        return usage("name one model to train");
    if (!c.data.path)
        return usage("say with --data what to learn from");
    if ((c.store.config != NULL) + (c.store.folder != NULL) + c.store.demo != 1)
        return usage("say where to store the version: either -c FILE, or --store FOLDER, or --demo");
    c.name = argv[optind];
    c.train.name = c.name;
    c.train.progress = show_progress;
    if (run(&c, &err))
        return EXIT_DONE;
    return cli_complain("train", &err);
}
