/* Work on the thread pool, and its promises. */
#ifndef SLIDEMAP_JOBS_H
#define SLIDEMAP_JOBS_H

#include "page_cache.h"
#include "small_files.h"
#include "task.h"

#include <node_api.h>

/*
 * Run a task on the thread pool. Answers its promise, or NULL with an exception pending.
 *
 * number: what job_cancel will know it by.
 * task:   copied; its environment must be this one's.
 * path:   the job's from here on, to be freed with free(); NULL where the task has a descriptor.
 */
napi_value job_run(napi_env env, double number, const struct task *task, char *path);

/*
 * Read small files on the thread pool. Answers the promise of their lengths, or NULL with an exception
 * pending.
 *
 * small:  the job's from here on.
 * target: the typed array that has `small->bytes`; referenced until the job has ended. (job_cancel_all waits
 *         for what is being read, since an environment that ends may give memory back before its jobs are over.)
 */
napi_value job_read_small(napi_env env, struct environment *environment, double number,
                          struct small_files *small, napi_value target);

/*
 * Visit the page cache on the thread pool. Answers the promise of the ranges that were absent, or NULL with an
 * exception pending.
 *
 * visit: the job's from here on. Its descriptor must stay open until the promise has settled.
 */
napi_value job_visit_cache(napi_env env, struct environment *environment, double number,
                           struct cache_visit *visit);

/* Close a descriptor of this environment on the thread pool. */
napi_value job_close(napi_env env, struct environment *environment, int fd);

/* Ask the jobs of this number to end soon. */
void job_cancel(napi_env env, struct environment *environment, double number);

/* JavaScript has ended: ask all to end soon. None writes into the runtime's memory afterwards. */
void job_cancel_all(struct environment *environment);

#endif
