#include "net/loop.h"

#include "base/clock.h"

#include "../unit.h"

#include <pthread.h>

enum { POSTERS = 4, POSTS = 5000 };

struct post {
    struct loop_task task;
    struct ring *ring;
    unsigned poster, number;
};

/* Touched on the loop's thread only, but for `posts`, which are handed over. */
struct ring {
    struct loop *loop;
    struct post posts[POSTERS][POSTS];
    unsigned next[POSTERS];
    unsigned out_of_order;
    unsigned total;
    pthread_t thread;
};

static void on_post(struct loop_task *task) {
    struct post *p = CONTAINER_OF(task, struct post, task);
    struct ring *r = p->ring;
    if (r->total++ == 0)
        r->thread = pthread_self();
    if (p->number != r->next[p->poster]++ || !pthread_equal(r->thread, pthread_self()))
        r->out_of_order++;
}

struct poster {
    struct ring *ring;
    unsigned number;
    pthread_t thread;
};

static void *post_all(void *arg) {
    struct poster *me = arg;
    for (unsigned i = 0; i < POSTS; i++) {
        struct post *p = &me->ring->posts[me->number][i];
        *p = (struct post){.task.run = on_post, .ring = me->ring, .poster = me->number, .number = i};
        loop_post(me->ring->loop, &p->task);
    }
    return NULL;
}

static void runs_every_task_in_order_on_its_thread(void **state) {
    struct ring *r = calloc(1, sizeof *r);
    struct error err;
    r->loop = loop_new(3, &err);
    assert_non_null(r->loop);
    assert_int_equal(loop_index(r->loop), 3);
    assert_true(loop_run(r->loop, &err));
    struct poster posters[POSTERS];
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){.ring = r, .number = i};
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_all, &posters[i]), 0);
    }
    for (unsigned i = 0; i < POSTERS; i++)
        pthread_join(posters[i].thread, NULL);
    loop_stop(r->loop);
    assert_int_equal(r->total, POSTERS * POSTS);
    assert_int_equal(r->out_of_order, 0);
    /* After the end nothing runs and nothing breaks. */
    r->posts[0][0].task.run = on_post;
    loop_post(r->loop, &r->posts[0][0].task);
    assert_int_equal(r->total, POSTERS * POSTS);
    loop_free(r->loop);
    free(r);
}

enum { ALARMS = 200 };

struct alarms {
    struct loop_task task;
    struct loop *loop;
    struct alarm {
        struct loop_timer timer;
        struct alarms *all;
        int64_t late_ns;
    } alarms[ALARMS];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned fired; /* under the lock */
};

static void on_alarm(struct loop_timer *timer) {
    struct alarm *a = CONTAINER_OF(timer, struct alarm, timer);
    a->late_ns = clock_monotonic() - timer->deadline_ns;
    pthread_mutex_lock(&a->all->lock);
    a->all->fired++;
    pthread_cond_signal(&a->all->changed);
    pthread_mutex_unlock(&a->all->lock);
}

static void arm_all(struct loop_task *task) {
    struct alarms *all = CONTAINER_OF(task, struct alarms, task);
    int64_t now = clock_monotonic();
    for (int i = 0; i < ALARMS; i++) {
        struct alarm *a = &all->alarms[i];
        a->all = all;
        a->timer.fire = on_alarm;
        /* Half of them are moved: an hour to soon, or the reverse way round. */
        loop_timer_arm(all->loop, &a->timer, now + (i % 2 ? 3600 * NS_PER_SECOND : NS_PER_MS));
        loop_timer_arm(all->loop, &a->timer, now + (ALARMS - i) % 60 * NS_PER_MS);
        if (i % 10 == 9)
            loop_timer_disarm(all->loop, &a->timer);
    }
}

static void fires_timers_on_time(void **state) {
    struct error err;
    struct alarms *all = calloc(1, sizeof *all);
    pthread_mutex_init(&all->lock, NULL);
    pthread_cond_init(&all->changed, NULL);
    all->loop = loop_new(0, &err);
    assert_true(loop_run(all->loop, &err));
    all->task.run = arm_all;
    loop_post(all->loop, &all->task);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&all->lock);
    int result = 0;
    while (all->fired < ALARMS - ALARMS / 10 && result == 0)
        result = pthread_cond_timedwait(&all->changed, &all->lock, &until);
    pthread_mutex_unlock(&all->lock);
    loop_stop(all->loop);
    assert_int_equal(all->fired, ALARMS - ALARMS / 10);
    for (int i = 0; i < ALARMS; i++)
        assert_true(all->alarms[i].late_ns >= 0);
    loop_free(all->loop);
    pthread_cond_destroy(&all->changed);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

static void frees_a_loop_that_never_ran(void **state) {
    struct error err;
    struct loop *loop = loop_new(0, &err);
    assert_non_null(loop);
    loop_free(loop);
    loop_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_every_task_in_order_on_its_thread),
        cmocka_unit_test(fires_timers_on_time),
        cmocka_unit_test(frees_a_loop_that_never_ran),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
