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

/* JavaScript will never see the object: close its descriptor. The mapping goes with the ArrayBuffer. */
void outcome_abandon(struct task *task);

#endif
