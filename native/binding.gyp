{
  'targets': [
    {
      'target_name': 'slidemap',
      'sources': [
        'arguments.c', 'binding.c', 'environment.c', 'fault_guard.c', 'heap.c', 'jobs.c', 'losses.c', 'outcome.c',
        'page_cache.c', 'page_cache_call.c', 'scan.c', 'scan_call.c', 'slots.c', 'small_files.c', 'task.c'
      ],
      'include_dirs': ['<!(node -p "require(\'node-api-headers\').include_dir")'],
      'defines': ['NAPI_VERSION=8'],
      'conditions': [
        ['OS=="win"', {
          'sources': ['mapping_win32.c'],
          'msvs_settings': {
            'VCCLCompilerTool': { 'AdditionalOptions': ['/std:c11', '/experimental:c11atomics'] }
          }
        }, {
          'sources': ['mapping_posix.c'],
          'cflags': ['-std=c11', '-fvisibility=hidden', '-Wall', '-Wextra']
        }],
        ['OS=="linux"', {
          # A Worker that was the last to use the library must not take the fault handler with it.
          'ldflags': ['-Wl,-z,nodelete']
        }],
        ['OS=="mac"', {
          'xcode_settings': {
            'GCC_C_LANGUAGE_STANDARD': 'c11',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            'MACOSX_DEPLOYMENT_TARGET': '11.0'
          }
        }]
      ]
    }
  ]
}
