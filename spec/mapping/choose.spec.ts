import { expect } from 'chai'
import { SlidemapError } from '../../lib/errors.js'
import { chooseMapper, type Makers, type MapperChoice } from '../../lib/mapping/choose.js'
import type { Mapper } from '../../lib/mapping/mapper.js'
import { readMapper } from '../../lib/mapping/read.js'

function named(name: string): Mapper {
  return Object.assign(Object.create(readMapper()), { name })
}

const all: Makers = {
  native: () => named('native'),
  'mmap-io': () => named('mmap-io'),
  read: () => named('read')
}

const why = new Error('no such thing\nRequire stack:\n- somewhere')
const none: Makers = { ...all, native: () => throwing(why), 'mmap-io': () => throwing(why) }

function throwing(error: Error): never {
  throw error
}

/** A mapper of one's own: all that is needed, and nothing else. */
function own(): Mapper {
  return {
    name: 'own',
    granularity: 1,
    pageSize: 1,
    maxOffset: 10,
    maxLength: 10,
    detaches: false,
    servesAnyFile: false,
    run: () => Promise.reject(new Error('unused')),
    runSync: () => {
      throw new Error('unused')
    },
    close: () => Promise.resolve(),
    closeSync: () => {},
    drain: () => {}
  }
}

function choose(choice: MapperChoice, makers: Makers): { mapper: Mapper; warnings: string[] } {
  const warnings: string[] = []
  return { mapper: chooseMapper(choice, message => warnings.push(message), makers), warnings }
}

function thrownBy(body: () => unknown): Error & Record<string, unknown> {
  try {
    body()
  } catch (error) {
    return error as Error & Record<string, unknown>
  }
  return expect.fail('nothing was thrown')
}

describe('choosing a mapper', () => {
  it('gives the one asked for by name', () => {
    for (const name of ['native', 'mmap-io', 'read'] as const) {
      const { mapper, warnings } = choose(name, all)
      expect(mapper.name).to.equal(name)
      expect(warnings).to.deep.equal([])
    }
  })

  it('prefers native, without a word', () => {
    const { mapper, warnings } = choose('auto', all)
    expect(mapper.name).to.equal('native')
    expect(warnings).to.deep.equal([])
  })

  it('falls back to read with one warning that says why and what to do', () => {
    const { mapper, warnings } = choose('auto', none)
    expect(mapper.name).to.equal('read')
    expect(warnings).to.deep.equal([
      'files are read into memory instead of mapped, since the native mapper cannot be loaded (no such thing); ' +
        "reinstall slidemap on this platform (in a checkout, run `npm run build:native`), or choose mapper: 'read'"
    ])
  })

  it('says how addons are allowed where the runtime forbids them', () => {
    const forbidden = Object.assign(new Error('Cannot load native addon'), { code: 'ERR_DLOPEN_DISABLED' })
    const { warnings } = choose('auto', { ...all, native: () => throwing(forbidden) })
    expect(warnings).to.deep.equal([
      'files are read into memory instead of mapped, since the native mapper cannot be loaded (Cannot load native ' +
        "addon); run node with --allow-addons, or choose mapper: 'read'"
    ])
  })

  it('never falls back from a mapper asked for by name', () => {
    for (const name of ['native', 'mmap-io'] as const) {
      const error = thrownBy(() => choose(name, none))
      expect(error).to.be.instanceOf(SlidemapError)
      expect(error.code).to.equal('ERR_MAP_MAPPER')
      expect(error.cause).to.equal(why)
      expect(error.message).to.match(
        new RegExp(`^the ${name} mapper cannot be loaded \\(no such thing\\); .*install`)
      )
    }
  })

  it('says in the mapper that really is absent that it is', () => {
    // The package does not depend on mmap-io.
    const error = thrownBy(() => chooseMapper('mmap-io', expect.fail))
    expect(error.code).to.equal('ERR_MAP_MAPPER')
    expect(error.message).to.include("Cannot find module 'mmap-io'")
    expect(error.cause).to.have.property('code', 'MODULE_NOT_FOUND')
  })

  it('takes a mapper of one’s own as it is, and those of the package', () => {
    const mapper = own()
    expect(choose(mapper, none).mapper).to.equal(mapper)
    const read = readMapper()
    expect(choose(read, none).mapper).to.equal(read)
  })

  it('refuses an object that lacks a member, and names it', () => {
    for (const member of Object.keys(own())) {
      for (const value of [undefined, Symbol('wrong')]) {
        const error = thrownBy(() => choose({ ...own(), [member]: value } as never, all))
        expect(error).to.be.instanceOf(TypeError)
        expect(error.code).to.equal('ERR_INVALID_ARG_TYPE')
        expect(error.message).to.include(`"options.mapper.${member}"`)
      }
    }
  })

  it('takes one without readSmall, and refuses one whose readSmall is no function', () => {
    const mapper = { ...own(), readSmall: async () => [undefined] }
    expect(choose(mapper, all).mapper).to.equal(mapper)
    expect(choose({ ...own() }, all).mapper).not.to.have.property('readSmall')
    const error = thrownBy(() => choose({ ...own(), readSmall: true } as never, all))
    expect(error).to.include({ code: 'ERR_INVALID_ARG_TYPE' })
    expect(error.message).to.include('"options.mapper.readSmall"')
  })

  it('refuses one whose other optional methods are no functions', () => {
    for (const member of ['scan', 'visitCache', 'expectCopies']) {
      const error = thrownBy(() => choose({ ...own(), [member]: 5 } as never, all))
      expect(error).to.include({ code: 'ERR_INVALID_ARG_TYPE' })
      expect(error.message).to.include(`"options.mapper.${member}"`)
    }
  })

  it('refuses what is neither a name nor a mapper', () => {
    for (const choice of ['mmap', '', 1, null, undefined, true, () => {}]) {
      const error = thrownBy(() => choose(choice as never, all))
      expect(error).to.be.instanceOf(TypeError)
      expect(error.code).to.equal('ERR_INVALID_ARG_TYPE')
    }
  })
})
