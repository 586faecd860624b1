#define _GNU_SOURCE
#include "jobs.h"

#include "arguments.h"
#include "outcome.h"
#include "page_cache.h"
#include "small_files.h"

#include <stdlib.h>
#include <string.h>

/*
 * Made, completed and freed on the environment's own thread; in between `task` belongs to a thread of the
 * pool.
 */
struct job {
  struct environment *environment; /* a reference */
  napi_async_work work;
  napi_deferred deferred;
  double number;
  struct job *previous, *next; /* in the environment's list */
  char *path;                  /* owned; what task.path points to */
  struct task task;
  struct small_files *small; /* owned; NULL for other jobs */
  napi_ref target;           /* keeps the memory that `small` is read into */
  struct cache_visit *visit; /* owned; NULL for other jobs */
  atomic_int fate;           /* enum fate: whose `task` is once nobody may complete it */
};

/*
 * A runtime that ends need not complete the jobs under way (Deno does not). So the thread of the pool, when it is
 * through with a task, and the environment, when it gives the task up, each say so here; who comes second undoes it.
 * What a job writes into memory of the runtime's (BUSY) is waited for: that memory may be gone next.
 */
enum fate { UNDER_WAY, BUSY, THROUGH, GIVEN_UP };

/* On the thread of the pool. */
static void get_through(struct job *job)
{
  if (atomic_exchange(&job->fate, THROUGH) == GIVEN_UP) task_fail(&job->task, OS_ECANCELED, "");
}

static void give_up(struct job *job)
{
  atomic_store(&job->task.cancelled, true);
  int before = atomic_exchange(&job->fate, GIVEN_UP);
  if (before == THROUGH) task_fail(&job->task, OS_ECANCELED, "");
  while (before == BUSY && atomic_load(&job->fate) != THROUGH)
    thread_yield();
}

static void link_job(struct job *job)
{
  struct environment *environment = job->environment;
  job->next = environment->first_job;
  if (job->next) job->next->previous = job;
  environment->first_job = job;
}

static void unlink_job(struct job *job)
{
  if (job->next) job->next->previous = job->previous;
  if (job->previous)
    job->previous->next = job->next;
  else
    job->environment->first_job = job->next;
}

static struct job *new_job(struct environment *environment, const struct task *task, double number,
                           char *path)
{
  struct job *job = calloc(1, sizeof *job);
  if (!job) return NULL;
  job->task = *task;
  job->task.path = path;
  job->path = path;
  job->number = number;
  job->environment = environment;
  environment_retain(environment);
  atomic_fetch_add(&environment->jobs, 1);
  link_job(job);
  return job;
}

static void free_job(napi_env env, struct job *job)
{
  unlink_job(job);
  if (job->work) napi_delete_async_work(env, job->work);
  if (job->target) napi_delete_reference(env, job->target);
  atomic_fetch_sub(&job->environment->jobs, 1);
  environment_release(job->environment);
  free(job->path);
  small_files_free(job->small);
  cache_visit_free(job->visit);
  free(job);
}

/* Answers the promise, or NULL where the job could not be started; then it is the caller's to free still. */
static napi_value start(napi_env env, struct job *job, napi_async_execute_callback execute,
                        napi_async_complete_callback complete)
{
  napi_value name, promise;
  if (napi_create_string_utf8(env, "slidemap", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, execute, complete, job, &job->work) != napi_ok ||
      napi_create_promise(env, &job->deferred, &promise) != napi_ok)
    return NULL;
  return napi_queue_async_work(env, job->work) == napi_ok ? promise : NULL;
}

static napi_value throw_failure(napi_env env)
{
  return throw_out_of_memory(env, "a job on the thread pool");
}

/* ---- run ---- */

static void execute_run(napi_env env, void *data)
{
  (void)env;
  struct job *job = data;
  task_run(&job->task);
  get_through(job);
}

/* What the runtime could not make. Where JavaScript cannot run any more, the promise stays: nobody sees it. */
static void reject_with_pending(napi_env env, napi_deferred deferred)
{
  bool pending = false;
  napi_value error;
  throw_failure(env);
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) return;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_reject_deferred(env, deferred, error);
}

static void complete_run(napi_env env, napi_status status, void *data)
{
  struct job *job = data;
  struct task *task = &job->task;
  /* Also where the task was through when the wish to cancel came: the caller has left. */
  if (status != napi_ok || atomic_load(&task->cancelled)) task_fail(task, OS_ECANCELED, "");
  napi_value outcome;
  if (!outcome_make(env, task, &outcome))
    reject_with_pending(env, job->deferred);
  else if (napi_resolve_deferred(env, job->deferred, outcome) != napi_ok)
    outcome_abandon(task);
  free_job(env, job);
}

napi_value job_run(napi_env env, double number, const struct task *task, char *path)
{
  struct job *job = new_job(task->environment, task, number, path);
  if (!job) {
    free(path);
    return throw_failure(env);
  }
  napi_value promise = start(env, job, execute_run, complete_run);
  if (promise) return promise;
  free_job(env, job);
  return throw_failure(env);
}

void job_cancel(napi_env env, struct environment *environment, double number)
{
  for (struct job *job = environment->first_job; job; job = job->next) {
    if (job->number != number) continue;
    atomic_store(&job->task.cancelled, true);
    /* Where it is queued still; a running one looks at the flag. */
    napi_cancel_async_work(env, job->work);
  }
}

void job_cancel_all(struct environment *environment)
{
  for (struct job *job = environment->first_job; job; job = job->next)
    give_up(job);
}

/* ---- small files ---- */

static void execute_small(napi_env env, void *data)
{
  (void)env;
  struct job *job = data;
  int fate = UNDER_WAY;
  if (!atomic_compare_exchange_strong(&job->fate, &fate, BUSY)) return;
  small_files_read(job->small, &job->task.cancelled);
  get_through(job);
}

/* The lengths of the files that were looked at, as an Int32Array. */
static bool make_lengths(napi_env env, const struct small_files *small, size_t count, napi_value *answer)
{
  void *lengths;
  napi_value buffer;
  size_t bytes = count * sizeof *small->lengths;
  if (napi_create_arraybuffer(env, bytes, &lengths, &buffer) != napi_ok) return false;
  if (bytes > 0) memcpy(lengths, small->lengths, bytes);
  return napi_create_typedarray(env, napi_int32_array, count, buffer, 0, answer) == napi_ok;
}

static void complete_small(napi_env env, napi_status status, void *data)
{
  struct job *job = data;
  napi_value answer;
  /* Who cancelled has left, and was not told where it stopped. */
  bool left = status != napi_ok || atomic_load(&job->task.cancelled);
  if (make_lengths(env, job->small, left ? 0 : job->small->done, &answer))
    napi_resolve_deferred(env, job->deferred, answer);
  else
    reject_with_pending(env, job->deferred);
  free_job(env, job);
}

napi_value job_read_small(napi_env env, struct environment *environment, double number,
                          struct small_files *small, napi_value target)
{
  struct task task = { .environment = environment, .fd = -1 };
  struct job *job = new_job(environment, &task, number, NULL);
  if (!job) {
    small_files_free(small);
    return throw_failure(env);
  }
  job->small = small;
  napi_value promise = NULL;
  if (napi_create_reference(env, target, 1, &job->target) == napi_ok)
    promise = start(env, job, execute_small, complete_small);
  if (promise) return promise;
  free_job(env, job);
  return throw_failure(env);
}

/* ---- visitCache ---- */

static void execute_visit(napi_env env, void *data)
{
  (void)env;
  struct job *job = data;
  cache_visit(job->visit, &job->task.cancelled);
}

/* A Float64Array of pairs of offset and length. */
static bool make_ranges(napi_env env, const struct cache_range *ranges, size_t count, napi_value *array)
{
  void *data;
  napi_value buffer;
  if (napi_create_arraybuffer(env, 2 * count * sizeof(double), &data, &buffer) != napi_ok) return false;
  double *numbers = data;
  for (size_t i = 0; i < count; i++) {
    numbers[2 * i] = (double)ranges[i].offset;
    numbers[2 * i + 1] = (double)ranges[i].length;
  }
  return napi_create_typedarray(env, napi_float64_array, 2 * count, buffer, 0, array) == napi_ok;
}

static void complete_visit(napi_env env, napi_status status, void *data)
{
  struct job *job = data;
  napi_value ranges;
  /* Where it was cancelled on its way, what was read in until then must be known, to be forgotten again. */
  if (status == napi_ok ? make_ranges(env, job->visit->absent, job->visit->absent_count, &ranges)
                        : napi_get_null(env, &ranges) == napi_ok)
    napi_resolve_deferred(env, job->deferred, ranges);
  else
    reject_with_pending(env, job->deferred);
  free_job(env, job);
}

napi_value job_visit_cache(napi_env env, struct environment *environment, double number,
                           struct cache_visit *visit)
{
  struct task task = { .environment = environment, .fd = -1 };
  struct job *job = new_job(environment, &task, number, NULL);
  if (!job) {
    cache_visit_free(visit);
    return throw_failure(env);
  }
  job->visit = visit;
  napi_value promise = start(env, job, execute_visit, complete_visit);
  if (promise) return promise;
  free_job(env, job);
  return throw_failure(env);
}

/* ---- close ---- */

/* No number of a job to cancel: those are whole. */
#define NO_NUMBER 0.5

static napi_value resolve_errno(napi_env env, napi_deferred deferred, int error)
{
  napi_value number;
  if (napi_create_int32(env, error, &number) == napi_ok) napi_resolve_deferred(env, deferred, number);
  return NULL;
}

static void execute_close(napi_env env, void *data)
{
  (void)env;
  struct job *job = data;
  job->task.error = file_close(job->task.fd);
  job->task.fd = -1;
}

static void complete_close(napi_env env, napi_status status, void *data)
{
  struct job *job = data;
  if (status != napi_ok && job->task.fd >= 0) execute_close(env, job);
  resolve_errno(env, job->deferred, job->task.error);
  free_job(env, job);
}

/* The answer for a descriptor that is not this environment's to close. */
static napi_value refuse_close(napi_env env)
{
  napi_deferred deferred;
  napi_value promise;
  if (napi_create_promise(env, &deferred, &promise) != napi_ok) return NULL;
  resolve_errno(env, deferred, OS_EBADF);
  return promise;
}

napi_value job_close(napi_env env, struct environment *environment, int fd)
{
  if (!environment_disown(environment, fd)) return refuse_close(env);
  struct task task = { .environment = environment, .fd = fd };
  struct job *job = new_job(environment, &task, NO_NUMBER, NULL);
  napi_value promise = job ? start(env, job, execute_close, complete_close) : NULL;
  if (promise) return promise;
  file_close(fd);
  if (job) free_job(env, job);
  return throw_failure(env);
}
