/* What a task came to, as JavaScript sees it: AddonOutcome in lib/mapping/addon.ts. */
#ifndef SLIDEMAP_OUTCOME_H
#define SLIDEMAP_OUTCOME_H

#include "task.h"

#include <node_api.h>

/* Once an environment, before its first outcome. False where the runtime could not. */
bool outcome_prepare(napi_env env, struct environment *environment);

/* The environment has no outcomes any more. */
void outcome_forget(napi_env env, struct environment *environment);

/*
 * Make the object, on the environment's own thread. Takes over what the task has: the mapping becomes its
 * ArrayBuffer's, the descriptor JavaScript's. Where it fails (an exception is pending, or JavaScript cannot
 * run any more), all of it is undone.
 */
bool outcome_make(napi_env env, struct task *task, napi_value *outcome);

/*
 * Make an ArrayBuffer over bytes of a slot, which ends one of its backs (environment_end) when it is out of use. Where
 * it fails, ask outcome_refused whether that is the caller's to do.
 */
napi_status outcome_external(napi_env env, struct slot *slot, void *bytes, size_t length, napi_value *buffer);

/* Whether the runtime refused before it made anything: then the finalizer will never run. */
bool outcome_refused(napi_status status);

/* Hold what a slot's range rests under until this object has been collected. */
void outcome_watch(napi_env env, struct slot *slot, napi_value object);

/* Make an ArrayBuffer on the heap, and answer its bytes; NULL where there is no memory for it. */
void *outcome_on_heap(napi_env env, size_t length, napi_value *buffer);

/* JavaScript will never see the object: close its descriptor. The mapping goes with the ArrayBuffer. */
void outcome_abandon(struct task *task);

#endif
