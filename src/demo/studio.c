#include "demo/studio.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void forget_lists(struct studio *studio) {
    for (unsigned i = 0; i < studio->cameras; i++) {
        if (studio->lists[i])
            fclose(studio->lists[i]);
        studio->lists[i] = NULL;
        unlink(studio->paths[i]);
    }
}

bool studio_begin(struct studio *studio, const char *camera_program, const char *folder, struct error *err) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *studio = (struct studio){.camera_program = camera_program};
    unsigned wanted = cores < 1 ? 1 : cores > STUDIO_CAMERAS_MAX ? STUDIO_CAMERAS_MAX : (unsigned)cores;
    while (studio->cameras < wanted) {
        char *path = studio->paths[studio->cameras];
        if (snprintf(path, PATH_MAX, "%s/photographs-%u", folder, studio->cameras) >= PATH_MAX) {
            forget_lists(studio);
            return fail(err, ERR_IO, "%.200s… is too long for a path; choose another folder", folder);
        }
        FILE *list = fopen(path, "we");
        if (!list) {
            fail(err, ERR_IO, "%s cannot be written: %s", path, strerror(errno));
            forget_lists(studio);
            return false;
        }
        studio->lists[studio->cameras++] = list;
    }
    return true;
}

void studio_order(struct studio *studio, uint64_t seed, unsigned pixels, const char *pdf, const char *jpeg) {
    /* A failed write shows at the end, by ferror. */
    fprintf(studio->lists[studio->orders++ % studio->cameras], "%" PRIu64 "\t%u\t%s\t%s\n", seed, pixels, pdf,
            jpeg);
}

static bool close_lists(struct studio *studio, struct error *err) {
    bool good = true;
    for (unsigned i = 0; i < studio->cameras; i++) {
        if (ferror(studio->lists[i]))
            good = false;
        if (fclose(studio->lists[i]) != 0)
            good = false;
        studio->lists[i] = NULL;
    }
    return good || fail(err, ERR_IO, "%s cannot be written: %s", studio->paths[0], strerror(errno));
}

struct camera {
    pid_t pid; /* 0: ended */
    int status;
};

/* Waits for all of them until the deadline, then ends those that are left. */
static void await(struct camera *cameras, unsigned count, int64_t deadline) {
    for (unsigned running = count; running > 0;) {
        for (unsigned i = 0; i < count; i++)
            if (cameras[i].pid && waitpid(cameras[i].pid, &cameras[i].status, WNOHANG) == cameras[i].pid) {
                cameras[i].pid = 0;
                running--;
            }
        if (running > 0 && clock_monotonic() > deadline)
            for (unsigned i = 0; i < count; i++)
                if (cameras[i].pid)
                    kill(cameras[i].pid, SIGKILL);
        if (running > 0)
            nanosleep(&(struct timespec){.tv_nsec = 20 * NS_PER_MS}, NULL);
    }
}

static bool run_cameras(struct studio *studio, struct error *err) {
    struct camera cameras[STUDIO_CAMERAS_MAX];
    unsigned count = 0;
    int status = 0;
    while (count < studio->cameras && status == 0) {
        char *const arguments[] = {"penstock-demo-camera", studio->paths[count], NULL};
        status = posix_spawn(&cameras[count].pid, studio->camera_program, NULL, NULL, arguments, environ);
        count += status == 0;
    }
    await(cameras, count, status == 0 ? clock_monotonic() + STUDIO_SECONDS_MAX * NS_PER_SECOND : 0);
    if (status != 0)
        return fail(err, ERR_IO, "%s cannot be run: %s", studio->camera_program, strerror(status));
    for (unsigned i = 0; i < count; i++)
        if (cameras[i].status != 0)
            return fail(err, ERR_IO, "%s ended with %s %d; see what it said above", studio->camera_program,
                        WIFSIGNALED(cameras[i].status) ? "signal" : "status",
                        WIFSIGNALED(cameras[i].status) ? WTERMSIG(cameras[i].status)
                                                       : WEXITSTATUS(cameras[i].status));
    return true;
}

bool studio_end(struct studio *studio, bool wanted, struct error *err) {
    bool good = !wanted || (close_lists(studio, err) && run_cameras(studio, err));
    forget_lists(studio);
    return good;
}
