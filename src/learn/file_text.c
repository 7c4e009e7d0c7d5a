#include "learn/file_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *read_all(FILE *f, const char *path, size_t size, size_t *n, struct error *err) {
    char *text = malloc(size + 1);
    if (!text) {
        fail(err, ERR_NO_MEMORY, "Out of memory for %s (%zu bytes).", path, size);
        return NULL;
    }
    *n = fread(text, 1, size, f);
    if (*n < size) {
        fail(err, ERR_IO, "%s: only %zu of %zu bytes could be read.", path, *n, size);
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

char *file_text(const char *path, size_t most, size_t *n, struct error *err) {
    struct stat st;
    FILE *f = fopen(path, "rbe");
    char *text = NULL;
    if (!f)
        fail(err, ERR_IO, "%s: %s.", path, strerror(errno));
    else if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode))
        fail(err, ERR_IO, "%s is not a regular file.", path);
    else if ((uintmax_t)st.st_size > most)
        fail(err, ERR_DATA, "%s has %jd bytes, more than the limit of %zu.", path, (intmax_t)st.st_size,
             most);
    else
        text = read_all(f, path, (size_t)st.st_size, n, err);
    if (f)
        fclose(f);
    return text;
}
