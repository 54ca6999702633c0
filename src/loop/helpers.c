/* helpers.c - two queues under one lock: jobs waiting for a thread, and jobs waiting for the loop.
 *
 *   helpers_submit > todo > a thread: work() > finished > eventfd > the loop: done()
 *
 * Woken  threads by the condition, the loop by the eventfd (rung when `finished` was empty).
 * Lives  until helpers_free(), which lets the threads empty `todo` first.
 */
#include "loop/helpers.h"
#include "base/span.h"
#include "base/sys.h"
#include <errno.h>
#include <pthread.h>

struct job_queue {
    struct helper_job *first, **end;
};

struct helpers {
    pthread_mutex_t lock;
    pthread_cond_t is_more;
    struct job_queue todo, finished;
    bool is_ending;
    void (*each)(void *user);         /* for every thread once: helpers_each */
    void *each_user;
    unsigned each_stamp;              /* another one with each of them */
    unsigned jobs, jobs_max;          /* submitted and not yet done; of the loop's thread alone */
    struct watch bell;                /* the eventfd */
    unsigned threads;                 /* that were started */
    pthread_t thread[];
};

static void queue_init(struct job_queue *q)
{
    q->first = NULL;
    q->end = &q->first;
}

static void queue_add(struct job_queue *q, struct helper_job *job)
{
    job->next = NULL;
    *q->end = job;
    q->end = &job->next;
}

static struct helper_job *queue_take(struct job_queue *q)
{
    struct helper_job *job = q->first;
    if (job && !(q->first = job->next))
        q->end = &q->first;
    return job;
}

/* NULL: no more will come.  *stamp: of the last order to all that this thread has carried out. */
static struct helper_job *next_job(struct helpers *h, unsigned *stamp)
{
    struct helper_job *job = NULL;
    (void)pthread_mutex_lock(&h->lock);
    for (;;) {
        if (*stamp != h->each_stamp) {
            *stamp = h->each_stamp;
            h->each(h->each_user);
        }
        job = queue_take(&h->todo);
        if (job || h->is_ending)
            break;
        (void)pthread_cond_wait(&h->is_more, &h->lock);
    }
    (void)pthread_mutex_unlock(&h->lock);
    return job;
}

static void hand_back(struct helpers *h, struct helper_job *job)
{
    static const uint64_t one = 1;
    (void)pthread_mutex_lock(&h->lock);
    bool was_empty = h->finished.first == NULL;
    queue_add(&h->finished, job);
    /* Inside the lock: once it is open, the loop may take the job and free everything. */
    for (int tries = 0; was_empty && tries < 2; tries++)
        if (sys_write(h->bell.fd, &one, sizeof one) == (ssize_t)sizeof one)
            break;
    (void)pthread_mutex_unlock(&h->lock);
}

static void *run_thread(void *user)
{
    struct helpers *h = user;
    struct helper_job *job;
    unsigned stamp = 0;
    while ((job = next_job(h, &stamp)) != NULL) {
        job->work(job);
        hand_back(h, job);
    }
    return NULL;
}

static struct helper_job *take_finished(struct helpers *h)
{
    (void)pthread_mutex_lock(&h->lock);
    struct helper_job *first = h->finished.first;
    queue_init(&h->finished);
    (void)pthread_mutex_unlock(&h->lock);
    return first;
}

static void finish_jobs(struct helpers *h)
{
    struct helper_job *job = take_finished(h), *next;
    for (; job; job = next) {
        next = job->next;                                   /* done() may free the job */
        h->jobs--;
        job->done(job);
    }
}

static void run_bell(struct watch *w)
{
    struct helpers *h = container_of(w, struct helpers, bell);
    uint64_t rings;
    w->ready = 0;
    (void)sys_read(w->fd, &rings, sizeof rings);            /* -EAGAIN when it is empty already */
    finish_jobs(h);
}

/* Threads take no signals: those are the loop's.  SIGSYS is no message but says what a thread itself did,
 * and blocked it would end the process. */
static int start_threads(struct helpers *h, unsigned threads)
{
    sigset_t all, before;
    int rc = 0;
    sigfillset(&all);
    sigdelset(&all, SIGSYS);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    while (rc == 0 && h->threads < threads) {
        rc = -pthread_create(&h->thread[h->threads], NULL, run_thread, h);
        if (rc == 0)
            h->threads++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static int start(struct helpers *h, struct loop *l, unsigned threads)
{
    int fd = sys_eventfd(0, SOCK_NONBLOCK);                 /* the same bit as EFD_NONBLOCK */
    if (fd < 0)
        return fd;
    int rc = loop_watch(l, &h->bell, fd, run_bell);
    if (rc < 0) {
        (void)sys_close(fd);
        return rc;
    }
    return start_threads(h, threads);
}

struct helpers *helpers_new(struct loop *l, unsigned threads, unsigned jobs_max)
{
    struct helpers *h = sys_calloc(1, sizeof *h + threads * sizeof h->thread[0]);
    if (!h)
        return NULL;
    h->jobs_max = jobs_max;
    h->bell.fd = -1;
    queue_init(&h->todo);
    queue_init(&h->finished);
    (void)pthread_mutex_init(&h->lock, NULL);               /* neither can fail on Linux */
    (void)pthread_cond_init(&h->is_more, NULL);
    if (start(h, l, threads) < 0) {
        helpers_free(h);
        return NULL;
    }
    return h;
}

void helpers_free(struct helpers *h)
{
    if (!h)
        return;
    (void)pthread_mutex_lock(&h->lock);
    h->is_ending = true;
    (void)pthread_cond_broadcast(&h->is_more);
    (void)pthread_mutex_unlock(&h->lock);
    for (unsigned i = 0; i < h->threads; i++)
        (void)pthread_join(h->thread[i], NULL);
    finish_jobs(h);
    int fd = h->bell.fd;
    loop_unwatch(&h->bell);
    (void)sys_close(fd);
    (void)pthread_cond_destroy(&h->is_more);
    (void)pthread_mutex_destroy(&h->lock);
    sys_free(h);
}

int helpers_submit(struct helpers *h, struct helper_job *job)
{
    if (h->jobs >= h->jobs_max)
        return -EAGAIN;
    h->jobs++;
    (void)pthread_mutex_lock(&h->lock);
    queue_add(&h->todo, job);
    (void)pthread_cond_signal(&h->is_more);
    (void)pthread_mutex_unlock(&h->lock);
    return 0;
}

void helpers_each(struct helpers *h, void (*run)(void *user), void *user)
{
    (void)pthread_mutex_lock(&h->lock);
    h->each = run;
    h->each_user = user;
    h->each_stamp++;
    (void)pthread_cond_broadcast(&h->is_more);
    (void)pthread_mutex_unlock(&h->lock);
}

bool helpers_are_idle(const struct helpers *h)
{
    return h->jobs == 0;
}

unsigned helpers_threads(const struct helpers *h)
{
    return h->threads;
}
