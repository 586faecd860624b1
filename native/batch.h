/*
 * Memory that small files are read into, and the ArrayBuffers over parts of it: AddonBlank and AddonBatch in
 * lib/mapping/addon.ts.
 *
 * The memory is a mapping that is no file's, with a slot. What keeps its addresses from being given to anybody else:
 * the object that stands for it (`seen`) until that has been collected, every job that reads into it, every ArrayBuffer
 * over it until its finalizer has run. Who unmaps it earlier leaves empty pages there.
 */
#ifndef SLIDEMAP_BATCH_H
#define SLIDEMAP_BATCH_H

#include "small_files.h"
#include "task.h"

#include <node_api.h>

/* Bytes of such memory at the most: for so many of files, and a page for each of 65,536. */
#define BLANK_MAX ((int64_t)1 << 31)

/* Make memory of so many bytes: AddonBlank; undefined where there is none to be had as a mapping. */
napi_value batch_blank(napi_env env, struct environment *environment, size_t length);

/* A job is to read into a slot's memory, and has it as its mapping until then; NULL for none. */
void batch_enter(struct task *task, struct slot *slot);

/* It has, or never will: on the environment's own thread. */
void batch_leave(struct task *task);

/*
 * Make the answer, on the environment's own thread: an ArrayBuffer for each file that was looked at, over the task's
 * memory. Where it has none, or the runtime forbids such buffers, they are copies.
 *
 * False where it fails: then no buffer is left, and an exception may be pending.
 */
bool batch_make(napi_env env, const struct task *task, const struct small_files *files, napi_value *answer);

#endif
