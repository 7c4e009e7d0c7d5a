/* What listing the versions of a registry costs: registry_list FOLDER [VERSIONS]. Makes a store of so many
 * (10,000), of a hundred models, each with a manifest of 20 KB, and prints medians in ms of CPU: "all MS",
 * "page MS" (a hundred from the middle), "open MS" (the store opened first, as the command does), each of 21.
 */
#include "store/registry.h"
#include "store/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 21, MODELS = 100, MANIFEST = 20000 };

static struct error err;
static unsigned seen;

static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static bool fill(struct store *s, unsigned versions) {
    char *manifest = malloc(MANIFEST);
    bool good = manifest && store_begin(s, false, &err);
    for (unsigned i = 0; good && i < versions; i++) {
        struct version_record r = {
            .version = i / MODELS + 1, .backend = "linear", .created = i, .manifest = manifest};
        bool added;
        snprintf(r.name, sizeof r.name, "model-%02u", i % MODELS);
        snprintf(r.artefact, sizeof r.artefact, "%064x", i);
        snprintf(manifest, MANIFEST, "{\"metrics\":\"%0*u\"}", MANIFEST - 32, i);
        good = registry_restore(s, &r, &added, &err);
    }
    free(manifest);
    return good && store_commit(s, &err);
}

static void count(const struct version_record *r, void *ctx) {
    seen++;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool measure(const char *name, const char *folder, struct store *s, const struct version_page *page,
                    unsigned expected) {
    double took[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        double start = cpu_ms();
        struct store *used = s;
        seen = 0;
        if (!used && !store_open(&used, folder, &err))
            return false;
        if (!registry_page(used, page, count, NULL, &err) || seen != expected)
            return false;
        if (!s)
            store_close(used);
        took[i] = cpu_ms() - start;
    }
    qsort(took, ROUNDS, sizeof took[0], by_size);
    printf("%s %.3f\n", name, took[ROUNDS / 2]);
    return true;
}

int main(int argc, char **argv) {
    unsigned versions = argc > 2 ? (unsigned)atoi(argv[2]) : 10000;
    const struct version_page all = {0}, page = {.after = "model-50", .after_version = 50, .limit = 100};
    struct store *s;
    if (argc < 2 || !store_open(&s, argv[1], &err) || !fill(s, versions) ||
        !measure("all", argv[1], s, &all, versions) || !measure("page", argv[1], s, &page, 100) ||
        !measure("open", argv[1], NULL, &all, versions)) {
        fprintf(stderr, "registry_list: %s\n", err.message);
        return 1;
    }
    store_close(s);
    return 0;
}
