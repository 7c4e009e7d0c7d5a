#include "watch/checkpointer.h"

#include "base/log.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    ENOUGH_PAGES = 2000, /* worth a copy: 8 MB */
    TRIES_MAX = 8,       /* while commits go on, each leaves fewer pages to the next */
    GIVE_WAY = 19        /* the least of nice(2) */
};

struct checkpointer {
    struct store *store;
    pthread_t thread;
    sem_t wake; /* posted once each time that `wanted` becomes true, and at the end */
    atomic_bool wanted, stopping;
    bool failed; /* the last time; the thread's */
};

/* Until nothing is left, so that the next commit begins the log anew; or readers still need a part of it. */
static void copy_log(struct checkpointer *c) {
    struct error err = {0};
    int left = 1;
    bool ok = true;
    for (int i = 0; ok && left > 0 && i < TRIES_MAX; i++)
        ok = store_copy_log(c->store, &left, &err);
    if (!ok && !c->failed)
        log_event(LOG_WARN, "store.log_not_copied",
                  "The store's write-ahead log cannot be copied and grows until it can. %s", err.message);
    c->failed = !ok;
}

static void *checkpointer_main(void *arg) {
    struct checkpointer *c = arg;
    pthread_setname_np(pthread_self(), "checkpointer");
    setpriority(PRIO_PROCESS, 0, GIVE_WAY); /* of Linux: this thread's */
    for (;;) {
        while (sem_wait(&c->wake) != 0)
            continue;
        if (atomic_load(&c->stopping))
            return NULL;
        atomic_store(&c->wanted, false);
        copy_log(c);
    }
}

static void committed(void *ctx, int pages) {
    struct checkpointer *c = ctx;
    if (pages >= ENOUGH_PAGES && !atomic_exchange(&c->wanted, true))
        sem_post(&c->wake);
}

static void checkpointer_free(struct checkpointer *c) {
    store_close(c->store);
    sem_destroy(&c->wake);
    free(c);
}

bool checkpointer_start(struct checkpointer **out, struct store *watched, struct error *err) {
    struct checkpointer *c = calloc(1, sizeof *c);
    if (!c)
        return fail(err, ERR_NO_MEMORY, "Out of memory while starting the checkpointer.");
    sem_init(&c->wake, 0, 0);
    bool ok = store_open(&c->store, store_folder(watched), err);
    if (ok && pthread_create(&c->thread, NULL, checkpointer_main, c) != 0)
        ok = fail(err, ERR_NO_MEMORY, "The checkpointer's thread cannot be started.");
    if (!ok) {
        checkpointer_free(c);
        return false;
    }
    store_watch_log(watched, committed, c);
    *out = c;
    return true;
}

void checkpointer_stop(struct checkpointer *c) {
    if (!c)
        return;
    atomic_store(&c->stopping, true);
    sem_post(&c->wake);
    pthread_join(c->thread, NULL);
    checkpointer_free(c);
}
