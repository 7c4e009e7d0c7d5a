#include "cli/demo_config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Two levels up from the program: the folder that build/ lies in. */
static bool beside_program(char path[DEMO_CONFIG_SIZE]) {
    char program[4096];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0)
        return false;
    program[n] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(program, '/');
        if (slash)
            *slash = '\0';
    }
    return snprintf(path, DEMO_CONFIG_SIZE, "%s/demo/penstock.yaml", program) < DEMO_CONFIG_SIZE;
}

bool demo_config_path(char path[DEMO_CONFIG_SIZE], struct error *err) {
    if (beside_program(path) && access(path, R_OK) == 0)
        return true;
    snprintf(path, DEMO_CONFIG_SIZE, "demo/penstock.yaml");
    return access(path, R_OK) == 0 ||
           fail(err, ERR_NOT_FOUND,
                "the demonstration is not prepared; run ./quickstart, or \"penstock demo prepare\"");
}
