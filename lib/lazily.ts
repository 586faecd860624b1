/**
 * What `make` makes, made when it is asked for first, and then kept: for what takes long to load and few programs need.
 *
 * @example
 * ```ts
 * const parser = lazily(() => new Parser(process.getBuiltinModule('node:http')))
 * parser().parse(text)
 * ```
 */
export function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
