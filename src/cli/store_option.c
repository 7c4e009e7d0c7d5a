#include "cli/store_option.h"

#include "cli/cli.h"
#include "cli/demo_config.h"
#include "config/config.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool exists(const char *folder, struct error *err) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/store.db", folder) < (int)sizeof path && access(path, F_OK) == 0)
        return true;
    return fail(err, ERR_NOT_FOUND, "There is no store in %s (%s); name its folder with --store, or -c FILE.",
                folder, strerror(errno));
}

const char *who_runs(void) {
    const struct passwd *user = getpwuid(getuid());
    return user ? user->pw_name : "unknown";
}

bool store_option_open(const struct store_option *o, bool create, struct store **out, struct error *err) {
    const struct config *config = NULL;
    const char *folder = o->folder ? o->folder : "penstock-data", *file = o->config;
    char demo[DEMO_CONFIG_SIZE];
    if (o->demo) {
        if (!demo_config_path(demo, err))
            return false;
        file = demo;
    }
    if (file && !o->folder) {
        struct config_problems problems = {0};
        config = config_load(file, NULL, &problems);
        if (!config) {
            config_problems_print(&problems, stderr);
            return fail(err, ERR_CONFIG, "%s does not validate", file);
        }
        folder = config->store.path;
    }
    bool ok = (create || exists(folder, err)) && store_open(out, folder, err);
    config_unref(config);
    if (ok)
        store_set_actor(*out, who_runs());
    return ok;
}

/* "list, ack or test" */
static void name_all(const char *const *verbs, char *text, size_t size) {
    size_t n = 0;
    for (size_t i = 0; verbs[i] && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%s",
                              i == 0         ? ""
                              : verbs[i + 1] ? ", "
                                             : " or ",
                              verbs[i]);
}

bool store_option_open_for(const struct store_option *o, const char *const *verbs, char **words, int count,
                           size_t *verb, struct store **out, struct error *err) {
    char all[400] = "";
    if (count > 2)
        return fail(err, ERR_USAGE, "\"%.40s\" is too much", words[2]);
    for (size_t i = 0; verbs[i]; i++)
        if (strcmp(words[0], verbs[i]) == 0) {
            *verb = i;
            return store_option_open(o, false, out, err);
        }
    name_all(verbs, all, sizeof all);
    return fail(err, ERR_USAGE, "\"%.40s\" is no command; expected %s", words[0], all);
}

int cli_complain(const char *command, const struct error *err) {
    fprintf(stderr, "penstock %s: %s\n", command, err->message);
    return err->code == ERR_USAGE || err->code == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILED;
}

static bool read_common(struct store_option *store, int option, const char *value) {
    switch (option) {
    case 'c': store->config = value; return true;
    case OPTION_STORE: store->folder = value; return true;
    case OPTION_DEMO: store->demo = true; return true;
    case OPTION_JSON: store->json = true; return true;
    default: return false;
    }
}

int store_command_run(const struct store_command *command, void *ctx, int argc, char **argv) {
    struct store_option store = {0};
    struct error err;
    int option;
    while ((option = getopt_long(argc, argv, "c:h", command->options, NULL)) != -1) {
        if (option == 'h') {
            fputs(command->help, stdout);
            return EXIT_DONE;
        }
        if (read_common(&store, option, optarg))
            continue;
        if (option == '?' || !command->read_option) {
            fail(&err, ERR_USAGE, "see \"penstock %s --help\"", command->name);
            return cli_complain(command->name, &err);
        }
        if (!command->read_option(ctx, option, optarg, &err))
            return cli_complain(command->name, &err);
    }
    if (optind == argc && !command->wordless) {
        fputs(command->help, stderr);
        return EXIT_USAGE;
    }
    bool ok = command->run(ctx, &store, argv + optind, argc - optind, &err);
    return ok ? EXIT_DONE : cli_complain(command->name, &err);
}
