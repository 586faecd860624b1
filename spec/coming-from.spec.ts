import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Cursor, MapManager, MappedBuffer, MappedFile } from '../lib/index.js'
import { root } from './support/child.js'

/** What smmap 5.0.3 makes public: what its modules list, and the methods of these classes. */
const smmap = `SlidingWindowMapManager StaticWindowMapManager WindowCursor SlidingWindowMapBuffer MapWindow MapRegion
  MapRegionList align_to_mmap is_64_bit ALLOCATIONGRANULARITY
  make_cursor collect num_file_handles num_open_files window_size mapped_memory_size max_mapped_memory_size
  max_file_handles force_map_handle_removal_win MapRegionListCls MapWindowCls MapRegionCls WindowCursorCls
  assign use_region unuse_region buffer map is_valid is_associated ofs_begin ofs_end size region includes_ofs file_size
  path_or_fd path fd begin_access end_access cursor max_memory_size max_open_handles flags`

/** What mmap-io 1.1.7 exports. */
const mmapIo = `map advise incore sync PROT_READ PROT_WRITE PROT_EXEC PROT_NONE MAP_SHARED MAP_PRIVATE MAP_NONBLOCK
  MAP_POPULATE MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED MADV_DONTNEED PAGESIZE`

for (const [name, names] of [
  ['coming-from-smmap.md', smmap],
  ['coming-from-mmap-io.md', mmapIo]
] as const) {
  describe(`docs/${name}`, () => {
    const text = readFileSync(join(root, 'docs', name), 'utf8')
    const rows = text.split('\n').filter(line => line.startsWith('| '))

    it('has a row for every public name', () => {
      const left = rows.map(row => row.split(' | ')[0]).join('\n')
      const missing = names.split(/\s+/).filter(word => !new RegExp(`\\b${word}\\b`).test(left))
      expect(missing).to.deep.equal([])
    })

    it('names only what there is', () => {
      const owners = { manager: MapManager, file: MappedFile, cursor: Cursor, buffer: MappedBuffer }
      const right = rows.map(row => row.split(' | ').slice(1).join('\n')).join('\n')
      const used = [...right.matchAll(/\b(manager|file|cursor|buffer)\.(\w+)/g)]
      expect(used.length).to.be.above(2)
      for (const [call, owner, member] of used) {
        if (call === 'file.path' || call === 'buffer.length') continue
        expect(owners[owner as keyof typeof owners].prototype as object, call).to.satisfy(
          (prototype: object) => member !== undefined && member in prototype
        )
      }
    })
  })
}
