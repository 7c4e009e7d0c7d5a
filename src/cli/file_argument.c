#include "cli/file_argument.h"

#include <stdio.h>

bool file_argument_read(const char *path, const char *what, size_t most, struct buf *out, struct error *err) {
    FILE *file = fopen(path, "re");
    if (!file)
        return fail(err, ERR_IO, "Cannot read %s: %m.", path);
    if (buf_reserve(out, most + 1))
        out->n = fread(out->p, 1, most + 1, file);
    bool broken = ferror(file) || out->failed;
    fclose(file);
    if (broken)
        return fail(err, ERR_IO, "Cannot read %s: %m.", path);
    return out->n <= most ||
           fail(err, ERR_DATA, "%s is larger than %zu bytes, the most that %s may have.", path, most, what);
}
