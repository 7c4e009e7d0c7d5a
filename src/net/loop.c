#include "net/loop.h"

#include "base/check.h"
#include "base/clock.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* So many deferred tasks are run together at the most. */
enum { DEFERRED_MAX = 32, SHORT_TURN_NS = 100000 };

struct task_list {
    struct loop_task *first, **last;
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t alarm;
    uv_prepare_t before_wait; /* deferred by timers and the like */
    uv_check_t after_events;  /* deferred by sockets */
    unsigned index;
    pthread_t thread;
    bool running;

    struct timer_wheel wheel;
    int64_t alarm_ns; /* when `alarm` goes off at the latest; INT64_MAX: it is off */

    struct task_list deferred;
    unsigned deferred_count;

    pthread_mutex_t lock;
    struct task_list posted; /* under the lock, as the next */
    bool closed;
};

static void list_clear(struct task_list *list) {
    *list = (struct task_list){.last = &list->first};
}

static void list_add(struct task_list *list, struct loop_task *task) {
    task->next = NULL;
    *list->last = task;
    list->last = &task->next;
}

static struct loop_task *take_tasks(struct loop *loop, bool close) {
    pthread_mutex_lock(&loop->lock);
    struct loop_task *tasks = loop->posted.first;
    list_clear(&loop->posted);
    if (close)
        loop->closed = true;
    pthread_mutex_unlock(&loop->lock);
    return tasks;
}

static void run_tasks(struct loop_task *task) {
    while (task) {
        struct loop_task *next = task->next;
        task->run(task);
        task = next;
    }
}

static void on_wake(uv_async_t *wake) {
    (void)loop_begin_event(wake->data);
    run_tasks(take_tasks(wake->data, false));
}

static void run_deferred(struct loop *loop) {
    struct loop_task *tasks = loop->deferred.first;
    list_clear(&loop->deferred);
    loop->deferred_count = 0;
    run_tasks(tasks);
}

static void on_before_wait(uv_prepare_t *prepare) {
    while (((struct loop *)prepare->data)->deferred.first)
        run_deferred(prepare->data);
}

static void on_after_events(uv_check_t *check) {
    run_deferred(check->data);
}

static void set_alarm(struct loop *loop, int64_t at_ns);

static void on_alarm(uv_timer_t *alarm) {
    struct loop *loop = alarm->data;
    loop->alarm_ns = INT64_MIN; /* timers armed by what follows are covered by set_alarm below */
    wheel_advance(&loop->wheel, clock_monotonic());
    loop->alarm_ns = INT64_MAX;
    set_alarm(loop, wheel_next_ns(&loop->wheel));
}

static void set_alarm(struct loop *loop, int64_t at_ns) {
    if (at_ns >= loop->alarm_ns)
        return;
    int64_t wait_ns = at_ns - clock_monotonic();
    /* Never 0: libuv would run the alarm again before it looks at the sockets. */
    uint64_t wait_ms = wait_ns <= 0 ? 1 : (uint64_t)(wait_ns / NS_PER_MS) + 1;
    loop->alarm_ns = at_ns;
    CHECK(uv_timer_start(&loop->alarm, on_alarm, wait_ms, 0) == 0);
}

struct loop *loop_new(unsigned index, struct error *err) {
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop) {
        fail(err, ERR_NO_MEMORY, "no memory for event loop %u", index);
        return NULL;
    }
    int result = uv_loop_init(&loop->uv);
    if (result != 0) {
        fail(err, ERR_IO, "event loop %u: %s", index, uv_strerror(result));
        free(loop);
        return NULL;
    }
    result = uv_async_init(&loop->uv, &loop->wake, on_wake);
    if (result != 0) {
        fail(err, ERR_IO, "event loop %u: %s", index, uv_strerror(result));
        uv_loop_close(&loop->uv);
        free(loop);
        return NULL;
    }
    CHECK(uv_timer_init(&loop->uv, &loop->alarm) == 0);
    CHECK(uv_prepare_init(&loop->uv, &loop->before_wait) == 0);
    CHECK(uv_check_init(&loop->uv, &loop->after_events) == 0);
    CHECK(uv_prepare_start(&loop->before_wait, on_before_wait) == 0);
    CHECK(uv_check_start(&loop->after_events, on_after_events) == 0);
    loop->wake.data = loop->alarm.data = loop->before_wait.data = loop->after_events.data = loop;
    loop->index = index;
    list_clear(&loop->posted);
    list_clear(&loop->deferred);
    loop->alarm_ns = INT64_MAX;
    wheel_init(&loop->wheel, clock_monotonic());
    pthread_mutex_init(&loop->lock, NULL);
    return loop;
}

static void close_own_handles(struct loop *loop) {
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    uv_close((uv_handle_t *)&loop->before_wait, NULL);
    uv_close((uv_handle_t *)&loop->after_events, NULL);
}

/* Since 6.12 a Linux thread may wish for its turns' length, and one that wakes up and wishes for less than
 * the one that runs gets its turn at once: clients wait for a loop, and nobody waits for the recorder's next
 * line. Where the kernel does not know of it nothing happens. */
static void wish_for_short_turns(void) {
    struct { /* struct sched_attr of sched_setattr(2) */
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } wish = {.size = sizeof wish, .policy = SCHED_OTHER, .runtime = SHORT_TURN_NS};
    wish.nice = getpriority(PRIO_PROCESS, 0);
    (void)syscall(SYS_sched_setattr, 0, &wish, 0U);
}

static void *loop_main(void *arg) {
    struct loop *loop = arg;
    char name[16];
    snprintf(name, sizeof name, "loop-%u", loop->index % 1000);
    pthread_setname_np(pthread_self(), name);
    wish_for_short_turns();
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    return NULL;
}

bool loop_run(struct loop *loop, struct error *err) {
    /* Signals are for the thread that waits for them. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&loop->thread, NULL, loop_main, loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0)
        return fail(err, ERR_IO, "thread of event loop %u: %s", loop->index, strerror(result));
    loop->running = true;
    return true;
}

struct stop_task {
    struct loop_task task;
    struct loop *loop;
};

static void run_stop(struct loop_task *task) {
    struct loop *loop = CONTAINER_OF(task, struct stop_task, task)->loop;
    run_tasks(take_tasks(loop, true));
    run_deferred(loop);
    close_own_handles(loop);
}

void loop_stop(struct loop *loop) {
    if (!loop->running)
        return;
    struct stop_task stop = {.task.run = run_stop, .loop = loop};
    loop_post(loop, &stop.task);
    pthread_join(loop->thread, NULL);
    loop->running = false;
}

void loop_free(struct loop *loop) {
    if (!loop)
        return;
    CHECK(!loop->running);
    if (!uv_is_closing((uv_handle_t *)&loop->wake)) {
        close_own_handles(loop);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    }
    CHECK(uv_loop_close(&loop->uv) == 0);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

unsigned loop_index(const struct loop *loop) {
    return loop->index;
}

uv_loop_t *loop_uv(struct loop *loop) {
    return &loop->uv;
}

void loop_post(struct loop *loop, struct loop_task *task) {
    pthread_mutex_lock(&loop->lock);
    if (!loop->closed) {
        bool was_empty = !loop->posted.first;
        list_add(&loop->posted, task);
        /* Under the lock: the handle is closed only after `closed` was set there. */
        if (was_empty)
            uv_async_send(&loop->wake);
    }
    pthread_mutex_unlock(&loop->lock);
}

void loop_timer_arm(struct loop *loop, struct loop_timer *timer, int64_t deadline_ns) {
    wheel_arm(&loop->wheel, timer, deadline_ns);
    set_alarm(loop, deadline_ns);
}

void loop_timer_disarm(struct loop *loop, struct loop_timer *timer) {
    wheel_disarm(&loop->wheel, timer);
}

void loop_defer(struct loop *loop, struct loop_task *task) {
    list_add(&loop->deferred, task);
    loop->deferred_count++;
}

int64_t loop_begin_event(struct loop *loop) {
    if (loop->deferred_count >= DEFERRED_MAX)
        run_deferred(loop);
    return clock_monotonic();
}
