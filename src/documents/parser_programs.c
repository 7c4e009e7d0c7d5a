#include "documents/parser_programs.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *beside(const char *path, const char *name) {
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    char *made = malloc(folder + strlen(name) + 1);
    if (!made)
        return NULL;
    memcpy(made, path, folder);
    memcpy(made + folder, name, strlen(name) + 1);
    return made;
}

bool parser_programs_find(struct parser_programs *programs, const struct parser_pool_options *options,
                          struct error *err) {
    char self[PATH_MAX] = "";
    const char *parser = options->parser_program ? options->parser_program : getenv("PENSTOCK_PARSER");
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    programs->parser = parser ? strdup(parser) : beside(self, "penstock-parser");
    if (programs->parser)
        programs->sandbox = options->sandbox_program ? strdup(options->sandbox_program)
                                                     : beside(programs->parser, "penstock-sandbox");
    if (!programs->parser || !programs->sandbox)
        return fail(err, ERR_NO_MEMORY, "no memory was left for starting parser processes");
    const char *missing = access(programs->parser, X_OK) != 0    ? programs->parser
                          : access(programs->sandbox, X_OK) != 0 ? programs->sandbox
                                                                 : NULL;
    if (missing)
        return fail(err, ERR_CONFIG, "%s cannot be run (%s); it belongs beside penstock", missing,
                    strerror(errno));
    return true;
}

void parser_programs_free(struct parser_programs *programs) {
    free(programs->parser);
    free(programs->sandbox);
}
