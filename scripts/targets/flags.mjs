/** How C is compiled, wherever: what GCC, Clang and MinGW understand. */

export const languageFlags = ['-std=c11', '-O2', '-fvisibility=hidden', '-DNAPI_VERSION=8']
export const warningFlags = ['-Wall', '-Wextra', '-Werror']

/**
 * For a binary of the package: some distributions' compilers have these on by default, and then want symbols that
 * not every C library has.
 */
export const plainFlags = ['-fno-stack-protector', '-U_FORTIFY_SOURCE', '-fno-ident']
